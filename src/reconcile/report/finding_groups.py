"""Findings that have one cause put together: a profile that breaks a thousand mailboxes is one thing to mend."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import TypeAlias

from reconcile.lazy_dataclass import dataclass
from reconcile.model.finding import Finding
from reconcile.model.key import Key
from reconcile.model.position import Position

#: Where a resource is declared, None when nobody knows.
PlaceOf: TypeAlias = Callable[[Key], Position | None]


def nowhere(key: Key) -> Position | None:
    """For reports that have findings and nothing else."""
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """`findings` are at least one, all of one rule and severity; `position` is where the cause stands."""

    findings: Sequence[Finding]
    position: Position

    @property
    def first(self) -> Finding:
        """The finding that speaks for all."""
        return self.findings[0]

    @property
    def others(self) -> int:
        """How many findings there are beside the first."""
        return len(self.findings) - 1


def grouped(findings: Iterable[Finding], place_of: PlaceOf = nowhere) -> list[Group]:
    """Groups in the order of their places. Linear in the number of findings, beside sorting the groups."""
    gathered: dict[Hashable, list[Finding]] = {}
    for number, finding in enumerate(findings):
        gathered.setdefault(_reason(finding) or number, []).append(finding)
    groups = [Group(findings=part, position=_place(part, place_of)) for several in gathered.values() for part in _told_apart(several)]
    return sorted(groups, key=lambda group: (group.position[:3], group.first.rule, group.first.message))


def worst_first(groups: Iterable[Group]) -> list[Group]:
    """By severity, then by how many objects break, then by place."""
    return sorted(groups, key=lambda group: (-group.first.severity, -len(group.findings)))


def kinds_of(findings: Sequence[Finding]) -> str:
    """`1,000 mailboxes`, `3 mailboxes, 1 profile`; findings about no resource are counted as such."""
    counts = Counter(_NOUNS.get(finding.resource.kind, "object") if finding.resource is not None else "finding" for finding in findings)
    return ", ".join(f"{count:,} {noun if count == 1 else _plural(noun)}" for noun, count in counts.most_common())


_NOUNS = {"Mailbox": "mailbox", "EmailServerProfile": "profile", "Organization": "organization", "Environment": "environment"}


def _plural(noun: str) -> str:
    return f"{noun}es" if noun.endswith("x") else f"{noun}s"


def _reason(finding: Finding) -> Hashable:
    """What findings of one group share; None for a finding that stands alone."""
    if finding.cause is not None:
        return (finding.rule, finding.severity, finding.accepted, finding.cause)
    if in_table(finding):
        # The same mistake down a column: its lines differ in what they say there, and are mended by one replacement.
        return (finding.rule, finding.severity, finding.accepted, finding.position.file, finding.path, finding.hint)
    if finding.resource is None:
        return None
    # The same place for several resources: an assignment or an earlier layer wrote the field.
    return (finding.rule, finding.severity, finding.accepted, finding.position, finding.path, finding.hint)


def in_table(finding: Finding) -> bool:
    """Whether a built-in check found it in a line of a table below its header, and it names no other place."""
    place = finding.position
    return "/" in finding.rule and not finding.related and place.file.lower().endswith(".csv") and place.line > 1


#: Lines of a table that are shown each: what they say there differs.
_FEW_LINES = 3


def _told_apart(findings: Sequence[Finding]) -> Iterable[Sequence[Finding]]:
    """Several findings about one resource at one place say different things: each stands alone. So do a few lines of a table."""
    if findings[0].cause is not None:
        return (findings,)
    together = len(findings) > _FEW_LINES if in_table(findings[0]) else len({one.resource for one in findings}) == len(findings)
    return (findings,) if together or len(findings) == 1 else [(one,) for one in findings]


def _place(findings: Sequence[Finding], place_of: PlaceOf) -> Position:
    first = findings[0]
    if len(findings) == 1 or first.cause is None or all(one.position == first.position for one in findings):
        return first.position
    shared = next((place for place in first.related if all(place in one.related for one in findings)), None)
    return shared or place_of(first.cause) or first.position
