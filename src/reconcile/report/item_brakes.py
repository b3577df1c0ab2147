"""The brake on deletions of appointments, contacts and tasks, for people and programs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from reconcile.lazy_dataclass import dataclass
from reconcile.model.item_brake import ITEM_DELETIONS, ItemBrake
from reconcile.report.safe_text import neutral

#: So many mailboxes and kinds are named with their numbers.
_SHOWN: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class StandingBrake:
    """Of one mailbox (its slug) and kind. `released` is the number that somebody let go with the next look."""

    mailbox: str
    kind: str
    brake: ItemBrake
    released: int = 0


def brake_words(kind: str, brake: ItemBrake) -> str:
    """What it holds, in one sentence without the mailbox: `200 of 1,000 contacts would go (…), at most 100 at a time`."""
    if brake.other_folder:
        return f"its {kind}s come from another mailbox than before ({brake.of:,} linked)"
    return f"{_share(kind, brake)} would go ({_sides(brake)}), at most {brake.limit:,} at a time"


def brake_hint(mailbox: str, kind: str, brake: ItemBrake) -> str:
    """The next step."""
    if brake.other_folder:
        return f"Mend the address or its server; if a new mailbox is meant: {_release(mailbox, kind, brake)}."
    return f"Look what was deleted, and bring it back; if it is meant: {_release(mailbox, kind, brake)} ({brake.knob} sets the limit)."


def brake_json(mailbox: str, kind: str, brake: ItemBrake | None) -> dict[str, Any] | None:
    """The same for programs."""
    if brake is None:
        return None
    return {
        "name": ITEM_DELETIONS,
        "since": brake.since,
        "count": brake.count,
        "here": brake.here,
        "there": brake.there,
        "parted": brake.parted,
        "of": brake.of,
        "limit": brake.limit,
        "knob": brake.knob or None,
        "otherMailbox": brake.other_folder,
        "message": brake_words(kind, brake),
        "hint": brake_hint(mailbox, kind, brake),
    }


def brake_lines(standing: Sequence[StandingBrake]) -> Iterator[str]:
    """Each cause once: what it is, a line for each mailbox and kind, and the next step."""
    causes = (
        ("what one look would delete", [one for one in standing if not one.brake.other_folder]),
        ("what comes from another mailbox than before", [one for one in standing if one.brake.other_folder]),
    )
    for cause, group in causes:
        if not group:
            continue
        yield f"brake {ITEM_DELETIONS} holds {cause}:"
        for one in group[:_SHOWN]:
            since = f"since {one.brake.since[:16].replace('T', ' ')}"
            gone = f"; {one.released:,} released, they go with the next look" if one.released else ""
            said = _whole(one.kind, one.brake) if one.brake.other_folder else f"{_share(one.kind, one.brake)} ({_sides(one.brake)})"
            yield f"  {neutral(one.mailbox)}: {said}, {since}{gone}"
        if group[_SHOWN:]:
            yield f"  and {len(group) - _SHOWN} more: `--output json` has all"
        held = [one for one in group if not one.released]
        if held:
            each = ", and so on for each" if len(held) > 1 else ""
            first = held[0]
            step = brake_hint(first.mailbox, first.kind, first.brake).removesuffix(".")
            yield f"  next: {neutral(step)}{each}."


def _share(kind: str, brake: ItemBrake) -> str:
    return f"{brake.count:,} of {_whole(kind, brake)}"


def _whole(kind: str, brake: ItemBrake) -> str:
    return f"{brake.of:,} {kind}{'' if brake.of == 1 else 's'}"


def _sides(brake: ItemBrake) -> str:
    parts = ((brake.here, "deleted here"), (brake.there, "deleted in the mailbox"), (brake.parted, "parted"))
    return ", ".join(f"{count:,} {words}" for count, words in parts if count)


def _release(mailbox: str, kind: str, brake: ItemBrake) -> str:
    return f"`reconcile activities items release {mailbox} {kind} --deletions {brake.count}`"
