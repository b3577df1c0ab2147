"""A place in an inbox's history, as it stands in a cursor."""

from __future__ import annotations

import json
from typing import Final

from reconcile.lazy_dataclass import dataclass
from reconcile.model.cursor import Cursor

PROTOCOL: Final = "ews"


@dataclass(frozen=True, slots=True, kw_only=True)
class EwsPlace:
    """`state` is the server's SyncState behind everything that was read ("" for the beginning); `folder` the id of the inbox it belongs
    to; `messages` how many it held then."""

    folder: str
    state: str = ""
    messages: int = 0

    def cursor(self) -> Cursor:
        return Cursor(PROTOCOL, json.dumps([1, self.folder, self.messages, self.state]))

    @classmethod
    def of(cls, cursor: Cursor | None) -> EwsPlace | None:
        """None where it is no cursor of ours."""
        if cursor is None or cursor.protocol != PROTOCOL:
            return None
        try:
            match json.loads(cursor.value):
                case [1, str() as folder, int() as messages, str() as state]:
                    return cls(folder=folder, messages=messages, state=state)
        except ValueError:
            pass
        return None
