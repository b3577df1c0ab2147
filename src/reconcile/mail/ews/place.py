"""A place in the history of an inbox and of tracked folders below it, as it stands in a cursor."""

from __future__ import annotations

import json
from typing import Final

from reconcile.lazy_dataclass import dataclass
from reconcile.model.cursor import Cursor

PROTOCOL: Final = "ews"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackedPlace:
    """Likewise for a tracked folder. `path` is how it is declared; it is known again by its id, whatever it is called by then."""

    folder: str
    path: str
    state: str = ""
    messages: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class EwsPlace:
    """`state` is the server's SyncState behind everything that was read ("" for the beginning); `folder` the id of the inbox it belongs
    to; `messages` how many it held then."""

    folder: str
    state: str = ""
    messages: int = 0
    tracked: tuple[TrackedPlace, ...] = ()

    @property
    def count(self) -> int:
        """Messages in all folders that are read."""
        return self.messages + sum(one.messages for one in self.tracked)

    def cursor(self) -> Cursor:
        parts: list[object] = [1, self.folder, self.messages, self.state]
        if self.tracked:
            parts = [2, *parts[1:], [[one.folder, one.path, one.messages, one.state] for one in self.tracked]]
        return Cursor(PROTOCOL, json.dumps(parts))

    @classmethod
    def of(cls, cursor: Cursor | None) -> EwsPlace | None:
        """None where it is no cursor of ours."""
        if cursor is None or cursor.protocol != PROTOCOL:
            return None
        try:
            match json.loads(cursor.value):
                case [1, str() as folder, int() as messages, str() as state]:
                    return cls(folder=folder, messages=messages, state=state)
                case [2, str() as folder, int() as messages, str() as state, list() as tracked]:
                    return cls(folder=folder, messages=messages, state=state, tracked=tuple(_tracked(one) for one in tracked))
        except ValueError:
            pass
        return None


def _tracked(parts: object) -> TrackedPlace:
    match parts:
        case [str() as folder, str() as path, int() as messages, str() as state]:
            return TrackedPlace(folder=folder, path=path, messages=messages, state=state)
    raise ValueError("no place of a tracked folder")
