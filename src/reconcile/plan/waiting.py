"""What cannot be done yet because something else is not done: it waits, with a reason."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from reconcile.model.change import Adopt, Change, Create, Held, HeldBecause, Update
from reconcile.model.key import Key
from reconcile.plan.order import takes_away


def hold_dependants(
    found: dict[Key, Change], held: dict[Key, Held], left_out: Mapping[Key, Change], users: Mapping[Key, tuple[Key, ...]]
) -> tuple[Held, ...]:
    """Take from `found` what needs something held or left out, and answer with it.

    A change that refers to something that will not be there waits; a profile stays while a mailbox was applied with it that is not
    touched; a slug is not given away while its row keeps it.
    """
    blocked: dict[Key, str] = dict.fromkeys(held, "is held")
    unmade: dict[Key, str] = dict(blocked)
    for key, change in left_out.items():
        blocked.setdefault(key, "is left out")
        if isinstance(change, (Create, Adopt)) or (isinstance(change, Update) and change.previous is not None):
            unmade.setdefault(key, "is left out")
    leaving = {change.previous: key for key, change in left_out.items() if isinstance(change, Update) and change.previous is not None}
    waiting: list[Held] = []
    while blocked:
        stopped = {key: other for key, change in found.items() if (other := _obstacle(change, blocked, unmade, leaving, users)) is not None}
        if not stopped:
            break
        for key, other in stopped.items():
            del found[key]
            reason = f"waits for {other}, which {blocked.get(other, 'is left out')}"
            waiting.append(Held(key=key, reason=reason, because=HeldBecause.WAITS))
            blocked[key] = unmade[key] = "is held"
    return tuple(waiting)


def _obstacle(
    change: Change,
    blocked: Collection[Key],
    unmade: Collection[Key],
    leaving: Mapping[Key, Key],
    users: Mapping[Key, tuple[Key, ...]],
) -> Key | None:
    if takes_away(change):
        return next((user for user in users.get(change.key, ()) if user in blocked), None)
    if change.key in leaving and isinstance(change, (Create, Adopt, Update)):
        return leaving[change.key]
    needed = change.references if isinstance(change, (Create, Adopt, Update)) else ()
    return next((key for key in needed if key in unmade), None)
