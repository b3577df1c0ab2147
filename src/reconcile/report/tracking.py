"""What a tracked e-mail is attached to, as JSON and text."""

from __future__ import annotations

from reconcile.model.party import PartyRef
from reconcile.model.tracking import Tracking


def tracking_json(tracking: Tracking | None) -> dict[str, object] | None:
    """What an e-mail is attached to; None where it is attached to nothing."""
    if tracking is None:
        return None
    how = tracking.correlation
    return {
        "acceptedBy": _party_json(tracking.accepted_by),
        "owner": _party_json(tracking.owner),
        "correlation": {
            "method": str(how.method),
            "correlationmethod": how.method.number,
            "correlated": {"kind": how.correlated.kind, "id": how.correlated.id},
            "parent": {"kind": how.parent.kind, "id": how.parent.id} if how.parent else None,
            "clue": how.clue,
        }
        if how
        else None,
        "addresses": [
            {"field": each.field, "address": each.address, "rows": [_party_json(row) for row in each.rows]} for each in tracking.addresses
        ],
        "forwardedBy": tracking.forwarded_by or None,
    }


def _party_json(party: PartyRef | None) -> dict[str, str] | None:
    return {"type": str(party.type), "id": party.id, "name": party.name} if party else None


def tracking_values(tracking: Tracking | None) -> list[tuple[str, str]]:
    """What an e-mail is attached to, as (name, text)."""
    if tracking is None:
        return []
    how = tracking.correlation
    belongs = f"{how.correlated.kind} {how.correlated.id} by {how.method} ({how.clue})" if how else ""
    resolved = [
        (each.field, f"{each.address} is {', '.join(_named(row) for row in each.rows) or 'nobody known'}") for each in tracking.addresses
    ]
    return [
        ("accepted by", _named(tracking.accepted_by) if tracking.accepted_by else ""),
        ("record owner", _named(tracking.owner) if tracking.owner else ""),
        ("belongs to", belongs),
        ("forwarded by", tracking.forwarded_by),
        *resolved,
    ]


def _named(party: PartyRef) -> str:
    return f"{party.type} {party.name or party.id}"
