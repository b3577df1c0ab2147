"""The memory twin of an inbox: a mailbox of a server that a test fills, renumbers and breaks."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import field
from datetime import datetime

from reconcile.errors import Unavailable
from reconcile.lazy_dataclass import dataclass
from reconcile.model.cursor import Cursor
from reconcile.model.remote_id import RemoteId
from reconcile.ports.mail import Batch, Examine, Foresee, Foretell, Listed, Look

PROTOCOL = "memory"
_BATCH = 3
_CHUNK = 1 << 16
_HEADER = 256 * 1024


@dataclass(slots=True)
class MemoryMailbox:
    """The server's side. `faults` are raised one after another at reading steps; `hollow` numbers are listed without content.

    `keywords` stand by number, `folders` hold what was moved there; `sent` is the folder for sent mail, None where there is none.
    `step` is called at each reading step, for a test that wants to end it there.
    """

    validity: int = 1
    next_number: int = 1
    messages: dict[int, tuple[bytes, datetime]] = field(default_factory=dict)
    hollow: set[int] = field(default_factory=set)
    keywords: dict[int, set[str]] = field(default_factory=dict)
    folders: dict[str, list[bytes]] = field(default_factory=dict)
    sent: list[bytes] | None = None
    changed: threading.Condition = field(default_factory=threading.Condition)
    faults: list[Exception | None] = field(default_factory=list)
    step: Callable[[str], None] = lambda _: None

    def deliver(self, message: bytes, received: datetime) -> int:
        """A message arrives; returns its number."""
        number = self.next_number
        with self.changed:
            self.messages[number] = (message, received)
            self.next_number += 1
            self.changed.notify_all()
        return number

    def expunge(self, number: int) -> None:
        """A message is deleted."""
        self.messages.pop(number, None)
        self.hollow.discard(number)
        self.keywords.pop(number, None)

    def renumber(self, validity: int) -> None:
        """Every message gets another number under another validity."""
        kept = [self.messages[number] for number in sorted(self.messages)]
        self.validity, self.next_number = validity, 1
        self.messages.clear()
        self.hollow.clear()
        self.keywords.clear()
        for message, received in kept:
            self.deliver(message, received)

    def fault(self) -> None:
        """The next fault, if one is due."""
        self.step("inbox")
        if self.faults and (error := self.faults.pop(0)) is not None:
            raise error


@dataclass(slots=True)
class MemoryInbox:
    """See `Inbox`."""

    server: MemoryMailbox
    closed: bool = False

    def look(self, cursor: Cursor | None) -> Look:
        self.server.fault()
        before = self._open(cursor)
        now = (self.server.validity, self.server.next_number, len(self.server.messages))
        restarted = before is None or before[0] != self.server.validity or now[1] < before[2]
        return Look(messages=now[2], news=restarted or before is None or (before[2], before[3]) != now[1:], restarted=restarted)

    def _open(self, cursor: Cursor | None) -> tuple[int, int, int, int] | None:
        if cursor is None or cursor.protocol != PROTOCOL:
            return None
        validity, number, next_number, messages = json.loads(cursor.value)
        return validity, number, next_number, messages

    def _cursor(self, number: int, next_number: int = 0, messages: int = -1) -> Cursor:
        return Cursor(PROTOCOL, json.dumps([self.server.validity, number, next_number, messages]))

    def read(
        self,
        cursor: Cursor | None,
        *,
        since: datetime | None,
        retry: Sequence[RemoteId],
        wanted: Callable[[Listed], bool],
        accept: Callable[[Listed, Iterator[bytes]], None],
        examine: Examine | None = None,
        foresee: Foresee | None = None,
        foretell: Foretell | None = None,
        careful: bool = False,
    ) -> Iterator[Batch]:
        before = self._open(cursor)
        number = before[1] if before else 0
        next_number, count = self.server.next_number, len(self.server.messages)
        numbers = [each for each in sorted(self.server.messages) if each > number]
        size = 1 if careful else _BATCH
        for start in range(0, len(numbers), size) or [0]:
            part = numbers[start : start + size]
            number = max([number, *part])
            last = start + size >= len(numbers)
            end = self._cursor(next_number - 1, next_number, count) if last else self._cursor(number)
            there = [self._listed(each) for each in part if each in self.server.messages]
            yield self._batch(there, (), wanted, accept, examine, foresee, foretell, end)
            number = next_number - 1 if last else number
        if retry:
            asked = [int(remote.value) for remote in retry]
            there = [self._listed(each) for each in asked if each in self.server.messages]
            gone = tuple(self._id(each) for each in asked if each not in self.server.messages)
            yield self._batch(there, gone, wanted, accept, examine, foresee, foretell, self._cursor(number, next_number, count))

    def _id(self, number: int) -> RemoteId:
        return RemoteId(PROTOCOL, str(number))

    def _listed(self, number: int) -> Listed:
        message, received = self.server.messages[number]
        return Listed(self._id(number), received, len(message))

    def _batch(
        self,
        listed: Sequence[Listed],
        vanished: tuple[RemoteId, ...],
        wanted: Callable[[Listed], bool],
        accept: Callable[[Listed, Iterator[bytes]], None],
        examine: Examine | None,
        foresee: Foresee | None,
        foretell: Foretell | None,
        cursor: Cursor,
    ) -> Batch:
        if foretell is not None:
            foretell(listed)
        chosen = [message for message in listed if wanted(message)]
        read: list[Listed] = []
        missing: list[Listed] = []
        declined = len(listed) - len(chosen)
        if examine is not None:
            headers = [(message, self._header(int(message.remote_id.value))) for message in chosen]
            missing = [message for message, header in headers if not header]
            if foresee is not None:
                foresee([(message, header) for message, header in headers if header])
            chosen = [message for message, header in headers if header and examine(message, header)]
            declined += len(headers) - len(missing) - len(chosen)
        for message in chosen:
            self.server.fault()
            number = int(message.remote_id.value)
            if number in self.server.hollow or number not in self.server.messages:
                missing.append(message)
                continue
            accept(message, self._chunks(self.server.messages[number][0]))
            read.append(message)
        self.server.fault()
        return Batch(
            read=tuple(read),
            declined=declined,
            missing=tuple(missing),
            vanished=vanished,
            cursor=cursor,
            messages=len(self.server.messages),
        )

    def _header(self, number: int) -> bytes:
        if number in self.server.hollow or number not in self.server.messages:
            return b""
        message = self.server.messages[number][0]
        end = message.find(b"\r\n\r\n")
        if not message:
            return b"\r\n"
        return message[: end + 4 if end >= 0 else None][:_HEADER]

    def _chunks(self, message: bytes) -> Iterator[bytes]:
        if self.closed:
            raise Unavailable("the connection is closed")
        for start in range(0, len(message), _CHUNK):
            yield message[start : start + _CHUNK]

    def close(self) -> None:
        self.closed = True
