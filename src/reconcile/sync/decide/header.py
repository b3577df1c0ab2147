"""A lean scan of a message's header: one compiled expression, decoding only where something is encoded.

Never raises, whatever the bytes: what cannot be understood is left as it stands and named in `defects`. The standard library's
`email.policy.default` is not used: it costs ten times as much and raises on mail that Exchange really writes (bpo 30681 and others).
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from email.errors import MessageError
from email.utils import getaddresses, parsedate_to_datetime
from functools import lru_cache

from reconcile.model.mail_address import comparable
from reconcile.model.message import MessageHeader, Party
from reconcile.sync.decide.instant_text import instant_text as instant_text

#: More of one kind than anybody reads; the raw bytes keep all.
MOST_PARTIES = 1000
MOST_REFERENCES = 200
LONGEST_TEXT = 4000

#: Behind a line break that is put before the block: looking for one is several times as fast as trying each octet for the begin of a line.
_FIELDS = re.compile(
    r"\n(message-id|subject|from|to|cc|bcc|reply-to|date|in-reply-to|references|thread-index|x-forwarded-message-id|x-loop)[ \t]*:[ \t]*"
    r"([^\r\n]*(?:(?:\r?\n[ \t]|\r(?!\n))[^\r\n]*)*)",
    re.IGNORECASE | re.ASCII,
)
_SPACES = re.compile(r"[ \t\r\n]+")
#: One address of a list and what follows it: "name" <local@domain>, name <local@domain>, or local@domain. Anything else takes the
#: standard library's parser, which costs thirty times as much.
_ADDRESS = re.compile(
    r'[ \t]*(?:(?:"((?:[^"\\]|\\.)*)"|([^"<>(),:;@\\\[\]]*))[ \t]*<([^<>()\[\]," \t\\:;@]+@[^<>()\[\]," \t\\:;@]+)>'
    r'|([^<>()\[\]," \t\\:;@]+@[^<>()\[\]," \t\\:;@]+))[ \t]*(?:,|\Z)'
)
#: One of a list in which nothing is quoted, so that each comma ends one.
_PLAIN_ADDRESS = re.compile(
    r'[ \t]*(?:([^"<>(),:;@\\\[\]]*)[ \t]*<([^<>()\[\]," \t\\:;@]+@[^<>()\[\]," \t\\:;@]+)>'
    r'|([^<>()\[\]," \t\\:;@]+@[^<>()\[\]," \t\\:;@]+))[ \t]*'
)
#: Longer ones are not remembered.
_SHORT = 200
_ESCAPED = re.compile(r"\\(.)")
#: RFC 2047, with the language of RFC 2231.
_WORD = re.compile(r"=\?([^?*\s]+)(?:\*[^?\s]*)?\?([bBqQ])\?([^?]*)\?=")
_DATE = re.compile(
    r"(?:[A-Za-z]{3}, +)?(\d{1,2}) ([A-Z][a-z]{2}) (\d{4}) (\d\d):(\d\d):(\d\d) (?:([+-])(\d\d)([0-5]\d)|GMT|UTC)(?: \([^()]*\))?"
)
_MONTHS = {
    name: number for number, name in enumerate(("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"), 1)
}
_MESSAGE_ID = re.compile(r"<[^<>]*>")
#: One of them and nothing else, without the spaces that would be taken out.
_USUAL_ID = re.compile(r"<[^<> \t\r\n]*>")
_NAMELESS_LINE = re.compile(rb"^[^\s:]+[ \t]*:", re.MULTILINE)
#: What the standard library's lenient parsers are known to raise on hostile input (and its subclasses: LookupError for an unknown
#: charset, UnicodeError, binascii.Error). The one place that lists them.
PARSER_ERRORS = (
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    AssertionError,
    OverflowError,
    RecursionError,
    MessageError,
    binascii.Error,
)


def header_end(raw: bytes, limit: int) -> int:
    """Length of the header block including its empty line; -1 when there is no empty line in the first `limit` bytes."""
    strict = raw.find(b"\r\n\r\n", 0, limit)
    # A bare LF LF counts only where it comes first: a body may hold one.
    loose = raw.find(b"\n\n", 0, strict if strict >= 0 else limit)
    if loose >= 0:
        return loose + 2
    if strict >= 0:
        return strict + 4
    return 2 if raw.startswith(b"\r\n") else 1 if raw.startswith(b"\n") else -1


def scan(block: bytes, *, complete: bool = True, dated: bool = True) -> MessageHeader:
    """`block` is the header block (or, for a message without an empty line, all of it: then `complete` is False). Without `dated` the
    Date field is passed over, and said to be neither there nor missing."""
    defects: list[str] = [] if complete else ["no-header-end"]
    fields: dict[str, str] = {}
    # One character an octet; those of a value that is not ASCII are made octets again.
    text = "\n" + block.decode("latin-1")
    plain = text.isascii() and "\x00" not in text
    for name, value in _FIELDS.findall(text):
        key = name.lower()
        if key not in fields:
            fields[key] = value.strip() if plain and "\n" not in value else _unfolded(value, defects)
        elif key == "x-loop":
            if len(fields[key]) < LONGEST_TEXT:
                fields[key] += "\n" + _unfolded(value, defects)
        elif key in ("to", "cc", "bcc", "reply-to"):
            fields[key] += ", " + _unfolded(value, defects)
        elif key in ("message-id", "from", "date", "subject"):
            _note(defects, f"{key}-repeated")
    if not fields and not _NAMELESS_LINE.search(block):
        _note(defects, "no-header")
    if b"\x00" in block:
        _note(defects, "nul-in-header")
    senders = _parties(fields.get("from", ""), defects)
    if len(senders) != 1:
        _note(defects, "no-sender" if not senders else "several-senders")
    return MessageHeader(
        message_id=_message_id(fields.get("message-id", ""), defects),
        subject=decode_words(fields.get("subject", ""), defects),
        sender=senders[0] if senders else None,
        to=_parties(fields["to"], defects) if "to" in fields else (),
        cc=_parties(fields["cc"], defects) if "cc" in fields else (),
        bcc=_parties(fields["bcc"], defects) if "bcc" in fields else (),
        reply_to=_parties(fields["reply-to"], defects) if "reply-to" in fields else (),
        sent=_instant(fields.get("date", ""), defects) if dated else "",
        in_reply_to=_first_id(fields.get("in-reply-to", "")),
        references=_references(fields.get("references", ""), defects),
        thread_index=fields.get("thread-index", "")[:LONGEST_TEXT],
        # Thunderbird's; a mail that a server sends on (X-Forwarded-To) is still the same mail.
        forwards="x-forwarded-message-id" in fields,
        loops=tuple(comparable(one.strip()) for one in fields["x-loop"].split("\n")) if "x-loop" in fields else (),
        defects=tuple(defects),
    )


def _note(defects: list[str], word: str) -> None:
    if word not in defects:
        defects.append(word)


def _unfolded(value: str, defects: list[str]) -> str:
    """`value` has one character an octet; each line break in it is followed by a space or tab."""
    if "\n" in value:
        value = value.replace("\r\n", "").replace("\n", "")
    if not value.isascii():
        # RFC 6532 allows UTF-8; anything else is a guess that keeps every byte.
        try:
            value = value.encode("latin-1").decode("utf-8")
        except UnicodeDecodeError:
            _note(defects, "undeclared-8bit")
    if "\x00" in value:
        value = value.replace("\x00", "\ufffd")
    return value.strip()


def decode_words(text: str, defects: list[str]) -> str:
    """RFC 2047 decoded, on one line, bounded; what is wrong with it is added to `defects`."""
    if "=?" in text:
        try:
            text = _without_encoding(text)
        except PARSER_ERRORS:
            _note(defects, "encoded-word-unreadable")
        # A charset may decode to lone surrogates (utf-7, utf-16), NULs or line breaks: none can be kept as one line of text.
        text = text.encode("utf-8", "replace").decode("utf-8").replace("\x00", "\ufffd")
    if len(text) > LONGEST_TEXT:
        _note(defects, "text-cut")
        text = text[:LONGEST_TEXT]
    return _SPACES.sub(" ", text) if "\n" in text or "\r" in text or "\t" in text else text


def _parties(text: str, defects: list[str]) -> tuple[Party, ...]:
    if not text:
        return ()
    return _listed(text, defects) if '"' in text else _plainly_listed(text, defects)


def _plainly_listed(text: str, defects: list[str]) -> tuple[Party, ...]:
    """As `_listed`, where nothing is quoted: each comma ends one."""
    pieces = text.split(",", MOST_PARTIES + 1)
    if not pieces[-1]:
        pieces.pop()
    found: list[Party] = []
    for piece in pieces[: MOST_PARTIES + 1]:
        match = _PLAIN_ADDRESS.fullmatch(piece)
        if match is None:
            return _lenient(text, defects)
        name, named, bare = match.groups()
        found.append(_party("", bare, defects) if bare is not None else _party(name.strip(), named, defects))
    return _bounded(found, defects)


def _listed(text: str, defects: list[str]) -> tuple[Party, ...]:
    found: list[Party] = []
    position, length = 0, len(text)
    while position < length and len(found) <= MOST_PARTIES:
        match = _ADDRESS.match(text, position)
        if match is None:
            return _lenient(text, defects)
        quoted, plain, named, bare = match.groups()
        if bare is not None:
            found.append(_party("", bare, defects))
        else:
            found.append(_party(_ESCAPED.sub(r"\1", quoted) if quoted is not None else plain.strip(), named, defects))
        position = match.end()
    return _bounded(found, defects)


def _lenient(text: str, defects: list[str]) -> tuple[Party, ...]:
    """Groups, comments, routes, and what is no address at all."""
    try:
        pairs = getaddresses([text[: 100 * LONGEST_TEXT]])
    except PARSER_ERRORS:
        _note(defects, "addresses-unreadable")
        return ()
    found = [_party(name, address, defects) for name, address in pairs if address]
    if not found and text.strip(" ,;"):
        _note(defects, "addresses-unreadable")
    return _bounded(found, defects)


def _bounded(found: list[Party], defects: list[str]) -> tuple[Party, ...]:
    if len(found) > MOST_PARTIES:
        _note(defects, "parties-cut")
    return tuple(found[:MOST_PARTIES])


def _without_encoding(text: str) -> str:
    """Encoded words decoded; space between two of them belongs to neither (RFC 2047 6.2). Words of one charset that follow each
    other are joined before decoding, because senders cut between the bytes of a character."""
    done: list[str] = []
    pending, charset, position = b"", "", 0
    for match in _WORD.finditer(text):
        between = text[position : match.start()]
        content = (
            binascii.a2b_base64(match[3] + "=" * (-len(match[3]) % 4))
            if match[2] in "bB"
            else binascii.a2b_qp(match[3].encode("utf-8", "replace"), header=True)
        )
        following = match[1].lower()
        if charset and (following != charset or between.strip()):
            done.append(pending.decode(charset, "replace"))
            pending = b""
        if not charset or between.strip():
            done.append(between)
        pending += content
        charset, position = following, match.end()
    if charset:
        done.append(pending.decode(charset, "replace"))
    return "".join(done) + text[position:]


def _party(name: str, address: str, defects: list[str]) -> Party:
    if name:
        if len(name) <= _SHORT:
            name, wrong = _decoded_name(name)
            for word in wrong:
                _note(defects, word)
        else:
            name = decode_words(name, defects)
    # That most addresses are written in lower case throughout is told quicker than where their domain begins.
    if not (address.isascii() and address.islower()):
        local, at, domain = address.rpartition("@")
        address = f"{local}{at}{domain.lower()}"
    return Party(address[:LONGEST_TEXT], name)


@lru_cache(2048)
def _decoded_name(name: str) -> tuple[str, Sequence[str]]:
    """And what is wrong with it. A mailbox has the same people in it again and again."""
    wrong: list[str] = []
    return decode_words(name, wrong), wrong


def _message_id(text: str, defects: list[str]) -> str:
    if not text:
        _note(defects, "no-message-id")
        return ""
    if _USUAL_ID.fullmatch(text):
        return text[:LONGEST_TEXT]
    found = _MESSAGE_ID.search(text)
    if found is None:
        _note(defects, "message-id-without-brackets")
    return _SPACES.sub("", found.group() if found else text)[:LONGEST_TEXT]


def _first_id(text: str) -> str:
    if not text:
        return ""
    if _USUAL_ID.fullmatch(text):
        return text[:LONGEST_TEXT]
    found = _MESSAGE_ID.search(text)
    return _SPACES.sub("", found.group() if found else text)[:LONGEST_TEXT]


def _references(text: str, defects: list[str]) -> tuple[str, ...]:
    if not text:
        return ()
    found = [identifier[:LONGEST_TEXT] for identifier in _MESSAGE_ID.findall(text)]
    if len(found) > MOST_REFERENCES:
        _note(defects, "references-cut")
        # RFC 5322 3.6.4: the root comes first, the parent last; both ends matter.
        found = [found[0], *found[-(MOST_REFERENCES - 1) :]]
    return tuple(found)


def _instant(text: str, defects: list[str]) -> str:
    if not text:
        _note(defects, "no-date")
        return ""
    usual = _DATE.fullmatch(text)
    try:
        if usual is not None:
            day, month, year, hour, minute, second, sign, hours, minutes = usual.groups()
            # A leap second is told as the one before it.
            moment = datetime(int(year), _MONTHS[month], int(day), int(hour), int(minute), min(int(second), 59), tzinfo=UTC)
            if sign is not None and (hours, minutes) != ("00", "00"):
                offset = timedelta(hours=int(hours), minutes=int(minutes))
                moment = moment + offset if sign == "-" else moment - offset
            return instant_text(moment)
        moment = parsedate_to_datetime(text)
        # "-0000" gives a naive value: UTC without knowledge of the zone (RFC 5322 3.3).
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except PARSER_ERRORS:
        _note(defects, "date-unreadable")
        return ""
    return instant_text(moment)
