"""What an item answers for an extended property: the element it stands for, or what a client set."""

from __future__ import annotations

import base64

from reconcile.sandbox.ews.attached import has_attachments
from reconcile.sandbox.ews.extended import ExtendedKey
from reconcile.sandbox.ews.mailbox import Mailbox
from reconcile.sandbox.ews.node import Node
from reconcile.sandbox.ews.stored import Item
from reconcile.sandbox.ews.tags import (
    FLAG_STATUS,
    FLAG_STATUSES,
    IMAP_UID,
    INSTANCE_TYPE,
    INSTANCES,
    MESSAGE_FLAGS,
    PATHS,
    RECORD_KEYS,
    RECURRING,
    SEARCH_KEY,
    WORDS,
)
from reconcile.sandbox.ews.values import text_of, value


def extended_value(mailbox: Mailbox, item: Item, key: ExtendedKey, type_: str) -> Node | None:
    """t:Value or t:Values, or None when the item does not have the property."""
    if key == MESSAGE_FLAGS:
        return _value(str(_flags(item)))
    if key == FLAG_STATUS:
        status = item.properties.get("Flag", Node("")).text_at("t:FlagStatus", "NotFlagged")
        number = FLAG_STATUSES.index(status) if status in FLAG_STATUSES else 0
        return _value(str(number)) if number else None
    if key == IMAP_UID:
        return _value(str(item.uid or item.number))
    if key == SEARCH_KEY:
        return _value(base64.b64encode(mailbox.search_key(item)).decode())
    if key in RECORD_KEYS:
        octets = mailbox.item_id(item).octets()
        return _value(base64.b64encode(octets).decode())
    if key in (INSTANCE_TYPE, RECURRING) and item.kind == "CalendarItem":
        kind = INSTANCES.index(text_of(mailbox, item, "CalendarItemType"))
        return _value(str(kind) if key == INSTANCE_TYPE else "true" if kind else "false")
    path = PATHS.get(key)
    if path is None or (path == "UrlName" and key in item.extended):
        return item.extended.get(key)
    return _read(mailbox, item, path, type_) or item.extended.get(key)


def _read(mailbox: Mailbox, item: Item, path: str, type_: str) -> Node | None:
    if path == "UrlName":
        return _value(f"{text_of(mailbox, item, 'Subject') or item.number}.EML")
    if path.startswith("From:"):
        found = value(mailbox, item, "From")
        text = "" if found is None else found.text_at("t:Mailbox/t:" + ("Name" if path.endswith("name") else "EmailAddress"))
        return _value(text) if text else None
    if path.startswith("Body:"):
        found = value(mailbox, item, "Body", path.partition(":")[2])
        text = "" if found is None else found.text
        return _value(base64.b64encode(text.encode()).decode() if type_ == "Binary" else text) if text else None
    element, _, rest = path.partition("/")
    found = value(mailbox, item, element)
    if found is None:
        return None
    if rest:
        entry, _, part = rest.partition("/")
        holder = next((child for child in found.children if child.attributes.get("Key") == entry), None)
        text = "" if holder is None else holder.text_at(f"t:{part}") if part else holder.text
        return _value(text) if text else None
    if element == "InternetMessageHeaders":
        return _value("\r\n".join(f"{child.attributes.get('HeaderName', '')}: {child.text}" for child in found.children))
    if element == "Categories":
        return Node("t:Values", children=[Node("t:Value", child.text) for child in found.children]) if found.children else None
    words = WORDS.get(element)
    if words is not None and type_ in ("Integer", "Long", "Short"):
        return _value(str(words.index(found.text)) if found.text in words else "0")
    return _value(found.text) if found.text else None


def _flags(item: Item) -> int:
    """PidTagMessageFlags: read 1, unmodified 2, submitted 4, unsent 8, has attachments 16."""
    return (item.text("IsRead") == "true") * 1 + item.draft * 8 + has_attachments(item) * 16


def _value(text: str) -> Node:
    return Node("t:Value", text)
