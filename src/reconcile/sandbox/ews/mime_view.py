"""What a message in MIME says, as EWS elements, read only as far as somebody asks. Hostile mail is text with replaced characters."""

from __future__ import annotations

import email
import email.policy
import re
from datetime import UTC, datetime
from email.header import decode_header
from email.message import Message
from email.utils import getaddresses, parsedate_to_datetime
from functools import cached_property

from reconcile.sandbox.ews.node import Node

_HEADER_LIMIT = 256 * 1024
_ADDRESS_LIMIT = 2000
_PLAIN = re.compile(r"([\w .=?+/-]*)<([\w.+=-]+@[\w.-]+)>")


class MimeView:
    """One message. Headers are found without parsing the body; the body is parsed at the first question about it."""

    def __init__(self, raw: bytes) -> None:
        self.raw = raw

    @cached_property
    def headers(self) -> list[tuple[str, str]]:
        """Name and unfolded, undecoded value, in order."""
        end = re.search(rb"\r?\n\r?\n", self.raw[:_HEADER_LIMIT])
        head = self.raw[: end.start()] if end else self.raw[:_HEADER_LIMIT]
        found: list[tuple[str, str]] = []
        for line in re.split(r"\r?\n(?![ \t])", head.decode("utf-8", "replace")):
            name, colon, value = line.partition(":")
            if colon:
                found.append((name.strip(), re.sub(r"\r?\n[ \t]+", " ", value).strip()))
        return found

    @cached_property
    def _first(self) -> dict[str, str]:
        found: dict[str, str] = {}
        for name, value in self.headers:
            found.setdefault(name.lower(), value)
        return found

    def header(self, name: str) -> str:
        """The first header of that name, decoded; "" when there is none."""
        value = self._first.get(name.lower(), "")
        return _decoded(value) if "=?" in value else value

    def date(self) -> datetime | None:
        """The Date header, aware, or None when it is missing or nonsense."""
        try:
            moment = parsedate_to_datetime(self._first.get("date", ""))
            return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
        except (ValueError, TypeError, IndexError, OverflowError):
            return None

    def mailboxes(self, name: str) -> list[Node]:
        """t:Mailbox elements of an address header (all headers of that name together)."""
        values = [value for found, value in self.headers if found.lower() == name.lower()]
        if not values:
            return []
        try:  # the library's parser takes a third of the time of a whole answer, for what is nearly always one plain address
            plain = _PLAIN.fullmatch(values[0]) if len(values) == 1 else None
            pairs = [(plain[1].strip(), plain[2])] if plain else getaddresses(values)[:_ADDRESS_LIMIT]
        except (ValueError, IndexError, RecursionError):
            return []
        return [mailbox(_decoded(shown) if "=?" in shown else shown, address) for shown, address in pairs if address]

    @cached_property
    def parsed(self) -> Message:
        """The whole message."""
        return email.message_from_bytes(self.raw, policy=email.policy.compat32)

    @cached_property
    def bodies(self) -> dict[str, str]:
        """The first text of each kind that is no attachment: "text", "html"."""
        found: dict[str, str] = {}
        for part in self.parsed.walk():
            kind = {"text/plain": "text", "text/html": "html"}.get(part.get_content_type())
            if kind and kind not in found and part.get_content_disposition() != "attachment":
                found[kind] = _text_of(part)
        return found

    @cached_property
    def attachments(self) -> list[Message]:
        """Parts a reader sees as attachments: with a file name, a disposition, or a Content-ID, or a message of its own."""
        if not re.search(rb"content-type:\s*(multipart/|message/|(?!text/|multipart/))", self.raw, re.IGNORECASE):
            return []
        parts: list[Message] = []
        _collect(self.parsed, parts)
        return parts

    @cached_property
    def has_attachments(self) -> bool:
        """Whether one of them is not inline."""
        return any(part.get_content_disposition() != "inline" and not part.get("Content-ID") for part in self.attachments)


def mailbox(name: str, address: str) -> Node:
    """A t:Mailbox of an SMTP address."""
    return Node(
        "t:Mailbox",
        children=(Node("t:Name", name or address), Node("t:EmailAddress", address), Node("t:RoutingType", "SMTP")),
    )


def _collect(part: Message, found: list[Message]) -> None:
    if part.get_content_maintype() == "multipart":
        payload = part.get_payload()
        for child in payload if isinstance(payload, list) else []:
            if isinstance(child, Message):
                _collect(child, found)
    elif (
        part.get_content_disposition() == "attachment"
        or part.get_filename()
        or part.get_content_maintype() != "text"
        or part.get("Content-ID")
    ):
        found.append(part)


def _text_of(part: Message) -> str:
    payload = part.get_payload(decode=True)
    octets = payload if isinstance(payload, bytes) else b""
    charset = part.get_content_charset() or "utf-8"
    try:
        return octets.decode(charset, "replace")
    except (LookupError, ValueError):
        return octets.decode("utf-8", "replace")


def _decoded(value: str) -> str:
    """Encoded words (RFC 2047) read; what cannot be read stays as it is."""
    try:
        pieces = decode_header(value)
        return "".join(piece if isinstance(piece, str) else piece.decode(charset or "ascii", "replace") for piece, charset in pieces)
    except (LookupError, ValueError):
        return value
