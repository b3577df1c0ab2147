"""What is done with the messages of one page: asked for by header where that decides, fetched together, large ones piece by piece."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

from reconcile.mail.ews.contents import (
    Missing,
    beginning_of,
    chunks_of,
    contents_of,
    groups,
    header_of,
    headers_of,
    is_large,
    streamed,
)
from reconcile.mail.ews.link import Link
from reconcile.mail.ews.place import EwsPlace
from reconcile.model.remote_id import RemoteId
from reconcile.ports.mail import Batch, Examine, Foresee, Foretell, Listed

Wanted: TypeAlias = Callable[[Listed], bool]
Accept: TypeAlias = Callable[[Listed, Iterator[bytes]], None]


class PageReading:
    """What is done with each message that is listed."""

    def __init__(
        self,
        link: Link,
        wanted: Wanted,
        accept: Accept,
        examine: Examine | None,
        foresee: Foresee | None,
        foretell: Foretell | None,
        *,
        careful: bool,
    ) -> None:
        self._link = link
        self._wanted = wanted
        self._accept = accept
        self._examine = examine
        self._foresee = foresee
        self._foretell = foretell
        self._careful = careful

    def batch(self, listed: Sequence[Listed], others: int, vanished: tuple[RemoteId, ...], here: EwsPlace, *, last: bool = False) -> Batch:
        """Everything about one page; `last`: see `Batch`."""
        if self._foretell is not None:
            self._foretell(listed)
        chosen = [message for message in listed if self._wanted(message)]
        read, missing, declined = list[Listed](), list[Listed](), others + len(listed) - len(chosen)
        for group in groups(chosen):
            if is_large(group) or self._careful:
                for message in group:
                    declined += self._streamed(message, read, missing)
            else:
                declined += self._group(group, read, missing)
        return Batch(
            read=tuple(read),
            declined=declined,
            missing=tuple(missing),
            vanished=vanished,
            cursor=here.cursor(),
            messages=here.count,
            last=last,
        )

    def _group(self, group: list[Listed], read: list[Listed], missing: list[Listed]) -> int:
        """How many were not wanted by their header."""
        held: dict[RemoteId, bytes] = {}
        declined = 0
        if self._examine is not None:
            before = len(group)
            group, lacking = self._examined(group, held)
            missing += lacking
            declined = before - len(group) - len(lacking)
        asked = [message for message in group if message.remote_id not in held]
        given = dict(zip((one.remote_id for one in asked), contents_of(self._link, asked), strict=True)) if asked else {}
        for message in group:
            content = held.get(message.remote_id, given.get(message.remote_id))
            if isinstance(content, bytes):
                self._accept(message, chunks_of(content))
                read.append(message)
            else:
                missing.append(message)
        return declined

    def _examined(self, group: list[Listed], held: dict[RemoteId, bytes]) -> tuple[list[Listed], list[Listed]]:
        """Those that are wanted by their header, and those that have none. What had to be read for it is left in `held`."""
        assert self._examine is not None
        headers = dict(zip((one.remote_id for one in group), headers_of(self._link, group), strict=True))
        without = [message for message in group if headers[message.remote_id] == b""]
        for message, content in zip(without, contents_of(self._link, without) if without else (), strict=True):
            headers[message.remote_id] = header_of(content) if isinstance(content, bytes) else content
            if isinstance(content, bytes):
                held[message.remote_id] = content
        known = [(message, block) for message in group if isinstance(block := headers[message.remote_id], bytes)]
        if self._foresee is not None and known:
            self._foresee(known)
        lacking = [message for message in group if not isinstance(headers[message.remote_id], bytes)]
        return [message for message, block in known if self._examine(message, block)], lacking

    def _streamed(self, message: Listed, read: list[Listed], missing: list[Listed]) -> int:
        """1 when it was not wanted by its header."""
        if self._examine is not None:
            block = self._beginning(message)
            if isinstance(block, Missing):
                missing.append(message)
                return 0
            if self._foresee is not None:
                self._foresee([(message, block)])
            if not self._examine(message, block):
                return 1
        with streamed(self._link, message) as chunks:
            if isinstance(chunks, Missing):
                missing.append(message)
            else:
                self._accept(message, chunks)
                read.append(message)
        return 0

    def _beginning(self, message: Listed) -> bytes | Missing:
        (block,) = headers_of(self._link, [message])
        if block != b"":
            return block
        return beginning_of(self._link, message.remote_id.value) or Missing(gone=False)
