"""From what a person wants to send to the bytes that are sent: made once, before anything is sent, never again.

Nothing a caller gives can start a header of its own: control characters are refused in every header value, and our own mail is
written by the library's address-aware classes. A mail that comes as bytes keeps them, except for Bcc, which never leaves.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from reconcile.lazy_dataclass import dataclass
from reconcile.model import instant
from reconcile.model.answered import Answered
from reconcile.model.mail_address import MailAddress, has_control_characters, is_allowed
from reconcile.model.outgoing import Field, OutboxEntry, OutgoingState, Recipient
from reconcile.model.tracking_token import TokenFormat, cut, with_token, without_tokens
from reconcile.sync.decide.draft import LARGEST, Draft, DraftRefused, add, address, header_value, is_message_id
from reconcile.sync.decide.raw_mail import taken
from reconcile.sync.decide.submission import SendingMailbox
from reconcile.sync.decide.text import text_of
from reconcile.sync.decide.thread import thread_fields

_LONGEST_NAME = 255
#: Marks that turn the direction of reading: exe.pdf may be shown of what ends in fdp.exe (Unicode Technical Report 36, 2.5.1).
_TURNING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c")
_MEDIA_TYPE = re.compile(r"[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]*/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Composed:
    """An entry for the outbox (still without a number) and its bytes."""

    entry: OutboxEntry
    content: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """What a mail bears beside what was asked for. `tracking_token` goes into the subject as `form` says ("" for none). `submitter` is the
    mailbox that asked, where it is not the one whose address the mail bears. `answered` is what is known of the mail it answers."""

    tracking_token: str = ""
    form: TokenFormat | None = None
    submitter: SendingMailbox | None = None
    answered: Answered | None = None


_PLAIN = Stamp()


def compose(draft: Draft, mailbox: SendingMailbox, *, key: str, token: str, now: datetime, stamp: Stamp = _PLAIN) -> Composed:
    """Make the mail. `token` is random (letters and digits, unguessable): it names the mail and its MIME boundary.

    Raises DraftRefused naming what is wrong with which field.
    """
    if has_control_characters(key) or len(key) > 200:
        raise DraftRefused("the key has control characters or more than 200 characters", hint="Use letters and digits.", path=("key",))
    sender = address("the mailbox's address", mailbox.address)
    recipients = _envelope(draft)
    tracking_token = ""
    if draft.raw is None:
        message_id = f"<{token}@{sender.address.rpartition('@')[2]}>"
        subject, content = _subject(draft, stamp), b""
        content = _written(draft, sender, message_id, subject, token, now, mailbox.display_name, stamp)
        tracking_token = stamp.tracking_token if stamp.tracking_token and subject.endswith(stamp.tracking_token) else ""
    else:
        mail = taken(draft.raw, recipients, sender, token, now, submitter=stamp.submitter.address if stamp.submitter else "")
        message_id, subject, content, recipients = mail.message_id, mail.subject, mail.content, mail.recipients
    if not recipients:
        raise DraftRefused("the mail has no recipient", hint="Give at least one address in to, cc or bcc.")
    if len(content) > LARGEST:
        raise DraftRefused(f"the mail has {len(content):,} octets, at most {LARGEST:,} are taken", hint="Send a link instead of the file.")
    postponed = draft.postponed_until if draft.postponed_until is not None and draft.postponed_until > now else None
    about = draft.regarding or (stamp.answered.regarding if stamp.answered else None)
    entry = OutboxEntry(
        id=0,
        message_id=message_id,
        client_key=key,
        request=request_of(draft, stamp.submitter.mailbox_id if stamp.submitter else mailbox.mailbox_id),
        mailbox_id=mailbox.mailbox_id,
        mailbox_name=mailbox.name,
        sender=sender.address,
        recipients=recipients,
        subject=subject,
        size=len(content),
        added_at=now,
        state=OutgoingState.DRAFT if draft.held else OutgoingState.PENDING,
        next_try_at=None if draft.held else now,
        reason="" if postponed is None else f"postponed until {postponed:%Y-%m-%d %H:%M:%SZ}",
        postponed_until=postponed,
        tracking_token=tracking_token,
        submitter_id=stamp.submitter.mailbox_id if stamp.submitter else "",
        submitter_name=stamp.submitter.name if stamp.submitter else "",
        regarding=about,
    )
    return Composed(entry=entry, content=content)


def _subject(draft: Draft, stamp: Stamp) -> str:
    header_value("the subject", draft.subject, ("subject",))
    if stamp.form is None:
        return draft.subject
    if stamp.tracking_token:
        return with_token(draft.subject, stamp.tracking_token, stamp.form)
    return cut(draft.subject, stamp.form.maximum_subject_length)


def not_allowed(recipients: Iterable[Recipient], allowed: Sequence[str]) -> tuple[str, ...]:
    """Recipients whom the applied Environment does not let us mail."""
    return tuple(recipient.address for recipient in recipients if not is_allowed(recipient.address, allowed))


def _envelope(draft: Draft) -> tuple[Recipient, ...]:
    recipients: list[Recipient] = []
    for field, addresses in ((Field.TO, draft.to), (Field.CC, draft.cc), (Field.BCC, draft.bcc)):
        add(recipients, field, (address(str(field), text, (str(field), number)) for number, text in enumerate(addresses)))
    return tuple(recipients)


def _header_address(one: MailAddress) -> Address:
    if one.address.isascii():
        return Address(one.name, addr_spec=one.address)
    # The standard library takes an address with a local part outside of ASCII (RFC 6532) only in two halves.
    local, _, domain = one.address.rpartition("@")
    return Address(one.name, username=local, domain=domain)


def _written(draft: Draft, sender: MailAddress, message_id: str, subject: str, token: str, now: datetime, name: str, stamp: Stamp) -> bytes:
    in_reply_to = draft.in_reply_to or (stamp.answered.message_id if stamp.answered else "")
    if in_reply_to and not is_message_id(in_reply_to):
        hint = "Write it with its angle brackets: <id@domain>."
        raise DraftRefused(f"{in_reply_to!r} is no Message-ID to reply to", hint=hint, path=("in_reply_to",))
    header_value("the mailbox's displayName", name)
    addresses = {
        "From": [MailAddress(sender.address, name)],
        "Sender": [MailAddress(stamp.submitter.address, stamp.submitter.display_name)] if stamp.submitter else [],
        "To": [address("to", text) for text in draft.to],
        "Cc": [address("cc", text) for text in draft.cc],
    }
    international = not all(one.address.isascii() for group in addresses.values() for one in group)
    # 7-bit throughout, so that any server can carry it, unless an address itself needs UTF-8 headers (RFC 6532).
    message = EmailMessage(policy=SMTP.clone(cte_type="7bit", utf8=international))
    for field, group in addresses.items():
        if group:
            message[field] = [_header_address(one) for one in group] if field != "Sender" else _header_address(group[0])
    message["Subject"] = subject
    message["Date"] = format_datetime(now)
    message["Message-ID"] = message_id
    if draft.automatic:
        message["Auto-Submitted"] = "auto-generated"
    html = _body("html", draft.html) if draft.html else ""
    message.set_content(_body("text", draft.text or text_of(html, [])), charset="utf-8")
    if html:
        message.add_alternative(html, subtype="html", charset="utf-8")
        message.set_boundary(f"=_{token}a")
    for number, attachment in enumerate(draft.attachments):
        path = ("attachments", number)
        header_value(f"the name of attachment {attachment.name[:80]!r}", attachment.name, path)
        if len(attachment.name) > _LONGEST_NAME or any(one in _TURNING for one in attachment.name):
            words = f"the name of attachment {attachment.name[:80]!r} is too long ({_LONGEST_NAME} characters) or turns the reading"
            raise DraftRefused(words, hint="Give the file another name.", path=path)
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
    # Of the Message-ID nobody learns this: both are made of what nobody can guess.
    chance = hashlib.sha256(f"conversation {token}".encode()).digest()
    plain = draft.subject if stamp.form is None else without_tokens(draft.subject, stamp.form)
    return thread_fields(in_reply_to, stamp.answered, subject=plain, chance=chance, now=now) + message.as_bytes()


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


def request_of(draft: Draft, mailbox_id: str) -> str:
    """A digest of what was asked for, without what we add: the same request under the same key is the same mail."""
    parts: list[object] = [mailbox_id, draft.to, draft.cc, draft.bcc, draft.subject, draft.text, draft.in_reply_to]
    parts.append([(one.name, one.media_type, hashlib.sha256(one.content).hexdigest()) for one in draft.attachments])
    parts.append(hashlib.sha256(draft.raw).hexdigest() if draft.raw is not None else None)
    if draft.html:
        # Only then: keys of mails that were taken in before there was HTML keep their meaning.
        parts.append(draft.html)
    about = draft.regarding
    later: dict[str, object] = {
        "replyTo": draft.reply_to,
        "sendAs": draft.send_as,
        "postponeUntil": instant.text(draft.postponed_until) if draft.postponed_until else None,
        "regarding": [about.type, about.id, about.name] if about else None,
        "draft": draft.held,
    }
    if draft.automatic:
        later["automatic"] = True
    if any(later.values()):
        parts.append(later)
    return hashlib.sha256(json.dumps(parts).encode("utf-8")).hexdigest()
