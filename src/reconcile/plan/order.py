"""The order of changes: what is referred to comes first, deletes come last and in reverse, a slug is freed before it is reused."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from heapq import heapify, heappop, heappush

from reconcile.model.change import Adopt, Change, Create, Delete, Forget, Update
from reconcile.model.key import KINDS, Key

#: Of what depends on nothing: kinds in dependency order, deletes after everything else and backwards.
_KIND = {kind: rank for rank, kind in enumerate(KINDS)}
_ACTION = {Update: 0, Adopt: 1, Create: 2}


def takes_away(change: Change) -> bool:
    """Whether others lose what they refer to: deleted, forgotten, or made inactive because its document is gone."""
    return isinstance(change, (Delete, Forget)) or (isinstance(change, Update) and change.orphan)


def rank(change: Change) -> tuple[int, int, int, str]:
    """Tie-break among changes that do not depend on each other; total, so the order never depends on that of the files."""
    kind = _KIND.get(change.key.kind, len(KINDS))
    if takes_away(change):
        return (1, -kind, 0, change.key.name)
    return (0, kind, _ACTION.get(type(change), 3), change.key.name)


def dependencies(changes: Sequence[Change], users: Mapping[Key, Iterable[Key]]) -> dict[int, set[int]]:
    """For each change (by position) the positions of those that must have succeeded before it.

    `users` maps a key to the keys of inventory entries that were applied with a reference to it: a delete waits for them.
    """
    at: dict[Key, int] = {change.key: number for number, change in enumerate(changes)}
    left: dict[Key, int] = {}
    for number, change in enumerate(changes):
        if isinstance(change, Update) and change.previous is not None:
            left[change.previous] = number
    needs: dict[int, set[int]] = {}
    for number, change in enumerate(changes):
        before: set[int] = set()
        if isinstance(change, (Create, Adopt, Update)):
            # What is declared as somebody else's is forgotten and still referred to: nobody waits for that.
            before |= {at[key] for key in change.references if key in at and not takes_away(changes[at[key]])}
            if change.key in left:
                before.add(left[change.key])
        if takes_away(change):
            before |= {at[key] for key in users.get(change.key, ()) if key in at}
        before.discard(number)
        needs[number] = before
    return needs


def ordered(changes: Sequence[Change], users: Mapping[Key, Iterable[Key]]) -> tuple[Change, ...]:
    """Sorted for one apply. Raises ValueError for a circle, which cannot be: kinds refer in one direction."""
    base = sorted(changes, key=rank)
    needs = dependencies(base, users)
    if not any(needs.values()):
        return tuple(base)
    return tuple(base[number] for number in _topological(needs))


def _topological(needs: Mapping[int, set[int]]) -> list[int]:
    """Smallest number first among those whose needs are met (graphlib goes level by level, which would pull deletes forward)."""
    waiting = {number: set(before) for number, before in needs.items()}
    followers: dict[int, list[int]] = {}
    for number, before in waiting.items():
        for other in before:
            followers.setdefault(other, []).append(number)
    ready = [number for number, before in waiting.items() if not before]
    heapify(ready)
    result: list[int] = []
    while ready:
        number = heappop(ready)
        result.append(number)
        for follower in followers.get(number, ()):
            waiting[follower].discard(number)
            if not waiting[follower]:
                heappush(ready, follower)
    if len(result) != len(needs):
        raise ValueError("changes that wait for each other")
    return result
