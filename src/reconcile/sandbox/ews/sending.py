"""Sending: who gets it and what leaves. Mail to others than the sandbox's mailboxes stays in it."""

from __future__ import annotations

import hashlib

from reconcile.sandbox.ews.compose import compose
from reconcile.sandbox.ews.mailbox import Mailbox
from reconcile.sandbox.ews.mime_view import mailbox as mailbox_node
from reconcile.sandbox.ews.node import Node
from reconcile.sandbox.ews.organization import Organization
from reconcile.sandbox.ews.response_codes import EwsError
from reconcile.sandbox.ews.stored import Item
from reconcile.sandbox.ews.times import stamp
from reconcile.sandbox.ews.values import recipients, value

_LISTS = ("ToRecipients", "CcRecipients", "BccRecipients")


def addressees(item: Item) -> list[str]:
    """Addresses it goes to, each once. Raises EwsError ErrorInvalidRecipients for none or nonsense."""
    found: dict[str, str] = {}
    for name in _LISTS:
        for node in recipients(item, name):
            address = node.text_at("t:EmailAddress").strip()
            if "@" not in address or any(sign in address for sign in " \r\n\t<>,"):
                raise EwsError("ErrorInvalidRecipients", f"{address[:100]!r} is no address.")
            found.setdefault(address.lower(), address)
    if not found:
        raise EwsError("ErrorInvalidRecipients")
    return list(found.values())


def send(organization: Organization, mailbox: Mailbox, item: Item) -> None:
    """Deliver it as of now; afterwards it is no draft. Raises EwsError, then nothing was delivered."""
    to = addressees(item)
    prepare(organization, mailbox, item)
    octets = _without_bcc(item.raw) if item.raw is not None else compose(mailbox, item, without_bcc=True)
    organization.deliver(mailbox.address, to, octets)


def prepare(organization: Organization, mailbox: Mailbox, item: Item) -> None:
    """Sender, date and Message-ID, where they are missing. Raises EwsError ErrorSendAsDenied."""
    author = value(mailbox, item, "From")
    address = author.text_at("t:Mailbox/t:EmailAddress") if author is not None else ""
    if address and address.lower() != mailbox.address.lower() and organization.post_office.knows(address):
        raise EwsError(
            "ErrorSendAsDenied",
            "The user account which was used to submit this request does not have the right "
            "to send mail on behalf of the specified sending account.",
        )
    own = mailbox_node(mailbox.name, mailbox.address)
    now = organization.now()
    identity = value(mailbox, item, "InternetMessageId")
    message_id = identity.text if identity is not None and identity.text else _message_id(mailbox, item)
    if item.raw is not None:
        head = b""
        if author is None:
            head += f"From: {mailbox.address}\r\n".encode()
        if identity is None:
            head += f"Message-ID: {message_id}\r\n".encode()
        if item.mime is not None and not item.mime.header("Date"):
            from email.utils import format_datetime

            head += f"Date: {format_datetime(now)}\r\n".encode()
        if head:
            item.replace_raw(head + item.raw)
    else:
        for name in ("From", "Sender"):
            item.properties.setdefault(name, Node(f"t:{name}", children=(own,)))
        item.properties["InternetMessageId"] = Node("t:InternetMessageId", message_id)
        item.properties["DateTimeSent"] = Node("t:DateTimeSent", stamp(now))
    item.draft, item.sent = False, True


def _message_id(mailbox: Mailbox, item: Item) -> str:
    seed = f"{mailbox.address} {item.number} {mailbox.version} {mailbox.now().timestamp()}".encode()
    return f"<{hashlib.sha256(seed).hexdigest()[:32]}@{mailbox.address.partition('@')[2]}>"


def _without_bcc(raw: bytes) -> bytes:
    """MIME without its Bcc header."""
    import re

    end = re.search(rb"\r?\n\r?\n", raw)
    head, rest = (raw[: end.start()], raw[end.start() :]) if end else (raw, b"")
    return re.sub(rb"(?im)^Bcc:[^\n]*(\n[ \t][^\n]*)*\n?", b"", head).rstrip(b"\r\n") + rest
