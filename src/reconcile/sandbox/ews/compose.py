"""An item as MIME (RFC 5322, RFC 2045): what it came as, or made from its elements."""

from __future__ import annotations

import email.policy
from email.charset import QP, Charset
from email.encoders import encode_base64
from email.header import Header
from email.message import Message
from email.mime.base import MIMEBase
from email.mime.multipart import MIMEMultipart
from email.mime.nonmultipart import MIMENonMultipart
from email.utils import format_datetime, formataddr

from reconcile.sandbox.ews.attached import attachments
from reconcile.sandbox.ews.bodies import body_parts
from reconcile.sandbox.ews.icalendar import calendar_of
from reconcile.sandbox.ews.mailbox import Mailbox
from reconcile.sandbox.ews.node import Node
from reconcile.sandbox.ews.stored import Item
from reconcile.sandbox.ews.times import moment
from reconcile.sandbox.ews.vcard import card_of

_POLICY = email.policy.compat32.clone(linesep="\r\n", max_line_length=78)
_UTF8 = Charset("utf-8")
_UTF8.body_encoding = QP


def mime_of(mailbox: Mailbox, item: Item) -> bytes:
    """Its MIME; the same octets it was created from, where it was. Of an appointment iCalendar, of a contact a vCard, bare."""
    if item.raw is not None:
        return item.raw
    if item.kind == "CalendarItem":
        return calendar_of(mailbox, item)
    if item.kind == "Contact":
        return card_of(item)
    return compose(mailbox, item)


def compose(mailbox: Mailbox, item: Item, *, without_bcc: bool = False, calendar: tuple[str, bytes] | None = None) -> bytes:
    """A message made of the item's elements. `calendar` adds a text/calendar part with that method."""
    plain, rich = body_parts(item)
    texts = [_text(text, subtype) for text, subtype in ((plain, "plain"), (rich, "html")) if text] or [_text("", "plain")]
    if calendar is not None:
        part = _text(calendar[1].decode(), "calendar")
        part.set_param("method", calendar[0])
        texts.append(part)
    root: Message = texts[0]
    if len(texts) > 1:
        root = MIMEMultipart("alternative", _subparts=texts)
    files = [found for found in attachments(mailbox, item) if found.content is not None]
    if files:
        root = MIMEMultipart("mixed", _subparts=[root])
        for found in files:
            main, _, sub = found.content_type.partition("/")
            if main in ("multipart", "message") or not sub:
                main, sub = "application", "octet-stream"
            attached = MIMEBase(main, sub)
            attached.set_payload(found.content or b"")
            encode_base64(attached)
            attached.add_header("Content-Disposition", "inline" if found.inline else "attachment", filename=found.name)
            if found.content_id:
                attached.add_header("Content-ID", f"<{found.content_id}>")
            root.attach(attached)
    _put_headers(root, item, without_bcc=without_bcc)
    return root.as_bytes(policy=_POLICY)


def _put_headers(root: Message, item: Item, *, without_bcc: bool) -> None:
    given = {
        "From": _addresses(item, "From"),
        "Sender": _addresses(item, "Sender") if _addresses(item, "Sender") != _addresses(item, "From") else "",
        "To": _addresses(item, "ToRecipients"),
        "Cc": _addresses(item, "CcRecipients"),
        "Bcc": "" if without_bcc else _addresses(item, "BccRecipients"),
        "Reply-To": _addresses(item, "ReplyTo"),
        "Message-ID": _line(item.text("InternetMessageId")),
        "In-Reply-To": _line(item.text("InReplyTo")),
        "References": _line(item.text("References")),
        "Importance": {"High": "high", "Low": "low"}.get(item.text("Importance"), ""),
    }
    subject = _line(item.text("Subject"))
    root["Subject"] = subject if subject.isascii() else Header(subject, "utf-8").encode()
    root["Date"] = format_datetime(moment(item.text("DateTimeSent")) if item.text("DateTimeSent") else item.created)
    for name, text in given.items():
        if text:
            root[name] = text
    for header in item.properties.get("InternetMessageHeaders", Node("")).children:
        name = header.attributes.get("HeaderName", "")
        if name.lower().startswith("x-") and name.isascii() and name.replace("-", "").isalnum():
            root[name] = _line(header.text)


def _addresses(item: Item, name: str) -> str:
    found = item.properties.get(name)
    pairs = [(_line(node.text_at("t:Name")), _line(node.text_at("t:EmailAddress"))) for node in (found.children if found else ())]
    return ", ".join(formataddr(("" if shown == address else shown, address)) for shown, address in pairs if address.isascii() and address)


def _line(text: str) -> str:
    """Nothing a client wrote can begin another header."""
    return " ".join(text.split()) if any(sign in text for sign in "\r\n\t") else text


def _text(text: str, subtype: str) -> Message:
    part = MIMENonMultipart("text", subtype, charset="utf-8")
    part.set_payload(text.encode("utf-8", "replace").decode("utf-8"), _UTF8)
    return part
