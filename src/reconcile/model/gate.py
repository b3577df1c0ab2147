"""What a gate says about a change: what is new in it, what it would do, and whether it touches what judges it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from reconcile.lazy_dataclass import dataclass
from reconcile.model.change import Plan
from reconcile.model.exit_code import ExitCode
from reconcile.model.finding import Finding, Severity
from reconcile.model.position import Position


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeChange:
    """An edit of rules, settings, waivers, approvers, brakes or of the pipeline: it is judged by what it edits, as that stands at the base.

    `what` names the document, the file or the brakes of an environment; `changes` say which values; `approved` says who proved to have
    approved it, "" where nobody did.
    """

    what: str
    action: Literal["added", "changed", "removed"]
    position: Position | None = None
    changes: tuple[str, ...] = ()
    approved: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """One environment. `plan` is None where it could not be compared; `problem` then says why, and `code` whose fault it is."""

    environment: str
    plan: Plan | None = None
    problem: str = ""
    code: ExitCode = ExitCode.NOTHING_TO_DO


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """`base` is the revision that judges, as it was named, `base_commit` its id; `compared_commit` is another one where the change does not
    build on the tip of the base. `new` and `old` are findings of the change, `old` those that the base has too; `mended` counts those that
    only the base has. `approvers` is None where the base names nobody. `fail_on` None: findings fail nothing. `notes` are sentences on what
    the comparison cannot know."""

    base: str
    base_commit: str
    compared_commit: str
    head_commit: str
    prefix: str
    new: Sequence[Finding]
    old: Sequence[Finding]
    mended: int
    judges: Sequence[JudgeChange]
    approvers: Sequence[str] | None
    environments: Sequence[Compared]
    fail_on: Severity | None
    strict: bool
    code: ExitCode
    notes: Sequence[str] = ()

    @property
    def waits(self) -> bool:
        """Whether somebody whom the base names has to approve what the change edits of its judges, and has not."""
        return bool(self.approvers) and any(not one.approved for one in self.judges)

    @property
    def behind(self) -> bool:
        """Whether the base has moved on since the change was begun."""
        return self.base_commit != self.compared_commit
