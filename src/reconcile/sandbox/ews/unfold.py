"""An item that came as MIME, turned into one made of elements, so that its parts can be changed."""

from __future__ import annotations

from typing import Final

from reconcile.sandbox.ews.attached import attachments
from reconcile.sandbox.ews.bodies import body
from reconcile.sandbox.ews.mailbox import Mailbox
from reconcile.sandbox.ews.stored import Item
from reconcile.sandbox.ews.values import value

_KEPT: Final = (
    "Subject",
    "From",
    "Sender",
    "ToRecipients",
    "CcRecipients",
    "BccRecipients",
    "ReplyTo",
    "InternetMessageId",
    "InReplyTo",
    "References",
    "Importance",
    "Sensitivity",
    "InternetMessageHeaders",
)


def unfold(mailbox: Mailbox, item: Item) -> None:
    """Mail that lies in a folder of IMAP's keeps its octets there; what EWS shows from now on is the elements."""
    if item.raw is None:
        return
    item.properties.setdefault("Body", body(item, "Best"))
    attachments(mailbox, item)
    for name in _KEPT:
        if (found := value(mailbox, item, name)) is not None:
            item.properties.setdefault(name, found)
    item.replace_raw(None)
