"""The form of figures and judgement in a plan file, strictly: the reading half."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final, Literal

from reconcile.model.figures import Figures
from reconcile.model.finding import Accepted, Finding, Severity
from reconcile.model.judgement import Approved, Asked, Judgement, NotApproved
from reconcile.model.key import Key
from reconcile.plan.strict_form import PositionForm, StrictForm

_SEVERITIES: Final = {str(one): one for one in Severity}
_Word = Literal["error", "warning", "information"]


class FiguresForm(StrictForm):
    """What the changes come to."""

    ours: dict[str, int]
    disabled: list[str]
    reprofiled: list[str]
    floors_moved_back: list[str]
    other_accounts: list[str]
    used_by: dict[str, int]


class _Accepted(StrictForm):
    by: Literal["waiver", "baseline", "approval"]
    name: str
    until: str | None


class _Finding(StrictForm):
    rule: str
    severity: _Word
    message: str
    hint: str
    position: PositionForm
    path: str
    resource: str | None
    related: list[PositionForm]
    cause: str | None
    values: list[list[str]]
    accepted: _Accepted | None


class _Given(StrictForm):
    name: str
    how: str


class _Missing(StrictForm):
    name: str
    why: str


class _Asked(StrictForm):
    rule: str
    of: list[str]
    minimum: int
    granted: bool
    given: list[_Given]
    missing: list[_Missing]


class JudgementForm(StrictForm):
    """What the rules say."""

    fail_on: _Word | Literal["never"]
    stops: int
    commit: str
    findings: list[_Finding]
    asked: list[_Asked]


def to_figures(form: FiguresForm) -> Figures:
    """Raises ValueError for what is no key."""
    return Figures(
        ours=form.ours,
        disabled=_keys(form.disabled),
        reprofiled=_keys(form.reprofiled),
        floors_moved_back=_keys(form.floors_moved_back),
        other_accounts=_keys(form.other_accounts),
        used_by=form.used_by,
    )


def to_judgement(form: JudgementForm) -> Judgement:
    """Raises ValueError for what is no key, or no instant."""
    return Judgement(
        findings=tuple(_finding(finding) for finding in form.findings),
        asked=tuple(
            Asked(
                rule=one.rule,
                names=tuple(one.of),
                minimum=one.minimum,
                given=tuple(Approved(name=by.name, how=by.how) for by in one.given),
                missing=tuple(NotApproved(name=by.name, why=by.why) for by in one.missing),
            )
            for one in form.asked
        ),
        fail_on=_SEVERITIES.get(form.fail_on),
        commit=form.commit,
    )


def _keys(keys: Sequence[str]) -> tuple[Key, ...]:
    return tuple(Key.parse(key) for key in keys)


def _finding(finding: _Finding) -> Finding:
    accepted = finding.accepted
    return Finding(
        rule=finding.rule,
        severity=_SEVERITIES[finding.severity],
        message=finding.message,
        hint=finding.hint,
        position=finding.position.position(),
        path=finding.path,
        resource=None if finding.resource is None else Key.parse(finding.resource),
        related=tuple(position.position() for position in finding.related),
        cause=None if finding.cause is None else Key.parse(finding.cause),
        values=tuple((name, text) for name, text in finding.values),
        accepted=None if accepted is None else Accepted(by=accepted.by, name=accepted.name, until=_moment(accepted.until)),
    )


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
