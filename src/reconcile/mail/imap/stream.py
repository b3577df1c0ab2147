"""Commands and their answers: several in flight, literals read in one piece, everything unasked for survived.

imapclient reads the same with about 0.4 ms more a message and 0.5 ms more a login (docs/performance.md), so what happens often comes
this way, over the same buffered file of the same socket.
"""

from __future__ import annotations

import contextlib
import re
import ssl
from collections import deque
from collections.abc import Callable

from reconcile.mail.imap.connection import Link
from reconcile.mail.imap.faults import Broken, Refused
from reconcile.mail.imap.replies import TOO_LONG, items

#: A literal longer than this is read past; such messages are asked for in parts.
LONGEST_LITERAL = 32 << 20
_LONGEST_LINE = 64 << 20
_DRAIN = 1 << 20
_BUFFER = 1 << 18

_BODY = re.compile(rb"\* (\d+) FETCH \(UID (\d+) BODY\[(HEADER)?\](?:<\d+>)? \{(\d+)\}\r\n", re.IGNORECASE)
_LITERAL = re.compile(rb"~?\{(\d{1,18})\+?\}\r?\n\Z")
_TOLD = re.compile(rb"\b(UIDVALIDITY|UIDNEXT|MESSAGES) (\d{1,20})")
_UNTAGGED = re.compile(rb"\* (\d+) (EXISTS|EXPUNGE|FETCH)\b", re.IGNORECASE)

Taker = Callable[[int, int, dict[bytes, object]], bool]


class Request:
    """One command in flight. `take(sequence number, UID, items)` says whether the item was asked for by it."""

    __slots__ = ("done", "refusal", "tag", "take")

    def __init__(self, tag: bytes, take: Taker) -> None:
        self.tag = tag
        self.take = take
        self.done = False
        self.refusal: Refused | None = None


def _take_nothing(_: int, __: int, ___: dict[bytes, object]) -> bool:
    return False


class Stream:
    """`exists` is the server's count, kept current by what it tells unasked; `told` what STATUS or EXAMINE said in names and numbers."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._file = link.file
        self._flying: deque[Request] = deque()
        self._number = 0
        self._searched: set[int] = set()
        self._capabilities: frozenset[bytes] = frozenset()
        self.exists = 0
        self.told: dict[bytes, int] = {}

    def close(self) -> None:
        """Leave politely where that still works. Raises nothing."""
        with contextlib.suppress(Exception):
            self._link.sock.sendall(b"z LOGOUT\r\n")
        with contextlib.suppress(Exception):
            self._file.close()
        self._link.close()

    def widen(self) -> None:
        """A buffer that spares most system calls; the narrow one stays where it still holds something unread."""
        sock = self._link.sock
        waiting = sock.gettimeout()
        sock.settimeout(0)
        try:
            unread = self._file.peek(1)
        except (BlockingIOError, ssl.SSLWantReadError):
            unread = b""
        finally:
            sock.settimeout(waiting)
        if not unread:
            self._file = sock.makefile("rb", buffering=_BUFFER)

    def greeting(self) -> bytes:
        """The first line."""
        return self._line()

    def capabilities_in(self, line: bytes) -> frozenset[bytes] | None:
        """Of a greeting with the code CAPABILITY (RFC 3501 7.1), else None."""
        begin = line.upper().find(b"[CAPABILITY ")
        return frozenset(line[begin + 12 :].partition(b"]")[0].upper().split()) if begin >= 0 else None

    def capabilities(self) -> frozenset[bytes]:
        """Asks."""
        self.finish(self.ask(b"CAPABILITY"))
        return self._capabilities

    def status_command(self) -> bytes:
        """For the INBOX: one line of answer where EXAMINE has eight."""
        return b"STATUS INBOX (UIDVALIDITY UIDNEXT MESSAGES)"

    def ask_status(self) -> Request:
        """Send it; the answer is in `told`."""
        self.told.clear()
        return self.ask(self.status_command())

    def examine(self) -> None:
        """Open the INBOX read-only; the answer is in `told` and `exists`."""
        self.told.clear()
        self.exists = 0
        self.finish(self.ask(b"EXAMINE INBOX"))

    def _request(self, command: bytes, take: Taker) -> tuple[Request, bytes]:
        self._number += 1
        request = Request(b"f%d" % self._number, take)
        self._flying.append(request)
        return request, b"%s %s\r\n" % (request.tag, command)

    def ask(self, command: bytes, take: Taker = _take_nothing) -> Request:
        """Send a command without waiting."""
        request, line = self._request(command, take)
        self._link.sock.sendall(line)
        return request

    def ask_both(self, first: bytes, second: bytes) -> tuple[Request, Request]:
        """Send two in one write."""
        one, line = self._request(first, _take_nothing)
        two, following = self._request(second, _take_nothing)
        self._link.sock.sendall(line + following)
        return one, two

    def finish(self, request: Request) -> None:
        """Read until the command is answered. Raises Refused for NO and BAD, Broken when the connection ends."""
        while not request.done:
            self._step()
        if request.refusal is not None:
            raise request.refusal

    def ask_search(self, criteria: bytes) -> Request:
        """Send a UID SEARCH without waiting; `found` gives its answer. One at a time."""
        self._searched.clear()
        return self.ask(b"UID SEARCH " + criteria)

    def found(self, request: Request) -> list[int]:
        """UIDs, ascending, each once."""
        self.finish(request)
        return sorted(self._searched)

    def _line(self) -> bytes:
        line: bytes = self._file.readline(_LONGEST_LINE)
        if not line.endswith(b"\n"):
            raise Broken("the connection ended" if len(line) < _LONGEST_LINE else "the server sent a line without end")
        return line

    def _literal(self, size: int) -> object:
        if size > LONGEST_LITERAL:
            while size:
                size -= len(self._exactly(min(size, _DRAIN)))
            return TOO_LONG
        return self._exactly(size)

    def _exactly(self, size: int) -> bytes:
        data: bytes = self._file.read(size)
        if len(data) < size:
            raise Broken("the connection ended inside a message")
        return data

    def _step(self) -> None:
        line = self._line()
        match = _BODY.fullmatch(line)
        if match is None:
            self._handle(line)
            return
        body = self._literal(int(match[4]))
        rest = self._line()
        if rest == b")\r\n":
            self._dispatch(int(match[1]), {b"UID": match[2], b"BODY[HEADER]" if match[3] else b"BODY[]": body})
        else:
            # More items follow the body: read them the general way, the body standing as the first literal.
            self._items(int(match[1]), [line[: line.rfind(b"{")]], [body], rest)

    def _handle(self, line: bytes) -> None:
        if line.startswith(b"* "):
            untagged = _UNTAGGED.match(line)
            if untagged is None:
                if line[2:8].upper() == b"SEARCH":
                    self._searched.update(int(word) for word in line[8:].split() if word.isdigit() and len(word) <= 10)
                    return
                if line[2:5].upper() == b"BYE":
                    raise Broken("the server said goodbye: " + line[6:].decode("utf-8", "replace"))
                self._note(self._without_literals(line))
                return
            count, kind = int(untagged[1]), untagged[2].upper()
            if kind == b"EXISTS":
                self.exists = count
            elif kind == b"EXPUNGE":
                self.exists = max(0, self.exists - 1)
            else:
                literal = _LITERAL.search(line)
                if literal is None:
                    self._dispatch(count, items([line], []))
                else:
                    self._items(count, [line[: literal.start()]], [self._literal(int(literal[1]))], self._line())
            return
        tag, _, rest = line.partition(b" ")
        for request in self._flying:
            if request.tag == tag:
                request.done = True
                self._flying.remove(request)
                if rest[:3].upper() != b"OK ":
                    request.refusal = Refused(rest[:3].decode("latin-1").strip().upper(), rest.decode("utf-8", "replace").strip())
                return
        if not line.startswith(b"+"):
            raise Broken("the server's answer is no IMAP: " + line[:40].decode("utf-8", "replace"))

    def _note(self, line: bytes) -> None:
        """`* STATUS INBOX (…)`, `* OK [UIDNEXT 5] …`, `* CAPABILITY …`; nothing else concerns us."""
        words = line[2:14].upper()
        if words.startswith((b"STATUS ", b"OK [UID")):
            self.told.update((name, int(value)) for name, value in _TOLD.findall(line.upper()))
        elif words.startswith(b"CAPABILITY "):
            self._capabilities = frozenset(line[13:].upper().split())

    def _without_literals(self, line: bytes) -> bytes:
        text = b""
        while (literal := _LITERAL.search(line)) is not None:
            self._literal(int(literal[1]))
            text += line[: literal.start()]
            line = self._line()
        return text + line

    def _items(self, sequence: int, fragments: list[bytes], literals: list[object], line: bytes) -> None:
        while (literal := _LITERAL.search(line)) is not None:
            fragments.append(line[: literal.start()])
            literals.append(self._literal(int(literal[1])))
            line = self._line()
        fragments.append(line)
        self._dispatch(sequence, items(fragments, literals))

    def _dispatch(self, sequence: int, found: dict[bytes, object]) -> None:
        uid = found.get(b"UID")
        if not isinstance(uid, bytes) or not uid.isdigit() or len(uid) > 10:
            return  # flags that changed meanwhile come without a UID
        for request in self._flying:
            if request.take(sequence, int(uid), found):
                return
