"""SEARCH (RFC 3501, section 6.4.4) with ESEARCH's RETURN (RFC 4731), over messages already in memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime
from email.header import decode_header, make_header
from email.parser import BytesHeaderParser
from email.policy import compat32
from email.utils import parsedate_to_datetime
from typing import TypeAlias

from reconcile.lazy_dataclass import dataclass
from reconcile.sandbox.accounts import Message
from reconcile.sandbox.imap.grammar import Atom, BadCommand, Value, text_of
from reconcile.sandbox.imap.mime import split_header
from reconcile.sandbox.imap.sequence import ranges

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_FLAGS = {"ANSWERED": "\\Answered", "DELETED": "\\Deleted", "DRAFT": "\\Draft", "FLAGGED": "\\Flagged", "SEEN": "\\Seen"}
_RETURN = frozenset({"MIN", "MAX", "ALL", "COUNT"})
CHARSETS = frozenset({"US-ASCII", "UTF-8"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A message with its place in the session's view."""

    sequence: int
    message: Message


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """`wanted` is None for the plain answer, else what RETURN asked for."""

    matches: Callable[[Candidate], bool]
    wanted: frozenset[str] | None


class BadCharset(Exception):
    """The answer is NO [BADCHARSET]."""


Test: TypeAlias = Callable[[Candidate], bool]


def parse(arguments: Sequence[Value], *, largest_sequence: int, largest_uid: int) -> Search:
    """Raises BadCommand and BadCharset."""
    reader = _Keys(list(arguments), largest_sequence, largest_uid)
    wanted = None
    if reader.next_is("RETURN"):
        reader.word()
        options = reader.value()
        if not isinstance(options, tuple):
            raise BadCommand("RETURN takes a list")
        wanted = frozenset(text_of(option).upper() for option in options) or frozenset({"ALL"})
        if not wanted <= _RETURN:
            raise BadCommand("RETURN knows MIN, MAX, ALL and COUNT")
    if reader.next_is("CHARSET"):
        reader.word()
        if reader.word() not in CHARSETS:
            raise BadCharset
    return Search(matches=reader.all_of(), wanted=wanted)


class _Keys:
    def __init__(self, values: list[Value], largest_sequence: int, largest_uid: int) -> None:
        self._values = values
        self._at = 0
        self._largest_sequence = largest_sequence
        self._largest_uid = largest_uid

    def next_is(self, word: str) -> bool:
        value = self._values[self._at] if self._at < len(self._values) else None
        return isinstance(value, Atom) and value.text.upper() == word

    def value(self) -> Value:
        if self._at >= len(self._values):
            raise BadCommand("SEARCH ends too early")
        self._at += 1
        return self._values[self._at - 1]

    def word(self) -> str:
        return text_of(self.value()).upper()

    def all_of(self) -> Test:
        tests = [self._key()]
        while self._at < len(self._values):
            tests.append(self._key())
        return lambda candidate: all(test(candidate) for test in tests)

    def _key(self) -> Test:
        value = self.value()
        if isinstance(value, tuple):
            return _Keys(list(value), self._largest_sequence, self._largest_uid).all_of()
        name = text_of(value).upper()
        if name in _FLAGS:
            return _has(_FLAGS[name])
        if name.startswith("UN") and name[2:] in _FLAGS:
            return _not(_has(_FLAGS[name[2:]]))
        match name:
            case "ALL":
                return lambda _candidate: True
            case "NEW" | "RECENT":  # this server gives no message the \Recent flag
                return lambda _candidate: False
            case "OLD":
                return lambda _candidate: True
            case "NOT":
                return _not(self._key())
            case "OR":
                left, right = self._key(), self._key()
                return lambda candidate: left(candidate) or right(candidate)
            case "UID":
                return _uid_in(ranges(self.word(), self._largest_uid))
            case "KEYWORD" | "UNKEYWORD":
                test = _has(text_of(self.value()))
                return test if name == "KEYWORD" else _not(test)
            case "SINCE" | "BEFORE" | "ON" | "SENTSINCE" | "SENTBEFORE" | "SENTON":
                return _dated(name, _date(text_of(self.value())))
            case "LARGER" | "SMALLER":
                return _sized(name, self.word())
            case "SUBJECT" | "FROM" | "TO" | "CC" | "BCC":
                return _header(name, text_of(self.value()))
            case "HEADER":
                return _header(text_of(self.value()), text_of(self.value()))
            case "BODY" | "TEXT":
                needle = text_of(self.value()).lower().encode("utf-8", "surrogateescape")
                return lambda candidate: (
                    needle in (candidate.message.raw if name == "TEXT" else split_header(candidate.message.raw)[1]).lower()
                )
            case _ if name[:1].isdigit() or name.startswith("*"):
                allowed = ranges(name, self._largest_sequence)
                return lambda candidate: any(low <= candidate.sequence <= high for low, high in allowed)
            case _:
                raise BadCommand("a search key is not known here")


def _has(flag: str) -> Test:
    return lambda candidate: any(each.lower() == flag.lower() for each in candidate.message.flags)


def _not(test: Test) -> Test:
    return lambda candidate: not test(candidate)


def _uid_in(allowed: tuple[tuple[int, int], ...]) -> Test:
    return lambda candidate: any(low <= candidate.message.uid <= high for low, high in allowed)


def _sized(name: str, text: str) -> Test:
    if not text.isdecimal() or len(text) > 10:
        raise BadCommand("a size is a number")
    limit = int(text)
    return lambda candidate: len(candidate.message.raw) > limit if name == "LARGER" else len(candidate.message.raw) < limit


def _dated(name: str, day: date) -> Test:
    """Days are compared without time and zone (RFC 3501: "disregarding time and timezone")."""
    sent = name.startswith("SENT")

    def test(candidate: Candidate) -> bool:
        when = _sent(candidate.message) if sent else candidate.message.internal_date.date()
        if when is None:
            return False
        match name.removeprefix("SENT"):
            case "SINCE":
                return when >= day
            case "BEFORE":
                return when < day
            case _:
                return when == day

    return test


def _header(name: str, needle: str) -> Test:
    wanted = needle.lower()

    def test(candidate: Candidate) -> bool:
        values = BytesHeaderParser(policy=compat32).parsebytes(split_header(candidate.message.raw)[0]).get_all(name, [])
        return any(wanted in text.lower() for value in values for text in (str(value), _decoded(str(value))))

    return test


def _decoded(text: str) -> str:
    try:
        return str(make_header(decode_header(text)))
    except (ValueError, LookupError):  # an unknown charset or broken encoding: compared as it stands
        return text


def _sent(message: Message) -> date | None:
    text = BytesHeaderParser(policy=compat32).parsebytes(split_header(message.raw)[0]).get("date")
    try:
        return parsedate_to_datetime(str(text)).date()
    except (ValueError, TypeError, OverflowError):
        return None


def _date(text: str) -> date:
    day, _, rest = text.partition("-")
    month, _, year = rest.partition("-")
    try:
        return datetime(int(year), _MONTHS.index(month.lower()) + 1, int(day)).date()  # noqa: DTZ001 - a day, no instant
    except ValueError:
        raise BadCommand("a date is written 1-Feb-2026") from None
