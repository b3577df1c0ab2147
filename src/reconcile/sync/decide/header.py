"""A lean scan of a message's header: one compiled expression, decoding only where something is encoded.

Never raises, whatever the bytes: what cannot be understood is left as it stands and named in `defects`. The standard library's
`email.policy.default` is not used: it costs ten times as much and raises on mail that Exchange really writes (bpo 30681 and others).
"""

from __future__ import annotations

import binascii
import re
from datetime import UTC, datetime
from email.errors import MessageError
from email.header import decode_header
from email.utils import getaddresses, parsedate_to_datetime

from reconcile.model.message import MessageHeader, Party

#: More of one kind than anybody reads; the raw bytes keep all.
MOST_PARTIES = 1000
MOST_REFERENCES = 200
LONGEST_TEXT = 4000

_FIELDS = re.compile(
    rb"^(message-id|subject|from|to|cc|bcc|reply-to|date|in-reply-to|references)[ \t]*:[ \t]*((?:[^\r\n]|\r?\n[ \t]|\r(?!\n))*)",
    re.IGNORECASE | re.MULTILINE,
)
_FOLD = re.compile(rb"\r?\n(?=[ \t])")
_SPACES = re.compile(r"[ \t\r\n]+")
_SINGLE = re.compile(r'(?:"((?:[^"\\]|\\.)*)"|([^"<>(),:;@\\]*))[ ]*<([^<>()\[\]," \\]+@[^<>()\[\]," \\]+)>')
_BARE = re.compile(r'[^<>()\[\]," \\:;@]+@[^<>()\[\]," \\:;@]+')
_MESSAGE_ID = re.compile(r"<[^<>]*>")
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


def header_end(raw: bytes) -> int:
    """Length of the header block including its empty line; -1 when there is no empty line."""
    strict = raw.find(b"\r\n\r\n")
    # A bare LF LF counts only where it comes first: a body may hold one.
    loose = raw.find(b"\n\n", 0, strict if strict >= 0 else len(raw))
    if loose >= 0:
        return loose + 2
    if strict >= 0:
        return strict + 4
    return 2 if raw.startswith(b"\r\n") else 1 if raw.startswith(b"\n") else -1


def scan(block: bytes, *, complete: bool = True) -> MessageHeader:
    """`block` is the header block (or, for a message without an empty line, all of it: then `complete` is False)."""
    defects: list[str] = [] if complete else ["no-header-end"]
    fields: dict[bytes, str] = {}
    for name, value in _FIELDS.findall(block):
        key = name.lower()
        if key in fields:
            if key in (b"to", b"cc", b"bcc", b"reply-to"):
                fields[key] += ", " + _unfolded(value, defects)
            elif key in (b"message-id", b"from", b"date", b"subject"):
                _note(defects, f"{key.decode()}-repeated")
            continue
        fields[key] = _unfolded(value, defects)
    if not fields and not _NAMELESS_LINE.search(block):
        _note(defects, "no-header")
    if b"\x00" in block:
        _note(defects, "nul-in-header")
    senders = _parties(fields.get(b"from", ""), defects)
    if len(senders) != 1:
        _note(defects, "no-sender" if not senders else "several-senders")
    return MessageHeader(
        message_id=_message_id(fields.get(b"message-id", ""), defects),
        subject=decode_words(fields.get(b"subject", ""), defects),
        sender=senders[0] if senders else None,
        to=_parties(fields.get(b"to", ""), defects),
        cc=_parties(fields.get(b"cc", ""), defects),
        bcc=_parties(fields.get(b"bcc", ""), defects),
        reply_to=_parties(fields.get(b"reply-to", ""), defects),
        sent=_instant(fields.get(b"date", ""), defects),
        in_reply_to=_first_id(fields.get(b"in-reply-to", "")),
        references=_references(fields.get(b"references", ""), defects),
        defects=tuple(defects),
    )


def _note(defects: list[str], word: str) -> None:
    if word not in defects:
        defects.append(word)


def _unfolded(value: bytes, defects: list[str]) -> str:
    if b"\n" in value:
        value = _FOLD.sub(b"", value)
    if value.isascii():
        text = value.decode("ascii")
    else:
        # RFC 6532 allows UTF-8; anything else is a guess that keeps every byte.
        try:
            text = value.decode("utf-8")
        except UnicodeDecodeError:
            text = value.decode("latin-1")
            _note(defects, "undeclared-8bit")
    if "\x00" in text:
        text = text.replace("\x00", "\ufffd")
    return text.strip()


def decode_words(text: str, defects: list[str]) -> str:
    """RFC 2047 decoded, on one line, bounded; what is wrong with it is added to `defects`."""
    if "=?" in text:
        try:
            pieces = decode_header(text)
            text = "".join(piece if isinstance(piece, str) else piece.decode(charset or "latin-1", "replace") for piece, charset in pieces)
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
    single = _SINGLE.fullmatch(text)
    if single is not None:
        quoted, plain, address = single.groups()
        name = re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else (plain or "").strip()
        return (_party(name, address, defects),)
    if _BARE.fullmatch(text):
        return (_party("", text, defects),)
    try:
        pairs = getaddresses([text[: 100 * LONGEST_TEXT]])
    except PARSER_ERRORS:
        _note(defects, "addresses-unreadable")
        return ()
    found = [_party(name, address, defects) for name, address in pairs if address]
    if not found and text.strip(" ,;"):
        _note(defects, "addresses-unreadable")
    if len(found) > MOST_PARTIES:
        _note(defects, "parties-cut")
    return tuple(found[:MOST_PARTIES])


def _party(name: str, address: str, defects: list[str]) -> Party:
    local, at, domain = address.rpartition("@")
    return Party(f"{local}{at}{domain.lower()}"[:LONGEST_TEXT], decode_words(name, defects) if name else "")


def _message_id(text: str, defects: list[str]) -> str:
    if not text:
        _note(defects, "no-message-id")
        return ""
    found = _MESSAGE_ID.search(text)
    if found is None:
        _note(defects, "message-id-without-brackets")
    return _SPACES.sub("", found.group() if found else text)[:LONGEST_TEXT]


def _first_id(text: str) -> str:
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
    try:
        moment = parsedate_to_datetime(text)
        # "-0000" gives a naive value: UTC without knowledge of the zone (RFC 5322 3.3).
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except PARSER_ERRORS:
        _note(defects, "date-unreadable")
        return ""
    return instant_text(moment)


def instant_text(moment: datetime) -> str:
    """UTC RFC 3339 to the second, as the store keeps and compares it."""
    return f"{moment.year:04d}-{moment.month:02d}-{moment.day:02d}T{moment.hour:02d}:{moment.minute:02d}:{moment.second:02d}Z"
