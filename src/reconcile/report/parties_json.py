"""The directory of parties as JSON. Field names are public: they change only with `formatVersion`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from reconcile.model.found_address import FoundAddress
from reconcile.model.party import PartyRef, PartyRow
from reconcile.model.party_import import PartyImported

FORMAT_VERSION = "1.0"


def party_ref_json(ref: PartyRef) -> dict[str, object]:
    """A row by type, id and name."""
    return {"type": str(ref.type), "id": ref.id, "name": ref.name}


def party_json(row: PartyRow) -> dict[str, object]:
    """One row."""
    return {
        **party_ref_json(row.ref),
        "addresses": list(row.addresses),
        "active": row.active,
        "owner": row.owner or None,
        "writesEmail": row.writes_email,
        "filter": row.filter or None,
        "madeFromMail": bool(row.origin),
    }


def page_json(rows: Sequence[PartyRow], counts: Mapping[str, int], *, more: bool) -> dict[str, object]:
    """One page; `next` is what --after takes."""
    return {
        "formatVersion": FORMAT_VERSION,
        "counts": dict(counts),
        "parties": [party_json(row) for row in rows],
        "next": f"{rows[-1].ref.type}:{rows[-1].ref.id}" if more else None,
    }


def found_json(found: FoundAddress) -> dict[str, object]:
    """One address."""
    return {
        "formatVersion": FORMAT_VERSION,
        "address": found.address,
        "parties": [{**party_json(row), "fromMailbox": row.ref == found.mailbox} for row in found.rows],
        "sender": {"resolved": party_ref_json(found.sender) if found.sender else None, "why": found.sender_why},
        "recipient": {"resolved": [party_ref_json(ref) for ref in found.recipients], "why": found.recipients_why},
    }


def import_json(result: PartyImported) -> dict[str, object]:
    """What became of an import. `counts` is null when nothing was taken in."""
    done = result.done
    return {
        "formatVersion": FORMAT_VERSION,
        "counts": {
            "added": done.added,
            "changed": done.changed,
            "unchanged": done.unchanged,
            "removed": done.removed,
            "superseded": done.superseded,
        }
        if done
        else None,
        "wrong": result.wrong_count,
        "problems": [{"line": each.line, "column": each.column, "message": each.message} for each in result.wrong],
        "removalsHeld": {"removals": result.removals, "rows": result.rows_before} if result.removals else None,
        "exit": result.code.reason,
    }
