"""Notes in memory: the twin of the files, for tests."""

from __future__ import annotations

import threading
from collections.abc import Collection, Mapping

from reconcile.model.outbox_step import Settle


class MemorySettledNotes:
    """See `SettledNotes`. Processes are not known here: `died` says which owners have ended."""

    def __init__(self) -> None:
        #: By owner and thread.
        self._kept: dict[str, dict[int, tuple[int, Settle]]] = {}
        self.died: set[str] = set()

    def keep(self, entry_id: int, step: Settle) -> bool:
        self._kept.setdefault(step.owner, {})[threading.get_ident()] = (entry_id, step)
        return True

    def of(self, owner: str) -> Mapping[int, Settle]:
        return dict(self._kept.get(owner, {}).values())

    def left_behind(self) -> Collection[str]:
        return sorted(self.died & self._kept.keys())

    def forget(self, owner: str) -> None:
        self._kept.pop(owner, None)

    def leave(self, owner: str) -> None:
        self.died.add(owner)
