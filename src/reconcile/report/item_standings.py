"""How mailboxes stand with their appointments, contacts and tasks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from reconcile.lazy_dataclass import dataclass
from reconcile.model.item_aside import ItemAside
from reconcile.model.item_brake import ItemBrake
from reconcile.report.counted import counted, several
from reconcile.report.item_brakes import StandingBrake, brake_json, brake_lines
from reconcile.report.items_aside import aside_json, aside_lines
from reconcile.report.safe_text import neutral


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemStanding:
    """How one mailbox stands with one kind. `at` is UTC RFC 3339, "" for never."""

    mailbox: str
    kind: str
    linked: int
    at: str
    error: str
    hint: str
    failures: int = 0
    brake: ItemBrake | None = None
    released: int = 0
    asides: Sequence[ItemAside] = ()


def standings_json(standings: Sequence[ItemStanding]) -> list[dict[str, Any]]:
    """One object a mailbox and kind."""
    return [
        {
            "mailbox": one.mailbox,
            "kind": one.kind,
            "linked": one.linked,
            "lastLook": one.at or None,
            "error": {"message": one.error, "hint": one.hint} if one.error else None,
            "brake": brake_json(one.mailbox, one.kind, one.brake),
            "released": one.released,
            "failures": one.failures,
            "aside": [aside_json(aside) for aside in one.asides],
        }
        for one in standings
    ]


def standings_lines(standings: Sequence[ItemStanding], conflicts: int, *, told: Mapping[str, str] = MappingProxyType({})) -> list[str]:
    """A sum, then what failed, each cause once. `told` is what is said of mailboxes (by slug) elsewhere: that is left out here."""
    linked = {kind: sum(one.linked for one in standings if one.kind == kind) for kind in ("appointment", "contact", "task")}
    mailboxes = len({one.mailbox for one in standings})
    if not mailboxes:
        return []
    sums = ", ".join(counted(count, kind) for kind, count in linked.items())
    lines = [f"{sums} kept in step in {counted(mailboxes, 'mailbox', 'mailboxes')}"]
    if conflicts:
        lines.append(f"{counted(conflicts, 'field')} changed on both sides: `reconcile activities items conflicts`")
    lines += _failing_lines([one for one in standings if _cause(one) not in told.get(one.mailbox, "")])
    lines += aside_lines([(one.mailbox, aside) for one in standings for aside in one.asides])
    braked = [(one, one.brake) for one in standings if one.brake is not None]
    lines += brake_lines([StandingBrake(mailbox=one.mailbox, kind=one.kind, brake=brake, released=one.released) for one, brake in braked])
    return lines


def _cause(one: ItemStanding) -> str:
    return one.error.removeprefix(f"{one.kind}s: ")


def _failing_lines(standings: Sequence[ItemStanding]) -> Iterator[str]:
    """One cause in a hundred mailboxes, for all their kinds, is one cause."""
    alike: dict[tuple[str, str], list[ItemStanding]] = {}
    for one in standings:
        if one.error:
            alike.setdefault((_cause(one), one.hint), []).append(one)
    for (error, hint), group in alike.items():
        names = list(dict.fromkeys(one.mailbox for one in group))
        kinds = ", ".join(dict.fromkeys(f"{one.kind}s" for one in group))
        yield f"{neutral(several(names))}: {kinds}: {neutral(error)}"
        yield from [f"  next: {neutral(hint)}"] if hint else []
