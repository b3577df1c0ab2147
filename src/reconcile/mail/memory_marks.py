"""The memory twin of what may change at a mail server: it changes a `MemoryMailbox`."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Sequence
from datetime import datetime

from reconcile.errors import Unavailable
from reconcile.lazy_dataclass import dataclass
from reconcile.mail.memory_inbox import PROTOCOL, MemoryMailbox
from reconcile.model.cursor import Cursor
from reconcile.model.remote_id import RemoteId

_MESSAGE_ID = re.compile(rb"^message-id:\s*(<[^>\r\n]*>)", re.IGNORECASE | re.MULTILINE)


@dataclass(slots=True)
class MemoryMarks:
    """See `MailMarks`. Before each change the server's next fault is raised, if one is due."""

    server: MemoryMailbox
    closed: bool = False

    def delete(self, remote_ids: Sequence[RemoteId], *, cursor: Cursor) -> Collection[RemoteId]:
        return self._each(remote_ids, cursor, self.server.expunge)

    def mark(self, remote_ids: Sequence[RemoteId], keyword: str, *, cursor: Cursor) -> Collection[RemoteId]:
        def mark(number: int) -> None:
            if number in self.server.messages:
                self.server.keywords.setdefault(number, set()).add(keyword)

        return self._each(remote_ids, cursor, mark)

    def move(self, remote_ids: Sequence[RemoteId], folder: str, *, cursor: Cursor) -> Collection[RemoteId]:
        def move(number: int) -> None:
            if number in self.server.messages:
                self.server.folders.setdefault(folder, []).append(self.server.messages[number][0])
                self.server.expunge(number)

        return self._each(remote_ids, cursor, move)

    def _each(self, remote_ids: Sequence[RemoteId], cursor: Cursor, change: Callable[[int], None]) -> list[RemoteId]:
        self._open()
        if cursor.protocol != PROTOCOL or json.loads(cursor.value)[0] != self.server.validity:
            return []
        done = []
        for remote in remote_ids:
            if remote.protocol == PROTOCOL:
                self.server.fault()
                change(int(remote.value))
                done.append(remote)
        return done

    def sent(self, message_id: str) -> Sequence[bytes] | None:
        self._open()
        self.server.fault()
        if self.server.sent is None:
            return None
        copies = [copy for copy in self.server.sent if (found := _MESSAGE_ID.search(copy)) and found[1].decode() == message_id]
        return [copy.partition(b"\r\n\r\n")[0] + b"\r\n\r\n" for copy in copies]

    def keep_sent(self, content: bytes, *, message_id: str, at: datetime) -> bool:
        held = self.sent(message_id)
        if not held and self.server.sent is not None:
            self.server.fault()
            self.server.sent.append(content)
        return held is not None

    def _open(self) -> None:
        if self.closed:
            raise Unavailable("the connection is closed")

    def close(self) -> None:
        self.closed = True
