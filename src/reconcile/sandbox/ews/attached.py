"""Attachments of an item, those of its MIME included."""

from __future__ import annotations

from email.message import Message

from reconcile.sandbox.ews.ids import ATTACHMENT, Id
from reconcile.sandbox.ews.mailbox import Mailbox
from reconcile.sandbox.ews.node import Node, flag
from reconcile.sandbox.ews.stored import Attachment, Item
from reconcile.sandbox.ews.times import stamp


def attachments(mailbox: Mailbox, item: Item) -> list[Attachment]:
    """All of them; the first question reads those of the MIME."""
    if item.mime is not None and not item.mime_attachments_read:
        item.mime_attachments_read = True
        found = [_of_part(mailbox, item, part) for part in item.mime.attachments]
        item.attachments[:0] = found
    return item.attachments


def has_attachments(item: Item) -> bool:
    """Whether one is not inline; cheap for mail nobody opened yet."""
    if any(not found.inline for found in item.attachments):
        return True
    return item.mime is not None and not item.mime_attachments_read and item.mime.has_attachments


def attachment_id(mailbox: Mailbox, item: Item, found: Attachment) -> Id:
    """Its id, which says which item it belongs to."""
    return Id(ATTACHMENT, mailbox.number, found.number, item.number)


def attachment_nodes(mailbox: Mailbox, item: Item) -> list[Node]:
    """t:FileAttachment and t:ItemAttachment elements without content."""
    return [attachment_node(mailbox, item, found) for found in attachments(mailbox, item)]


def attachment_node(mailbox: Mailbox, item: Item, found: Attachment, *contents: Node) -> Node:
    """One of them, `contents` (t:Content, or the item) last."""
    children = [Node("t:AttachmentId", attributes={"Id": str(attachment_id(mailbox, item, found))}), Node("t:Name", found.name)]
    if found.item is None:
        children.append(Node("t:ContentType", found.content_type))
    if found.content_id:
        children.append(Node("t:ContentId", found.content_id))
    children += [
        Node("t:Size", str(len(found.content or b""))),
        Node("t:LastModifiedTime", stamp(found.modified)),
        Node("t:IsInline", flag(found.inline)),
    ]
    if found.item is None:
        children.append(Node("t:IsContactPhoto", "false"))
    return Node("t:FileAttachment" if found.item is None else "t:ItemAttachment", children=[*children, *contents])


def _of_part(mailbox: Mailbox, item: Item, part: Message) -> Attachment:
    name = part.get_filename() or ""
    if part.get_content_type() == "message/rfc822":
        payload = part.get_payload()
        inner = payload[0].as_bytes() if isinstance(payload, list) and payload and isinstance(payload[0], Message) else b""
        letter = Item(
            number=0,
            mailbox=item.mailbox,
            folder=item.folder,
            kind="Message",
            created=item.created,
            modified=item.created,
            raw=inner,
            sent=True,
        )
        subject = letter.mime.header("Subject") if letter.mime else ""
        return Attachment(
            number=mailbox.next_number(), name=name or subject or "message", content=inner, item=letter, modified=item.created
        )
    payload = part.get_payload(decode=True)
    return Attachment(
        number=mailbox.next_number(),
        name=name or "attachment",
        content=payload if isinstance(payload, bytes) else b"",
        content_type=part.get_content_type(),
        content_id=str(part.get("Content-ID", "")).strip().strip("<>"),
        inline=part.get_content_disposition() == "inline" or bool(part.get("Content-ID")),
        modified=item.created,
    )
