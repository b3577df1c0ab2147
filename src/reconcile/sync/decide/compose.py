"""From what a person wants to send to the bytes that are sent: made once, before anything is sent, never again.

Nothing a caller gives can start a header of its own: control characters are refused in every header value, and our own mail is
written by the library's address-aware classes. A mail that comes as bytes keeps them, except for Bcc, which never leaves.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.errors import MessageError, NonASCIILocalPartDefect, ObsoleteHeaderDefect
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from reconcile.errors import UserError
from reconcile.model.mail_address import MailAddress, has_control_characters, is_allowed, parse_address, same_address
from reconcile.model.outgoing import Field, OutboxEntry, OutgoingState, Recipient
from reconcile.sync.decide.submission import SendingMailbox
from reconcile.sync.decide.text import text_of

#: What Exchange Online takes at most (Microsoft Learn, "Exchange Online limits").
LARGEST = 150 * 1024 * 1024
#: RFC 5321, 4.5.3.1.6, without CRLF.
_LONGEST_LINE = 998
_MESSAGE_ID = re.compile(r"<[^\s<>@]+@[^\s<>@]+>")
#: Old forms that are still read without doubt, and UTF-8 before the @ (RFC 6531).
_HARMLESS = (NonASCIILocalPartDefect, ObsoleteHeaderDefect)
_MEDIA_TYPE = re.compile(r"[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]*/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """`media_type` such as application/pdf."""

    name: str
    media_type: str
    content: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What is asked for, as it was typed. With `raw` the other fields but the addresses are empty; then to, cc and bcc, where given,
    are the envelope in place of the addresses in the mail's headers. With `html` and without `text`, the text is made from it."""

    to: tuple[str, ...] = ()
    cc: tuple[str, ...] = ()
    bcc: tuple[str, ...] = ()
    subject: str = ""
    text: str = ""
    html: str = ""
    attachments: tuple[Attachment, ...] = ()
    in_reply_to: str = ""
    raw: bytes | None = None


class DraftRefused(UserError):
    """The mail cannot be made. `path` leads to the field of the draft that is wrong: ("to", 0)."""

    def __init__(self, message: str, *, hint: str, path: tuple[str | int, ...] = ()) -> None:
        super().__init__(message, hint=hint)
        self.path = path


@dataclass(frozen=True, slots=True, kw_only=True)
class Composed:
    """An entry for the outbox (still without a number) and its bytes."""

    entry: OutboxEntry
    content: bytes


def compose(draft: Draft, mailbox: SendingMailbox, *, key: str, token: str, now: datetime) -> Composed:
    """Make the mail. `token` is random (letters and digits, unguessable): it names the mail and its MIME boundary.

    Raises DraftRefused naming what is wrong with which field.
    """
    if has_control_characters(key) or len(key) > 200:
        raise DraftRefused("the key has control characters or more than 200 characters", hint="Use letters and digits.", path=("key",))
    sender = _address("the mailbox's address", mailbox.address)
    recipients = _envelope(draft)
    if draft.raw is None:
        message_id = f"<{token}@{sender.address.rpartition('@')[2]}>"
        subject, content = draft.subject, _written(draft, sender, message_id, token, now)
    else:
        message_id, subject, content, recipients = _taken(draft.raw, recipients, sender, token, now)
    if not recipients:
        raise DraftRefused("the mail has no recipient", hint="Give at least one address in to, cc or bcc.")
    if len(content) > LARGEST:
        raise DraftRefused(f"the mail has {len(content):,} octets, at most {LARGEST:,} are taken", hint="Send a link instead of the file.")
    entry = OutboxEntry(
        id=0,
        message_id=message_id,
        client_key=key,
        request=request_of(draft, mailbox.mailbox_id),
        mailbox_id=mailbox.mailbox_id,
        mailbox_name=mailbox.name,
        sender=sender.address,
        recipients=recipients,
        subject=subject,
        size=len(content),
        added_at=now,
        state=OutgoingState.PENDING,
        next_try_at=now,
    )
    return Composed(entry=entry, content=content)


def not_allowed(recipients: Iterable[Recipient], allowed: Sequence[str]) -> tuple[str, ...]:
    """Recipients whom the applied Environment does not let us mail."""
    return tuple(recipient.address for recipient in recipients if not is_allowed(recipient.address, allowed))


def _envelope(draft: Draft) -> tuple[Recipient, ...]:
    recipients: list[Recipient] = []
    for field, addresses in ((Field.TO, draft.to), (Field.CC, draft.cc), (Field.BCC, draft.bcc)):
        _add(recipients, field, (_address(str(field), address, (str(field), number)) for number, address in enumerate(addresses)))
    return tuple(recipients)


def _add(recipients: list[Recipient], field: Field, addresses: Iterable[MailAddress]) -> None:
    """Each address once: the same person in To and Bcc gets one copy."""
    for one in addresses:
        if not any(same_address(one.address, known.address) for known in recipients):
            recipients.append(Recipient(address=one.address, field=field))


def _header_address(one: MailAddress) -> Address:
    if one.address.isascii():
        return Address(one.name, addr_spec=one.address)
    # The standard library takes an address with a local part outside of ASCII (RFC 6532) only in two halves.
    local, _, domain = one.address.rpartition("@")
    return Address(one.name, username=local, domain=domain)


def _written(draft: Draft, sender: MailAddress, message_id: str, token: str, now: datetime) -> bytes:
    _header_value("the subject", draft.subject, ("subject",))
    # A line of a message has at most 998 octets (RFC 5322, 2.1.1), and an id is not folded.
    if draft.in_reply_to and (not _MESSAGE_ID.fullmatch(draft.in_reply_to) or len(draft.in_reply_to.encode()) > 900):
        hint = "Write it with its angle brackets: <id@domain>."
        raise DraftRefused(f"{draft.in_reply_to!r} is no Message-ID to reply to", hint=hint, path=("in_reply_to",))
    addresses = {
        "From": [sender],
        "To": [_address("to", text) for text in draft.to],
        "Cc": [_address("cc", text) for text in draft.cc],
    }
    international = not all(one.address.isascii() for group in addresses.values() for one in group)
    # 7-bit throughout, so that any server can carry it, unless an address itself needs UTF-8 headers (RFC 6532).
    message = EmailMessage(policy=SMTP.clone(cte_type="7bit", utf8=international))
    for name, group in addresses.items():
        if group:
            message[name] = [_header_address(one) for one in group]
    message["Subject"] = draft.subject
    message["Date"] = format_datetime(now)
    message["Message-ID"] = message_id
    if draft.in_reply_to:
        message["In-Reply-To"] = draft.in_reply_to
        message["References"] = draft.in_reply_to
    html = _body("html", draft.html) if draft.html else ""
    message.set_content(_body("text", draft.text or text_of(html, [])), charset="utf-8")
    if html:
        message.add_alternative(html, subtype="html", charset="utf-8")
        message.set_boundary(f"=_{token}a")
    for number, attachment in enumerate(draft.attachments):
        path = ("attachments", number)
        _header_value(f"the name of attachment {attachment.name!r}", attachment.name, path)
        if not attachment.name or "/" in attachment.name or not _MEDIA_TYPE.fullmatch(attachment.media_type):
            words = f"attachment {attachment.name!r} has no plain name or no media type"
            raise DraftRefused(words, hint="Give the file another name.", path=path)
        main, _, sub = attachment.media_type.partition("/")
        if main in ("multipart", "message"):
            # Those would be opened up by mail programs, and may not be sent as base64 (RFC 2046, 5.2.1).
            main, sub = "application", "octet-stream"
        message.add_attachment(attachment.content, maintype=main, subtype=sub, filename=attachment.name)
    if draft.attachments:
        message.set_boundary(f"=_{token}")
    return message.as_bytes()


def _body(field: str, text: str) -> str:
    """With line feeds, the last one included."""
    if "\0" in text:
        # RFC 5321, 4.5.2 and RFC 5322, 4: no NUL travels in a mail.
        words = f"the {field} has a NUL (character {text.index(chr(0))})"
        raise DraftRefused(words, hint="Send what is no text as an attachment.", path=(field,))
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise DraftRefused(f"the {field} is not valid Unicode", hint="Give it as UTF-8.", path=(field,))
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return text if text.endswith("\n") else text + "\n"


def _taken(
    raw: bytes, envelope: tuple[Recipient, ...], sender: MailAddress, token: str, now: datetime
) -> tuple[str, str, bytes, tuple[Recipient, ...]]:
    """Message-ID, subject, bytes and recipients of a mail that comes as bytes."""
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
    fields = _fields(header)
    _check_sender(_addresses(fields, b"from"), sender)
    identifiers = [value.strip() for value in _values(fields, b"message-id")]
    if len(identifiers) > 1 or (identifiers and not (identifiers[0].isascii() and _MESSAGE_ID.fullmatch(identifiers[0]))):
        raise UserError("the mail has several Message-IDs, or one that is none", hint="Take the header out: one is made.")
    message_id = identifiers[0] if identifiers else f"<{token}@{sender.address.rpartition('@')[2]}>"
    recipients = list(envelope)
    if not recipients:
        for field in Field:
            listed = _addresses(fields, str(field).encode())
            _add(recipients, field, (_address(f"{str(field).capitalize()} of the mail", address) for address in listed))
    kept = [line for name, line in fields if name != b"bcc"]
    names = {name for name, _ in fields}
    if not identifiers:
        kept.insert(0, b"Message-ID: " + message_id.encode("ascii"))
    if b"date" not in names:
        kept.insert(0, b"Date: " + format_datetime(now).encode("ascii"))
    subject = " ".join(next(iter(_values(fields, b"subject")), "").split())
    return message_id, subject, b"\r\n".join(kept) + separator + body, tuple(recipients)


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


def _check_sender(authors: Sequence[str], sender: MailAddress) -> None:
    if len(authors) != 1 or not same_address(authors[0], sender.address):
        shown = ", ".join(authors) or "nobody"
        raise UserError(f"the mail is from {shown}, the mailbox is {sender.address}", hint="Choose the mailbox that the mail is from.")


def _address(where: str, text: str, path: tuple[str | int, ...] = ()) -> MailAddress:
    try:
        parsed = parse_address(text)
    except ValueError as error:
        raise DraftRefused(f"{where}: {error}", hint="Write local@domain or Name <local@domain>.", path=path) from error
    _header_value(where, parsed.name, path)
    return parsed


def _header_value(where: str, value: str, path: tuple[str | int, ...] = ()) -> None:
    if has_control_characters(value) or any("\ud800" <= character <= "\udfff" for character in value):
        words = f"{where} has a line break or another control character"
        raise DraftRefused(words, hint="Take it out: a header is one line of text.", path=path)


def request_of(draft: Draft, mailbox_id: str) -> str:
    """A digest of what was asked for, without what we add: the same request under the same key is the same mail."""
    parts: list[object] = [mailbox_id, draft.to, draft.cc, draft.bcc, draft.subject, draft.text, draft.in_reply_to]
    parts.append([(one.name, one.media_type, hashlib.sha256(one.content).hexdigest()) for one in draft.attachments])
    parts.append(hashlib.sha256(draft.raw).hexdigest() if draft.raw is not None else None)
    if draft.html:
        # Only then: keys of mails that were taken in before there was HTML keep their meaning.
        parts.append(draft.html)
    return hashlib.sha256(json.dumps(parts).encode("utf-8")).hexdigest()
