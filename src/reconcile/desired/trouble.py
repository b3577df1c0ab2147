"""What assignments do wrong, said once for all the mailboxes it concerns. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import field
from typing import Final, assert_never

from reconcile.desired.assignments import Assignment, Assignments, Clash, Given, Misfit
from reconcile.desired.draft import Draft, Place
from reconcile.desired.origin import Locate
from reconcile.lazy_dataclass import dataclass
from reconcile.model.finding import Finding, Severity
from reconcile.model.key import Key

#: So many mailboxes are named; the rest is a number.
_NAMED: Final = 3


@dataclass(slots=True)
class Troubles:
    """Gathers clashes and misfits of many mailboxes."""

    _by_cause: dict[tuple[Key, Clash | Misfit], list[str]] = field(default_factory=dict)

    def note(self, mailbox: Key, given: Given) -> str:
        """Remember what is wrong with a mailbox, and say why it is held."""
        words: list[str] = []
        for clash in given.clashes:
            self._by_cause.setdefault((clash.assignments[0], clash), []).append(mailbox.name)
            words.append(f"{clash.path} is given by {_listed(clash.assignments)} with equal priority")
        for misfit in given.misfits:
            giver = given.assigned[misfit.path]
            self._by_cause.setdefault((giver, misfit), []).append(mailbox.name)
            words.append(f"{misfit.path}, given by {giver}: {misfit.message}")
        return "; ".join(words)

    def drafts(self, assignments: Assignments, place: Callable[[Key, str], Place]) -> list[Draft]:
        """As findings whose lines are looked up later. `place` finds a path of an assignment's spec."""
        return [
            Draft(
                rule=one.rule,
                message=one.message,
                hint=one.hint,
                place=place(one.giver, one.path),
                resource=one.giver,
                related=tuple(place(key, path) for key, path in one.related),
            )
            for one in self._complaints(assignments)
        ]

    def findings(self, assignments: Assignments, locate: Locate) -> list[Finding]:
        """As findings with their lines."""
        return [
            Finding(
                rule=one.rule,
                severity=Severity.ERROR,
                message=one.message,
                hint=one.hint,
                position=locate(one.giver, one.path),
                path=f"spec.{one.path}",
                resource=one.giver,
                related=tuple(locate(key, path) for key, path in one.related),
            )
            for one in self._complaints(assignments)
        ]

    def _complaints(self, assignments: Assignments) -> Iterator[_Complaint]:
        """One a cause and assignment."""
        known = {one.key: one for one in assignments.of}
        for (giver, cause), names in self._by_cause.items():
            match cause:
                case Clash():
                    for key in cause.assignments:
                        yield _clash(cause, key, known, names)
                case Misfit():
                    yield _misfit(cause, known[giver], names)
                case other:
                    assert_never(other)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Complaint:
    """`path` and those of `related` are of the spec of an assignment."""

    rule: str
    message: str
    hint: str
    giver: Key
    path: str
    related: tuple[tuple[Key, str], ...] = ()


def _clash(clash: Clash, giver: Key, known: Mapping[Key, Assignment], names: Sequence[str]) -> _Complaint:
    others = [key for key in clash.assignments if key != giver]
    gives = "gives" if len(others) == 1 else "give"
    return _Complaint(
        rule="assignment/conflict",
        message=f"{_listed(others)} {gives} {clash.path} with the same priority {known[giver].priority} to {_mailboxes(names)}",
        hint="give one of them another priority, or write the field in the mailbox; until then the mailbox is left alone",
        giver=giver,
        path=known[giver].path(clash.path),
        related=tuple((other, known[other].path(clash.path)) for other in others),
    )


def _misfit(misfit: Misfit, giver: Assignment, names: Sequence[str]) -> _Complaint:
    return _Complaint(
        rule="assignment/impossible",
        message=f"{misfit.path} cannot be given to {_mailboxes(names)}: {misfit.message}",
        hint="select mailboxes of other types, or write the field in the mailbox; until then the mailbox is left alone",
        giver=giver.key,
        path=giver.path(misfit.path),
    )


def _listed(keys: Sequence[Key]) -> str:
    return " and ".join(str(key) for key in keys)


def _mailboxes(names: Sequence[str]) -> str:
    shown = sorted(set(names))
    more = len(shown) - _NAMED
    return ", ".join(f"Mailbox/{name}" for name in shown[:_NAMED]) + (f" and {more:,} more" if more > 0 else "")
