"""Which messages are read, and their bytes: decided by date and header where the server gives headers by themselves, else on the way."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import field
from itertools import chain

from reconcile.errors import Unavailable
from reconcile.lazy_dataclass import dataclass
from reconcile.mail.pop3.listing import Item
from reconcile.mail.pop3.received import received_at
from reconcile.mail.pop3.session import Session
from reconcile.mail.pop3.texts import HEADER_BYTES, answers, header_of, tops
from reconcile.ports.mail import Examine, Foretell, Listed

#: One commit each: large enough that the disk's syncs do not count, small enough that a broken connection repeats little.
BATCH_BYTES = 4 << 20
BATCH_MESSAGES = 500


@dataclass(slots=True)
class Round:
    """What became of some messages that were decided together."""

    items: list[Item] = field(default_factory=list)
    read: list[Listed] = field(default_factory=list)
    missing: list[Listed] = field(default_factory=list)
    declined: int = 0

    def add(self, other: Round) -> None:
        """Both as one."""
        self.items += other.items
        self.read += other.read
        self.missing += other.missing
        self.declined += other.declined


@dataclass(slots=True)
class _Chosen:
    """A message to read. `dated` once its header was looked at."""

    listed: Listed
    number: int
    dated: bool = False


class Bodies:
    """`headers_first` where dates may refuse a message; with `examine` it is so anyway."""

    def __init__(
        self,
        session: Session,
        *,
        wanted: Callable[[Listed], bool],
        foretell: Foretell | None,
        accept: Callable[[Listed, Iterator[bytes]], None],
        examine: Examine | None,
        headers_first: bool,
        careful: bool,
    ) -> None:
        self._session = session
        self._wanted = wanted
        self._foretell = foretell
        self._accept = accept
        self._examine = examine
        self._headers_first = (headers_first or examine is not None) and session.may_have_top
        self._careful = careful

    def rounds(self, items: Sequence[Item], *, one_by_one: bool = False) -> Iterator[Round]:
        """All of them, in order, in batches by bytes."""
        size = 1 if self._careful or one_by_one else BATCH_MESSAGES
        for start in range(0, len(items), size):
            yield from self._stretch(items[start : start + size])

    def _stretch(self, items: Sequence[Item]) -> Iterator[Round]:
        chosen: dict[int, _Chosen] = {}
        # No date yet: what is not wanted whatever its date needs no header.
        undated = [Listed(item.remote_id, None, item.size) for item in items]
        if self._foretell is not None:
            self._foretell(undated)
        for item, listed in zip(items, undated, strict=True):
            if self._wanted(listed):
                chosen[item.number] = _Chosen(listed, item.number)
        empty = self._judged(chosen) if self._headers_first else []
        round_, size = Round(), 0
        asked: list[_Chosen] = []
        for item in items:
            one = chosen.get(item.number)
            if one is not None:
                if asked and size + item.size > BATCH_BYTES:
                    self._fetch(asked, round_)
                    yield round_
                    round_, asked, size = Round(), [], 0
                asked.append(one)
                size += item.size
            elif item.number not in empty:
                round_.declined += 1
            else:
                round_.missing.append(Listed(item.remote_id, None, item.size))
            round_.items.append(item)
        self._fetch(asked, round_)
        yield round_

    def _judged(self, chosen: dict[int, _Chosen]) -> list[int]:
        """Takes those out that their header refuses, and those that have none: their numbers."""
        empty: list[int] = []
        for one, header in zip([*chosen.values()], tops(self._session, [*chosen]), strict=True):
            if header is None:
                continue  # no TOP here: it is decided while it is read
            if not header:
                if self._examine is not None:
                    empty.append(one.number)
                    del chosen[one.number]
                continue
            one.listed, one.dated = Listed(one.listed.remote_id, received_at(header), one.listed.size), True
            if not self._takes(one.listed, header):
                del chosen[one.number]
        return empty

    def _takes(self, listed: Listed, header: bytes) -> bool:
        return self._wanted(listed) and (self._examine is None or self._examine(listed, header))

    def _fetch(self, asked: Sequence[_Chosen], round_: Round) -> None:
        refused = 0
        for one, answer in zip(asked, answers(self._session, [b"RETR %d" % one.number for one in asked]), strict=True):
            pieces = answer()
            if pieces is None:
                refused += 1
                round_.missing.append(one.listed)
                continue
            self._take(one, pieces, round_)
            for _ in pieces:
                pass  # whatever was not consumed stands before the next answer
        if refused == len(asked) > 1:
            raise Unavailable("the server gives none of the messages it lists", hint="It is tried again by itself.")

    def _take(self, one: _Chosen, pieces: Iterator[bytes], round_: Round) -> None:
        if one.dated:
            self._accept(one.listed, pieces)
            round_.read.append(one.listed)
            return
        head, taken = b"", []
        for piece in pieces:
            taken.append(piece)
            head = piece if not head else head + piece
            if len(head) >= HEADER_BYTES or b"\r\n\r\n" in head or head.startswith(b"\r\n"):
                break
        header = header_of(head)
        listed = Listed(one.listed.remote_id, received_at(header), one.listed.size)
        if self._examine is not None and not header:
            round_.missing.append(listed)
        elif not self._takes(listed, header):
            round_.declined += 1
        else:
            self._accept(listed, chain(taken, pieces))
            round_.read.append(listed)
