"""What assignments do wrong, said once for all the mailboxes it concerns. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, assert_never

from reconcile.desired.assignments import Assignment, Assignments, Clash, Given, Misfit
from reconcile.desired.draft import Draft, Place
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
        """One finding a cause and assignment. `place` finds a path of an assignment's spec."""
        known = {one.key: one for one in assignments.of}
        drafts: list[Draft] = []
        for (giver, cause), names in self._by_cause.items():
            match cause:
                case Clash():
                    drafts += [_clash(cause, one, known, names, place) for one in cause.assignments]
                case Misfit():
                    drafts.append(_misfit(cause, known[giver], names, place))
                case other:
                    assert_never(other)
        return drafts


def _clash(clash: Clash, giver: Key, known: dict[Key, Assignment], names: Sequence[str], place: Callable[[Key, str], Place]) -> Draft:
    others = [key for key in clash.assignments if key != giver]
    return Draft(
        rule="assignment/conflict",
        message=f"{_listed(others)} gives {clash.path} with the same priority {known[giver].priority} to {_mailboxes(names)}",
        hint="give one of them another priority, or write the field in the mailbox; until then the mailbox is left alone",
        place=place(giver, known[giver].path(clash.path)),
        resource=giver,
        related=tuple(place(other, known[other].path(clash.path)) for other in others),
    )


def _misfit(misfit: Misfit, giver: Assignment, names: Sequence[str], place: Callable[[Key, str], Place]) -> Draft:
    return Draft(
        rule="assignment/impossible",
        message=f"{misfit.path} cannot be given to {_mailboxes(names)}: {misfit.message}",
        hint="select mailboxes of other types, or write the field in the mailbox; until then the mailbox is left alone",
        place=place(giver.key, giver.path(misfit.path)),
        resource=giver.key,
    )


def _listed(keys: Sequence[Key]) -> str:
    return " and ".join(str(key) for key in keys)


def _mailboxes(names: Sequence[str]) -> str:
    shown = sorted(set(names))
    more = len(shown) - _NAMED
    return ", ".join(f"Mailbox/{name}" for name in shown[:_NAMED]) + (f" and {more:,} more" if more > 0 else "")
