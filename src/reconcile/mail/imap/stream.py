"""Commands and their answers: several in flight, literals read in one piece, everything unasked for survived.

imapclient reads the same with about 0.4 ms more a message and 0.5 ms more a login (docs/performance.md; docs/adr/0031).
"""

from __future__ import annotations

import contextlib
import re
from collections import deque
from collections.abc import Callable

from reconcile.mail.imap.faults import Broken, Refused
from reconcile.mail.imap.link import Link
from reconcile.mail.imap.replies import TOO_LONG, items, values

#: A literal longer than this is read past; such messages are asked for in parts.
LONGEST_LITERAL = 32 << 20
_LONGEST_LINE = 64 << 20
_DRAIN = 1 << 20
_MOST_LINES = 100_000

_BODY = re.compile(rb"\* (\d+) FETCH \(UID (\d+) BODY\[(HEADER)?\](?:<\d+>)? \{(\d+)\}\r\n", re.IGNORECASE)
#: What nearly every server answers when asked for dates and sizes.
_LISTED = re.compile(rb'\* (\d+) FETCH \(UID (\d+) INTERNALDATE "([^"\\]+)" RFC822\.SIZE (\d+)\)\r\n', re.IGNORECASE)
_LITERAL = re.compile(rb"~?\{(\d{1,18})\+?\}\r?\n\Z")
_TOLD = re.compile(rb"\b(UIDVALIDITY|UIDNEXT|MESSAGES) (\d{1,20})")
_PERMANENT = re.compile(rb"\* OK \[PERMANENTFLAGS \(([^)]*)\)", re.IGNORECASE)
_UNTAGGED = re.compile(rb"\* (\d+) (EXISTS|EXPUNGE|FETCH)\b", re.IGNORECASE)

Taker = Callable[[int, int, dict[bytes, object]], bool]
Answerer = Callable[[bytes], bytes]


class Request:
    """One command in flight. `take(sequence number, UID, items)` says whether the item was asked for by it; `answer(text)` gives what
    to send when the server waits for more of the command (RFC 3501, 7.5)."""

    __slots__ = ("answer", "done", "refusal", "tag", "take", "text")

    def __init__(self, tag: bytes, take: Taker, answer: Answerer | None) -> None:
        self.tag = tag
        self.take = take
        self.answer = answer
        self.text = b""
        self.done = False
        self.refusal: Refused | None = None


def _take_nothing(_: int, __: int, ___: dict[bytes, object]) -> bool:
    return False


class Stream:
    """`exists` is the server's count, kept current by what it tells unasked; `told` what STATUS or EXAMINE said in names and numbers;
    `flags` the permanent ones (lower case), none where the server did not say."""

    def __init__(self, link: Link) -> None:
        self.link = link
        self._flying: deque[Request] = deque()
        self._number = 0
        self._searched: set[int] = set()
        self._capabilities: bytes | None = None
        self.exists = 0
        #: How often the server told a count.
        self.arrivals = 0
        self.told: dict[bytes, int] = {}
        self.flags: frozenset[bytes] = frozenset()
        self._gathering = b""
        self._lines: list[list[object]] = []

    def close(self) -> None:
        """Leave politely where that still works. Raises nothing."""
        with contextlib.suppress(Exception):
            self.link.send(b"z LOGOUT\r\n")
        self.link.close()

    def drop(self) -> None:
        """Leave without a word. Raises nothing."""
        self.link.close()

    def switch(self, link: Link) -> None:
        """Go on over what was put around the connection (TLS, compression). What was known from before counts no longer."""
        self.link = link
        self._capabilities = None

    def greeting(self) -> bytes:
        """The first line."""
        line = self._line()
        self._note_capabilities(line)
        return line

    def capabilities(self) -> frozenset[bytes]:
        """In upper case: as the server told them last (greeting, login, COMPRESS), else it is asked."""
        return self.ask_capabilities() if self._capabilities is None else frozenset(self._capabilities.split())

    def told_capabilities(self) -> bool:
        """Whether `capabilities` need not ask."""
        return self._capabilities is not None

    def ask_capabilities(self) -> frozenset[bytes]:
        """Asks in any case."""
        self.finish(self.ask(b"CAPABILITY"))
        return frozenset((self._capabilities or b"").split())

    def forget_capabilities(self) -> None:
        """They change with login (RFC 3501, 6.2.2)."""
        self._capabilities = None

    def _note_capabilities(self, line: bytes) -> None:
        begin = line.upper().find(b"[CAPABILITY ")
        if begin >= 0:
            self._capabilities = line[begin + 12 :].partition(b"]")[0].upper()

    def status_command(self) -> bytes:
        """For the INBOX: one line of answer where EXAMINE has eight."""
        return b"STATUS INBOX (UIDVALIDITY UIDNEXT MESSAGES)"

    def ask_status(self) -> Request:
        """Send it; the answer is in `told`."""
        self.told.clear()
        return self.ask(self.status_command())

    def examine(self) -> None:
        """Open the INBOX read-only; the answer is in `told` and `exists`."""
        self.open(b"INBOX")

    def open(self, folder: bytes, *, writing: bool = False) -> bool:
        """Open a folder (its name ready for the wire); the answer is in `told`, `exists` and `flags`. Whether it is read-only now."""
        self.told.clear()
        self.exists = 0
        self.flags = frozenset()
        request = self.ask((b"SELECT " if writing else b"EXAMINE ") + folder)
        self.finish(request)
        return b"[READ-ONLY]" in request.text.upper()

    def gathered(self, command: bytes, kind: bytes) -> list[list[object]]:
        """The values of all untagged answers of a kind (upper case: LIST, NAMESPACE). Raises Refused."""
        self._gathering, self._lines = kind, []
        try:
            self.finish(self.ask(command))
            return self._lines
        finally:
            self._gathering = b""

    def _request(self, command: bytes, take: Taker, answer: Answerer | None = None) -> tuple[Request, bytes]:
        self._number += 1
        request = Request(b"f%d" % self._number, take, answer)
        self._flying.append(request)
        return request, b"%s %s\r\n" % (request.tag, command)

    def ask(self, command: bytes, take: Taker = _take_nothing, *, answer: Answerer | None = None) -> Request:
        """Send a command without waiting."""
        request, line = self._request(command, take, answer)
        self.link.send(line)
        return request

    def ask_both(self, first: bytes, second: bytes) -> tuple[Request, Request]:
        """Send two in one write."""
        one, line = self._request(first, _take_nothing)
        two, following = self._request(second, _take_nothing)
        self.link.send(line + following)
        return one, two

    def finish(self, request: Request) -> None:
        """Read until the command is answered. Raises Refused for NO and BAD, Broken when the connection ends."""
        while not request.done:
            self.step()
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
        line: bytes = self.link.file.readline(_LONGEST_LINE)
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
        data: bytes = self.link.file.read(size)
        if len(data) < size:
            raise Broken("the connection ended inside a message")
        return data

    def step(self) -> None:
        """Read one answer, whoever asked for it."""
        line = self._line()
        if not line[2:3].isdigit():
            self._handle(line)
            return
        match = _BODY.fullmatch(line)
        if match is None:
            listed = _LISTED.fullmatch(line)
            if listed is None:
                self._handle(line)
            else:
                self._dispatch(int(listed[1]), {b"UID": listed[2], b"INTERNALDATE": listed[3], b"RFC822.SIZE": listed[4]})
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
                self._note(line)
                return
            count, kind = int(untagged[1]), untagged[2].upper()
            if kind == b"EXISTS":
                self.exists = count
                self.arrivals += 1
            elif kind == b"EXPUNGE":
                self.exists = max(0, self.exists - 1)
            else:
                literal = _LITERAL.search(line)
                if literal is None:
                    self._dispatch(count, items([line], []))
                else:
                    self._items(count, [line[: literal.start()]], [self._literal(int(literal[1]))], self._line())
            return
        if line.startswith(b"+"):
            self._continue(line[1:].strip())
            return
        tag, _, rest = line.partition(b" ")
        for request in self._flying:
            if request.tag == tag:
                request.done = True
                self._flying.remove(request)
                if rest[:3].upper() != b"OK ":
                    request.refusal = Refused(rest[:3].decode("latin-1").strip().upper(), rest.decode("utf-8", "replace").strip())
                else:
                    request.text = rest
                    self._note_capabilities(rest)
                return
        raise Broken("the server's answer is no IMAP: " + line[:40].decode("utf-8", "replace"))

    def _continue(self, text: bytes) -> None:
        """Servers also send this unasked; then it means nothing."""
        for request in self._flying:
            if request.answer is not None:
                if answer := request.answer(text):
                    self.link.send(answer)
                return

    def _note(self, line: bytes) -> None:
        """`* STATUS INBOX (…)`, `* OK [UIDNEXT 5] …`, `* CAPABILITY …`, and what is gathered; nothing else concerns us."""
        fragments, literals = self._with_literals(line)
        words = fragments[0][2:14].upper()
        if words.startswith((b"STATUS ", b"OK [")):
            text = b"".join(fragments)
            self.told.update((name, int(value)) for name, value in _TOLD.findall(text.upper()))
            if (permanent := _PERMANENT.match(text)) is not None:
                self.flags = frozenset(permanent[1].lower().split())
            self._note_capabilities(text)
        elif words.startswith(b"CAPABILITY "):
            self._capabilities = line[13:].upper().strip()
        elif self._gathering and words.startswith(self._gathering + b" "):
            if len(self._lines) >= _MOST_LINES:
                raise Broken("the server lists without end")
            self._lines.append(values(fragments, literals))

    def _with_literals(self, line: bytes) -> tuple[list[bytes], list[object]]:
        fragments: list[bytes] = []
        literals: list[object] = []
        while (literal := _LITERAL.search(line)) is not None:
            fragments.append(line[: literal.start()])
            literals.append(self._literal(int(literal[1])))
            line = self._line()
        fragments.append(line)
        return fragments, literals

    def _items(self, sequence: int, fragments: list[bytes], literals: list[object], line: bytes) -> None:
        more, further = self._with_literals(line)
        self._dispatch(sequence, items(fragments + more, literals + further))

    def _dispatch(self, sequence: int, found: dict[bytes, object]) -> None:
        uid = found.get(b"UID")
        if not isinstance(uid, bytes) or not uid.isdigit() or len(uid) > 10:
            return  # flags that changed meanwhile come without a UID
        for request in self._flying:
            if request.take(sequence, int(uid), found):
                return
