"""Whom the directory does not know."""

from __future__ import annotations

from collections.abc import Collection, Set

from reconcile.ports.party_directory import PartyReader

#: Addresses that are looked up at a time.
_AT_ONCE = 500


def strangers(directory: PartyReader, addresses: Collection[str]) -> Set[str]:
    """Those of the addresses (as `model.mail_address.comparable` writes them) that belong to no active row."""
    known: set[str] = set()
    listed = list(addresses)
    for start in range(0, len(listed), _AT_ONCE):
        found = directory.by_address(listed[start : start + _AT_ONCE])
        known |= {address for address, rows in found.items() if any(row.active for row in rows)}
    return set(addresses) - known
