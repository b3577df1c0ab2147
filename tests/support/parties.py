"""Rows of the directory, short."""

from __future__ import annotations

from typing import Any

from reconcile.model.party import PartyRef, PartyRow, PartyType


def party(type_and_id: str, *, name: str = "", addresses: tuple[str, ...] = (), **fields: Any) -> PartyRow:
    """`contact:4711`."""
    type_, _, id_ = type_and_id.partition(":")
    return PartyRow(ref=PartyRef(type=PartyType(type_), id=id_, name=name), addresses=addresses, **fields)
