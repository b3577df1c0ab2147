"""A mail that comes as bytes keeps them, except for what must not leave: Bcc, also that of a resent mail.

Its lines, ids and addresses are held to the same rules as those we write: what two servers could read differently is refused.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from email.errors import MessageError, NonASCIILocalPartDefect, ObsoleteHeaderDefect
from email.policy import SMTP
from email.utils import format_datetime

from reconcile.errors import UserError
from reconcile.lazy_dataclass import dataclass
from reconcile.model.mail_address import MailAddress, same_address
from reconcile.model.outgoing import Field, Recipient
from reconcile.sync.decide.draft import add, address, is_message_id

#: RFC 5321, 4.5.3.1.6, without CRLF.
_LONGEST_LINE = 998
#: Octets of one address field that are read. The library's parser takes time with the square of them.
_LONGEST_LIST = 64 * 1024
#: Octets of all header fields together. No server takes more (Postfix: header_size_limit 102,400 a field; Exchange: 256 KB in all).
_LONGEST_HEADER = 256 * 1024
#: Old forms that are still read without doubt, and UTF-8 before the @ (RFC 6531).
_HARMLESS = (NonASCIILocalPartDefect, ObsoleteHeaderDefect)
_HIDDEN = (b"bcc", b"resent-bcc")


@dataclass(frozen=True, slots=True, kw_only=True)
class RawMail:
    """What was read of it, and the bytes that are sent."""

    message_id: str
    subject: str
    content: bytes
    recipients: tuple[Recipient, ...]


def taken(raw: bytes, envelope: tuple[Recipient, ...], sender: MailAddress, token: str, now: datetime, *, submitter: str = "") -> RawMail:
    """`envelope` replaces the recipients in the headers where it is not empty. `submitter` is the address of who asks, where that is
    not the sender. Raises UserError."""
    content = re.sub(rb"\r?\n", b"\r\n", raw)
    if b"\0" in content or re.search(rb"\r(?!\n)", content):
        # A lone CR ends a line for some servers and not for others: two mails in one (SMTP smuggling).
        raise UserError(
            "the mail has a NUL octet or a carriage return without a line feed", hint="Mend the file; its lines end in LF or CRLF."
        )
    if not content.endswith(b"\r\n"):
        content += b"\r\n"
    number = next((n for n, line in enumerate(content.split(b"\r\n"), 1) if len(line) > _LONGEST_LINE), 0)
    if number:
        raise UserError(f"line {number} of the mail is longer than {_LONGEST_LINE} octets", hint="Encode it as quoted-printable or base64.")
    header, separator, body = content.partition(b"\r\n\r\n")
    if len(header) > _LONGEST_HEADER:
        words = f"the header of the mail has {len(header):,} octets, at most {_LONGEST_HEADER:,} are taken"
        raise UserError(words, hint="Give the recipients with --to, --cc, --bcc, and take fields out.")
    fields = _fields(header)
    _check_sender(fields, sender, submitter)
    identifiers = [value.strip() for value in _values(fields, b"message-id")]
    if len(identifiers) > 1 or (identifiers and not is_message_id(identifiers[0])):
        raise UserError("the mail has several Message-IDs, or one that is none", hint="Take the header out: one is made.")
    message_id = identifiers[0] if identifiers else f"<{token}@{sender.address.rpartition('@')[2]}>"
    recipients = list(envelope)
    if not recipients:
        for field in Field:
            listed = _addresses(fields, str(field).encode())
            add(recipients, field, (address(f"{str(field).capitalize()} of the mail", one) for one in listed))
    kept = [line for name, line in fields if name not in _HIDDEN]
    names = {name for name, _ in fields}
    if not identifiers:
        kept.insert(0, b"Message-ID: " + message_id.encode("ascii"))
    if b"date" not in names:
        kept.insert(0, b"Date: " + format_datetime(now).encode("ascii"))
    subject = " ".join(next(iter(_values(fields, b"subject")), "").split())
    if submitter and b"sender" not in names:
        kept.insert(0, b"Sender: " + submitter.encode("utf-8"))
    return RawMail(
        message_id=message_id,
        subject=subject,
        content=b"\r\n".join(kept) + separator + body,
        recipients=tuple(recipients),
    )


def _fields(header: bytes) -> list[tuple[bytes, bytes]]:
    """(name in lower case, the field with its continuation lines) in order."""
    found: list[tuple[bytes, bytes]] = []
    for number, line in enumerate(header.split(b"\r\n"), 1):
        if line[:1] in (b" ", b"\t") and found:
            found[-1] = (found[-1][0], found[-1][1] + b"\r\n" + line)
            continue
        name, colon, _ = line.partition(b":")
        if not colon or not re.fullmatch(rb"[!-9;-~]+[ \t]*", name):
            raise UserError(
                f"line {number} of the mail is no header field", hint="A mail starts with its header fields, then an empty line."
            )
        found.append((name.strip().lower(), line))
    return found


def _values(fields: Sequence[tuple[bytes, bytes]], wanted: bytes) -> list[str]:
    """Unfolded values of all fields of that name, as UTF-8 (RFC 6532)."""
    found = []
    for name, line in fields:
        if name == wanted:
            try:
                found.append(line.partition(b":")[2].replace(b"\r\n", b"").strip().decode("utf-8"))
            except UnicodeDecodeError as error:
                shown = wanted.decode("ascii").capitalize()
                raise UserError(f"{shown} of the mail is neither ASCII nor UTF-8", hint="Encode it (RFC 2047).") from error
    return found


def _addresses(fields: Sequence[tuple[bytes, bytes]], wanted: bytes) -> list[str]:
    """Addresses in all fields of that name; groups are opened. What cannot be read in full is refused: half a list loses people."""
    found: list[str] = []
    for value in _values(fields, wanted):
        if len(value.encode()) > _LONGEST_LIST:
            words = f"{wanted.decode('ascii').capitalize()} of the mail has more than {_LONGEST_LIST:,} octets"
            raise UserError(words, hint="Give the recipients with --to, --cc, --bcc.")
        try:
            header = SMTP.header_factory("To", value)
            found += [one.addr_spec for one in header.addresses]
            sound = all(isinstance(defect, _HARMLESS) for defect in header.defects)
        except (MessageError, ValueError, IndexError, AttributeError, TypeError):
            # The library trips over some malformed lists instead of reporting a defect.
            sound = False
        if not sound:
            shown = wanted.decode("ascii").capitalize()
            raise UserError(
                f"{shown} of the mail cannot be read: {value!r}", hint="Mend it, or give the recipients with --to, --cc, --bcc."
            )
    return found


def _check_sender(fields: Sequence[tuple[bytes, bytes]], sender: MailAddress, submitter: str) -> None:
    authors = _addresses(fields, b"from")
    if len(authors) != 1 or not same_address(authors[0], sender.address):
        shown = ", ".join(authors) or "nobody"
        raise UserError(f"the mail is from {shown}, the mailbox is {sender.address}", hint="Choose the mailbox that the mail is from.")
    allowed = [one for one in (sender.address, submitter) if one]
    for name in (b"sender", b"resent-from", b"resent-sender"):
        for found in _addresses(fields, name):
            if not any(same_address(found, one) for one in allowed):
                shown = name.decode("ascii").title()
                raise UserError(f"{shown} of the mail is {found}, the mailbox is {sender.address}", hint=f"Take {shown} out of the mail.")
