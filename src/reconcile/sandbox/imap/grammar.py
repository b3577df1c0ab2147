"""Commands of RFC 3501 (section 9, formal syntax) from octets. Pure: reading from the connection is the server's part.

A command arrives as one buffer in which literals stand in place (`{5}` CRLF and five octets), so one cursor is enough.
Anything a hostile client can send ends in `BadCommand`, never in another exception.
"""

from __future__ import annotations

import re
from typing import TypeAlias

from reconcile.lazy_dataclass import dataclass

#: Parentheses deeper than any real SEARCH.
MAXIMUM_DEPTH = 16

_LITERAL = re.compile(rb"\{(\d{1,10})(\+?)\}\Z")
_LITERAL_HERE = re.compile(rb"\{(\d{1,10})\+?\}\r\n")
_TAG = re.compile(rb"[\x21\x23\x24\x26\x27\x2c-\x5b\x5d-\x7a\x7c\x7e]{1,64}")  # no ( ) { SP CTL % * " \ +
_NAME = re.compile(rb"[A-Za-z]{1,32}")
_ATOM = re.compile(rb"[^\x00-\x20\x7f-\xff(){\"]+")
_SECTION = re.compile(rb"(?i)(BODY(?:\.PEEK)?\[[^\]\r\n]{0,4000}\](?:<\d{1,10}(?:\.\d{1,10})?>)?)")


class BadCommand(Exception):
    """The answer is BAD. `tag` is the client's, or "*" when not even that could be read."""

    def __init__(self, message: str, *, tag: str = "*") -> None:
        super().__init__(message)
        self.message = message
        self.tag = tag


@dataclass(frozen=True, slots=True)
class Atom:
    """A bare word: a name, a number, a flag, a set, a section."""

    text: str


@dataclass(frozen=True, slots=True)
class Text:
    """A quoted string or a literal."""

    octets: bytes


Value: TypeAlias = "Atom | Text | tuple[Value, ...]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """`name` in upper case without UID; `uid` whether UID stood before it."""

    tag: str
    name: str
    uid: bool = False
    arguments: tuple[Value, ...] = ()


@dataclass(frozen=True, slots=True)
class AnnouncedLiteral:
    """What stands at the end of a line: `octets` follow; `waits` whether the client waits for the server's go-ahead."""

    octets: int
    waits: bool


def announced_literal(line: bytes) -> AnnouncedLiteral | None:
    """The literal a line (without CRLF) ends with, or None."""
    match = _LITERAL.search(line)
    return AnnouncedLiteral(int(match[1]), not match[2]) if match else None


def tag_of(buffer: bytes) -> str:
    """The tag of a command that cannot be read further, or "*"."""
    match = _TAG.match(buffer)
    return match[0].decode("ascii") if match else "*"


def parse(buffer: bytes) -> Command:
    """One command, without its final CRLF. Raises BadCommand."""
    tag = tag_of(buffer)
    try:
        return _Reader(buffer).command()
    except BadCommand as error:
        raise BadCommand(error.message, tag=tag) from None


class _Reader:
    def __init__(self, buffer: bytes) -> None:
        self._buffer = buffer
        self._at = 0

    def command(self) -> Command:
        tag = self._match(_TAG, "a tag")
        self._space()
        name = self._match(_NAME, "a command").upper()
        uid = name == "UID"
        if uid:
            self._space()
            name = self._match(_NAME, "a command after UID").upper()
        arguments: list[Value] = []
        while self._at < len(self._buffer):
            self._space()
            arguments.append(self._value(0))
        return Command(tag=tag, name=name, uid=uid, arguments=tuple(arguments))

    def _value(self, depth: int) -> Value:
        if depth > MAXIMUM_DEPTH:
            raise BadCommand("too deeply nested")
        match self._buffer[self._at : self._at + 1]:
            case b"(":
                return self._list(depth)
            case b'"':
                return Text(self._quoted())
            case b"{":
                return Text(self._literal())
            case _:
                section = _SECTION.match(self._buffer, self._at)
                if section:
                    self._at = section.end()
                    return Atom(section[0].decode("ascii", "replace"))
                return Atom(self._match(_ATOM, "a value"))

    def _list(self, depth: int) -> tuple[Value, ...]:
        self._at += 1
        values: list[Value] = []
        while self._buffer[self._at : self._at + 1] != b")":
            if values:
                self._space()
            values.append(self._value(depth + 1))
        self._at += 1
        return tuple(values)

    def _quoted(self) -> bytes:
        taken = bytearray()
        at = self._at + 1
        while True:
            octet = self._buffer[at : at + 1]
            if octet == b'"':
                break
            if octet == b"\\":
                at += 1
                octet = self._buffer[at : at + 1]
                if octet not in (b'"', b"\\"):
                    raise BadCommand("only a quote or a backslash follows a backslash")
            if octet in (b"", b"\r", b"\n", b"\0"):
                raise BadCommand("a quoted string does not end")
            taken += octet
            at += 1
        self._at = at + 1
        return bytes(taken)

    def _literal(self) -> bytes:
        match = _LITERAL_HERE.match(self._buffer, self._at)
        if match is None:
            raise BadCommand("a literal is {octets}, then a new line")
        end = match.end() + int(match[1])
        if end > len(self._buffer):
            raise BadCommand("a literal is shorter than announced")
        self._at = end
        return self._buffer[match.end() : end]

    def _space(self) -> None:
        if self._buffer[self._at : self._at + 1] != b" ":
            raise BadCommand(f"expected a space at octet {self._at}")
        self._at += 1

    def _match(self, pattern: re.Pattern[bytes], what: str) -> str:
        match = pattern.match(self._buffer, self._at)
        if match is None:
            raise BadCommand(f"expected {what} at octet {self._at}")
        self._at = match.end()
        return match[0].decode("ascii")


def text_of(value: Value) -> str:
    """An astring as text (octets that are no UTF-8 survive as surrogates). Raises BadCommand for a list."""
    match value:
        case Atom(text):
            return text
        case Text(octets):
            return octets.decode("utf-8", "surrogateescape")
        case _:
            raise BadCommand("expected a string, found a list")


def string(octets: bytes | None) -> bytes:
    """An nstring for a response: NIL, quoted where the characters allow it, else a literal."""
    if octets is None:
        return b"NIL"
    if len(octets) < 200 and all(0x20 <= octet < 0x7F and octet not in b'"\\' for octet in octets):
        return b'"' + octets + b'"'
    return b"{%d}\r\n%s" % (len(octets), octets)
