"""A place in a mailbox's history."""

from __future__ import annotations

from reconcile.lazy_dataclass import dataclass


@dataclass(frozen=True, slots=True)
class Cursor:
    """`value` is opaque text: the store keeps and compares it, only the connector of `protocol` that made it can open it."""

    protocol: str
    value: str
