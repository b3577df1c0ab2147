"""Notes in memory: the twin of the files, for tests."""

from __future__ import annotations

import threading
from collections.abc import Collection

from reconcile.model.outbox_step import Settle
from reconcile.ports.settled_notes import NOTHING_NOTED, Noted


class MemorySettledNotes:
    """See `SettledNotes`. Processes are not known here: `died` says which owners have ended."""

    def __init__(self, *, places: int = 64) -> None:
        self._places = places
        #: By owner and thread, what each noted since its last `written`.
        self._answers: dict[str, dict[int, dict[int, Settle]]] = {}
        self._begun: dict[str, dict[int, dict[tuple[int, int], tuple[str, ...]]]] = {}
        self.died: set[str] = set()

    def room(self, owner: str) -> int:
        self._answers.setdefault(owner, {})
        return self._places

    def fits(self, recipients: Collection[str]) -> bool:
        return True

    def begin(self, owner: str, entry_id: int, attempt: int, recipients: Collection[str]) -> bool:
        mine = self._begun.setdefault(owner, {}).setdefault(threading.get_ident(), {})
        mine[entry_id, attempt] = tuple(recipients)
        return True

    def keep(self, entry_id: int, step: Settle) -> bool:
        mine = self._answers.setdefault(step.owner, {}).setdefault(threading.get_ident(), {})
        if len(mine) >= max(self._places, 1):
            return False
        mine[entry_id] = step
        return True

    def written(self, owner: str) -> None:
        self._answers.get(owner, {}).pop(threading.get_ident(), None)
        self._begun.get(owner, {}).pop(threading.get_ident(), None)

    def of(self, owner: str) -> Noted:
        if owner not in self._answers and owner not in self._begun:
            return NOTHING_NOTED
        return Noted(
            answers={number: step for one in self._answers.get(owner, {}).values() for number, step in one.items()},
            begun={mail: taken for one in self._begun.get(owner, {}).values() for mail, taken in one.items()},
            whole=True,
        )

    def left_behind(self) -> Collection[str]:
        return sorted(self.died & (self._answers.keys() | self._begun.keys()))

    def forget(self, owner: str) -> None:
        self._answers.pop(owner, None)
        self._begun.pop(owner, None)

    def leave(self, owner: str) -> None:
        self.died.add(owner)
