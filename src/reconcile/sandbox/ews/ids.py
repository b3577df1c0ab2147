"""Ids and change keys as clients see them: opaque, case-sensitive, in base64, and each says which mailbox it belongs to."""

from __future__ import annotations

import base64
import binascii
import struct
from typing import Final

from reconcile.lazy_dataclass import dataclass
from reconcile.sandbox.ews.response_codes import EwsError

ITEM: Final = "item"
FOLDER: Final = "folder"
ATTACHMENT: Final = "attachment"
OCCURRENCE: Final = "occurrence"

_KINDS: Final = (ITEM, FOLDER, ATTACHMENT, OCCURRENCE)
_MAGIC: Final = b"\x00\x03\x24sbx"
#: magic, kind, mailbox, number of the object, what it belongs to or which occurrence it is.
_LAYOUT: Final = struct.Struct(">6sBIQq")
_KEY: Final = struct.Struct(">2sQ")


@dataclass(frozen=True, slots=True)
class Id:
    """`extra`: of an attachment the item's number, of an occurrence its original start in seconds since 1970."""

    kind: str
    mailbox: int
    number: int
    extra: int = 0

    def octets(self) -> bytes:
        """The binary form, as an entry id carries it."""
        return _LAYOUT.pack(_MAGIC, _KINDS.index(self.kind), self.mailbox, self.number, self.extra)

    def __str__(self) -> str:
        return base64.b64encode(self.octets()).decode()


def parse_id(text: str) -> Id:
    """Raises EwsError ErrorInvalidIdMalformed for what this server never gave out."""
    try:
        return parse_octets(base64.b64decode(text.strip(), validate=True))
    except (binascii.Error, ValueError):
        raise EwsError("ErrorInvalidIdMalformed") from None


def parse_octets(octets: bytes) -> Id:
    """Raises EwsError ErrorInvalidIdMalformed."""
    try:
        magic, kind, mailbox, number, extra = _LAYOUT.unpack(octets)
    except struct.error:
        raise EwsError("ErrorInvalidIdMalformed") from None
    if magic != _MAGIC or kind >= len(_KINDS):
        raise EwsError("ErrorInvalidIdMalformed")
    return Id(_KINDS[kind], mailbox, number, extra)


def change_key(version: int) -> str:
    """The change key of an object's version."""
    return base64.b64encode(_KEY.pack(b"CK", version)).decode()


def parse_change_key(text: str) -> int:
    """Raises EwsError ErrorInvalidChangeKey."""
    try:
        magic, version = _KEY.unpack(base64.b64decode(text.strip(), validate=True))
    except (struct.error, binascii.Error, ValueError):
        raise EwsError("ErrorInvalidChangeKey") from None
    if magic != b"CK":
        raise EwsError("ErrorInvalidChangeKey")
    return int(version)
