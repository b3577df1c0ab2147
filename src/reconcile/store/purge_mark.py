"""Marks of what was purged: enough to know it again, nothing to learn from.

HMAC-SHA-256 (RFC 2104) under a random salt of the store, cut to 128 bits. What goes in has at least the entropy of a whole mail, so a mark
cannot be guessed back either.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Final

#: Instead of a mailbox: purged from all of them, also from those that have not brought it yet.
EVERY_MAILBOX: Final = ""
_SIZE: Final = 16


def mail_mark(salt: bytes, mailbox_id: str, message_id: str, content: bytes) -> bytes:
    """A message with an id: the same id and content in the same mailbox."""
    return _mark(salt, b"mail", mailbox_id, message_id, content)


def nameless_mark(salt: bytes, mailbox_id: str, raw: bytes, received: str) -> bytes:
    """One without: the same bytes and date in the same mailbox."""
    return _mark(salt, b"nameless", mailbox_id, raw, received)


def outgoing_mark(salt: bytes, kind: str, name: str) -> bytes:
    """An outgoing mail by its client's key (`key`) or its Message-ID (`id`)."""
    return _mark(salt, b"outgoing", kind, name)


def item_mark(salt: bytes, mailbox_id: str, name: str) -> bytes:
    """An appointment, contact or task by one of its names (`model/item_purge.py`)."""
    return _mark(salt, b"item", mailbox_id, name)


def _mark(salt: bytes, *parts: bytes | str) -> bytes:
    code = hmac.new(salt, digestmod=hashlib.sha256)
    for part in parts:
        octets = part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part
        code.update(len(octets).to_bytes(8, "big") + octets)
    return code.digest()[:_SIZE]
