"""ConvertId: the same octets in another notation. DavMail learns its mailbox's address from the answer."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from urllib.parse import quote, unquote

from reconcile.sandbox.ews.call import Call
from reconcile.sandbox.ews.ids import Id, parse_octets
from reconcile.sandbox.ews.node import Node
from reconcile.sandbox.ews.response_codes import EwsError


def convert_id(call: Call) -> Node:
    """EwsId, EwsLegacyId, EntryId and StoreId are base64 here, HexEntryId is hex, OwaId is escaped for addresses.

    The mailbox of the answer is the id's own; what the request says is not asked (DavMail sends one that does not exist).
    """
    wanted = call.request.attributes.get("DestinationFormat", "EwsId")

    def act(source: Node) -> Sequence[Node]:
        octets = read(source.attributes.get("Id", ""), source.attributes.get("Format", "EwsId"))
        there = call.organization.mailbox_number(octets.mailbox)
        attributes = {
            "xsi:type": "t:AlternateIdType",
            "Format": wanted,
            "Id": written(octets, wanted),
            "Mailbox": there.address if there is not None else source.attributes.get("Mailbox", ""),
        }
        return (Node("m:AlternateId", attributes=attributes),)

    return call.batch(call.request.child("m:SourceIds").children, act)


def read(text: str, notation: str) -> Id:
    """An id in a notation. Raises EwsError ErrorInvalidIdMalformed."""
    try:
        if notation == "HexEntryId":
            return parse_octets(bytes.fromhex(text))
        return parse_octets(base64.b64decode(unquote(text) if notation == "OwaId" else text, validate=True))
    except (binascii.Error, ValueError):
        raise EwsError("ErrorInvalidIdMalformed") from None


def written(id_: Id, notation: str) -> str:
    """An id in a notation."""
    if notation == "HexEntryId":
        return id_.octets().hex().upper()
    return quote(str(id_), safe="") if notation == "OwaId" else str(id_)
