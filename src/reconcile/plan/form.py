"""The form of a plan file, strictly: what is unknown, missing or of another type is refused with its place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal, TypeAlias, assert_never

from pydantic import Field

from reconcile.model.canonical import Leaf
from reconcile.model.change import (
    Adopt,
    BrakeTripped,
    Cause,
    Change,
    Command,
    Create,
    Delete,
    FieldChange,
    Forget,
    Held,
    HeldBecause,
    Keep,
    Moved,
    Note,
    Plan,
    SecretChange,
    Update,
)
from reconcile.model.commit import Commit
from reconcile.model.discovered import Discovered
from reconcile.model.key import SLUG_PATTERN, Key
from reconcile.model.management import OnRemoval
from reconcile.model.position import Position
from reconcile.model.selection import Selection
from reconcile.plan.document import JsonLeaf
from reconcile.plan.judgement_form import FiguresForm, JudgementForm, to_figures, to_judgement
from reconcile.plan.strict_form import PositionForm, StrictForm


class _Cause(StrictForm):
    moved: Annotated[Moved, Field(strict=False)]
    position: PositionForm | None = None
    note: str = ""
    was_in: str = ""


class _Field(StrictForm):
    path: str
    before: JsonLeaf
    after: JsonLeaf
    cause: _Cause


class _Keep(StrictForm):
    on_removal: Annotated[OnRemoval | None, Field(strict=False)]
    protected: bool


class _Secret(StrictForm):
    path: str
    reference: str
    before: str
    after: str
    cause: _Cause


class _Create(StrictForm):
    action: Literal["create"]
    key: str
    spec: dict[str, JsonLeaf]
    cause: _Cause
    external_id: str | None = None
    references: list[str] = Field(default=[])
    consequences: list[str] = Field(default=[])
    keep: _Keep


class _Adopt(StrictForm):
    action: Literal["adopt"]
    key: str
    external_id: str
    observed_version: str
    spec: dict[str, JsonLeaf]
    fields: list[_Field]
    cause: _Cause
    references: list[str] = Field(default=[])
    consequences: list[str] = Field(default=[])
    keep: _Keep


class _Update(StrictForm):
    action: Literal["update"]
    key: str
    external_id: str
    observed_version: str
    spec: dict[str, JsonLeaf]
    fields: list[_Field]
    previous: str | None = None
    position: PositionForm | None = None
    references: list[str] = Field(default=[])
    consequences: list[str] = Field(default=[])
    keep: _Keep
    rotated: list[_Secret]
    records: list[_Field]
    orphan: bool


class _Delete(StrictForm):
    action: Literal["delete"]
    key: str
    external_id: str
    observed_version: str
    before: dict[str, JsonLeaf]
    cause: _Cause
    consequences: list[str] = Field(default=[])


class _Forget(StrictForm):
    action: Literal["forget"]
    key: str
    external_id: str
    before: dict[str, JsonLeaf]
    cause: _Cause
    consequences: list[str] = Field(default=[])


class _Command(StrictForm):
    action: Literal["command"]
    key: str
    external_id: str
    observed_version: str
    verb: str
    arguments: dict[str, JsonLeaf]
    reason: str
    cause: _Cause
    consequences: list[str] = Field(default=[])


ChangeForm: TypeAlias = Annotated[_Create | _Adopt | _Update | _Delete | _Forget | _Command, Field(discriminator="action")]


class _Held(StrictForm):
    key: str
    reason: str
    because: Annotated[HeldBecause, Field(strict=False)]
    position: PositionForm | None = None


class _Brake(StrictForm):
    name: str
    message: str
    count: int
    of: int
    limit: int
    keys: list[str]
    knob: str
    scope: str


class _Note(StrictForm):
    message: str
    key: str | None = None
    position: PositionForm | None = None


class _Commit(StrictForm):
    id: str
    author: str
    at: str
    subject: str


class _Selection(StrictForm):
    only: list[str]
    exclude: list[str]


class _Discovered(StrictForm):
    key: str
    address: str
    # It is where credentials go.
    url: Annotated[str, Field(pattern=r"^https://[!-~]+$", max_length=2048)]
    method: str
    at: str
    before: str
    before_at: str


class PlanForm(StrictForm):
    """The whole file."""

    format_version: str
    target: str
    # It names a folder of the state directory, so nothing but a slug may stand here.
    environment: Annotated[str, Field(pattern=SLUG_PATTERN)]
    organization_id: str | None
    source: str
    revision: str
    changes: list[ChangeForm]
    held: list[_Held]
    brakes: list[_Brake]
    notes: list[_Note]
    unchanged: int
    unobserved: list[str]
    findings: int
    lifted: list[str]
    tenant_id: str | None
    commits: dict[str, _Commit]
    selection: _Selection | None
    left_out: int
    lasting: list[str]
    against: str = ""
    figures: FiguresForm | None = None
    judgement: JudgementForm | None = None
    discovered: list[_Discovered] = Field(default=[])
    digest: str
    checksum: str


def _from_leaf(leaf: JsonLeaf) -> Leaf:
    return tuple(leaf) if isinstance(leaf, list) else leaf


def _from_spec(spec: Mapping[str, JsonLeaf]) -> dict[str, Leaf]:
    return {path: _from_leaf(leaf) for path, leaf in spec.items()}


def _from_place(position: PositionForm | None) -> Position | None:
    return None if position is None else position.position()


def _from_cause(cause: _Cause) -> Cause:
    return Cause(moved=cause.moved, position=_from_place(cause.position), note=cause.note, was_in=cause.was_in)


def _from_fields(fields: Sequence[_Field]) -> tuple[FieldChange, ...]:
    return tuple(
        FieldChange(path=field.path, before=_from_leaf(field.before), after=_from_leaf(field.after), cause=_from_cause(field.cause))
        for field in fields
    )


def _from_keep(keep: _Keep) -> Keep:
    return Keep(on_removal=keep.on_removal, protected=keep.protected)


def _from_keys(keys: Sequence[str]) -> tuple[Key, ...]:
    return tuple(Key.parse(key) for key in keys)


def to_change(change: ChangeForm) -> Change:
    """Raises ValueError for what is no key, or an update that changes nothing."""
    key, words = Key.parse(change.key), tuple(change.consequences)
    match change:
        case _Create():
            return Create(
                key=key,
                spec=_from_spec(change.spec),
                cause=_from_cause(change.cause),
                external_id=change.external_id,
                references=_from_keys(change.references),
                consequences=words,
                keep=_from_keep(change.keep),
            )
        case _Adopt():
            return Adopt(
                key=key,
                external_id=change.external_id,
                observed_version=change.observed_version,
                spec=_from_spec(change.spec),
                fields=_from_fields(change.fields),
                cause=_from_cause(change.cause),
                references=_from_keys(change.references),
                consequences=words,
                keep=_from_keep(change.keep),
            )
        case _Update():
            return Update(
                key=key,
                external_id=change.external_id,
                observed_version=change.observed_version,
                spec=_from_spec(change.spec),
                fields=_from_fields(change.fields),
                previous=None if change.previous is None else Key.parse(change.previous),
                position=_from_place(change.position),
                references=_from_keys(change.references),
                consequences=words,
                keep=_from_keep(change.keep),
                rotated=tuple(
                    SecretChange(
                        path=secret.path,
                        reference=secret.reference,
                        before=secret.before,
                        after=secret.after,
                        cause=_from_cause(secret.cause),
                    )
                    for secret in change.rotated
                ),
                records=_from_fields(change.records),
                orphan=change.orphan,
            )
        case _Delete():
            return Delete(
                key=key,
                external_id=change.external_id,
                observed_version=change.observed_version,
                before=_from_spec(change.before),
                cause=_from_cause(change.cause),
                consequences=words,
            )
        case _Forget():
            return Forget(
                key=key,
                external_id=change.external_id,
                before=_from_spec(change.before),
                cause=_from_cause(change.cause),
                consequences=words,
            )
        case _Command():
            return Command(
                key=key,
                external_id=change.external_id,
                observed_version=change.observed_version,
                verb=change.verb,
                arguments=_from_spec(change.arguments),
                reason=change.reason,
                cause=_from_cause(change.cause),
                consequences=words,
            )
    assert_never(change)


def to_plan(plan: PlanForm) -> Plan:
    """Raises ValueError as `to_change`."""
    return Plan(
        target=plan.target,
        environment=plan.environment,
        organization_id=plan.organization_id,
        source=plan.source,
        revision=plan.revision,
        changes=tuple(to_change(change) for change in plan.changes),
        held=tuple(
            Held(key=Key.parse(held.key), reason=held.reason, because=held.because, position=_from_place(held.position))
            for held in plan.held
        ),
        brakes=tuple(
            BrakeTripped(
                name=brake.name,
                message=brake.message,
                count=brake.count,
                of=brake.of,
                limit=brake.limit,
                keys=_from_keys(brake.keys),
                knob=brake.knob,
                scope=brake.scope,
            )
            for brake in plan.brakes
        ),
        notes=tuple(
            Note(message=note.message, key=None if note.key is None else Key.parse(note.key), position=_from_place(note.position))
            for note in plan.notes
        ),
        unchanged=plan.unchanged,
        unobserved=tuple(plan.unobserved),
        findings=plan.findings,
        lifted=tuple(plan.lifted),
        tenant_id=plan.tenant_id,
        commits={
            file: Commit(id=commit.id, author=commit.author, at=commit.at, subject=commit.subject) for file, commit in plan.commits.items()
        },
        selection=None if plan.selection is None else Selection(only=tuple(plan.selection.only), exclude=tuple(plan.selection.exclude)),
        left_out=plan.left_out,
        lasting=tuple(plan.lasting),
        against=plan.against,
        figures=None if plan.figures is None else to_figures(plan.figures),
        judgement=None if plan.judgement is None else to_judgement(plan.judgement),
        discovered=tuple(
            Discovered(
                key=Key.parse(one.key),
                address=one.address,
                url=one.url,
                method=one.method,
                at=one.at,
                before=one.before,
                before_at=one.before_at,
            )
            for one in plan.discovered
        ),
        digest=plan.digest,
    )
