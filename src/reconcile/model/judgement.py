"""What the rules say of a plan: their findings, whose approval they ask for, and what of it stops the plan."""

from __future__ import annotations

from reconcile.lazy_dataclass import dataclass
from reconcile.model.finding import Finding, Severity

#: Stands among names for everybody who may approve.
ANYBODY = "any"


@dataclass(frozen=True, slots=True, kw_only=True)
class Approved:
    """`how` says by which proof."""

    name: str
    how: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NotApproved:
    """`why` nothing shows that this person approved."""

    name: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A rule that fired, and the approval it asks for: of `minimum` of `names` (or of anybody who may approve)."""

    rule: str
    names: tuple[str, ...]
    minimum: int = 1
    given: tuple[Approved, ...] = ()
    missing: tuple[NotApproved, ...] = ()

    @property
    def granted(self) -> bool:
        """Whether enough have approved."""
        return len(self.given) >= self.minimum


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """`commit` is what approvals were looked for at, "" where the plan comes from files that no commit holds. Findings of a rule whose
    approval is granted are among `findings`, accepted. `fail_on` None: nothing stops the plan."""

    findings: tuple[Finding, ...] = ()
    asked: tuple[Asked, ...] = ()
    fail_on: Severity | None = Severity.ERROR
    commit: str = ""

    @property
    def stops(self) -> tuple[Finding, ...]:
        """What keeps the plan from being applied."""
        return tuple(finding for finding in self.findings if self.stopping(finding))

    def stopping(self, finding: Finding) -> bool:
        """Whether one of its findings does."""
        return self.fail_on is not None and finding.counts and finding.severity >= self.fail_on
