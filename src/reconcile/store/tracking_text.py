"""What a tracked e-mail is attached to, as JSON text and back."""

from __future__ import annotations

from typing import Any

import orjson

from reconcile.model.activity_details import Regarding
from reconcile.model.party import PartyRef, PartyType
from reconcile.model.tracking import Correlation, CorrelationMethod, MailRef, ResolvedAddress, Tracking


def tracking_text(tracking: Tracking) -> str:
    """Only what is there."""
    found: dict[str, Any] = {}
    if tracking.accepted_by is not None:
        found["by"] = _party(tracking.accepted_by)
    if tracking.owner is not None:
        found["owner"] = _party(tracking.owner)
    if (how := tracking.correlation) is not None:
        about = how.regarding
        found["correlation"] = {
            "method": str(how.method),
            "correlated": [how.correlated.kind, how.correlated.id],
            "parent": [how.parent.kind, how.parent.id] if how.parent else None,
            "clue": how.clue,
            "regarding": [about.type, about.id, about.name] if about else None,
            "owner": how.owner,
            "messageId": how.message_id,
        }
    if tracking.addresses:
        found["addresses"] = [[each.field, each.address, [_party(row) for row in each.rows]] for each in tracking.addresses]
    if tracking.queue_items:
        found["queues"] = [_party(queue) for queue in tracking.queue_items]
    if tracking.forwarded_by:
        found["forwardedBy"] = tracking.forwarded_by
    return orjson.dumps(found).decode()


def tracking_of(text: str) -> Tracking:
    """What `tracking_text` wrote."""
    found = orjson.loads(text)
    how = found.get("correlation")
    return Tracking(
        accepted_by=_ref(found["by"]) if "by" in found else None,
        owner=_ref(found["owner"]) if "owner" in found else None,
        correlation=Correlation(
            method=CorrelationMethod(how["method"]),
            correlated=MailRef(kind=how["correlated"][0], id=how["correlated"][1]),
            parent=MailRef(kind=how["parent"][0], id=how["parent"][1]) if how["parent"] else None,
            clue=how["clue"],
            regarding=Regarding(type=how["regarding"][0], id=how["regarding"][1], name=how["regarding"][2]) if how["regarding"] else None,
            owner=how["owner"],
            message_id=how["messageId"],
        )
        if how
        else None,
        addresses=tuple(
            ResolvedAddress(field=field, address=address, rows=tuple(_ref(row) for row in rows))
            for field, address, rows in found.get("addresses", ())
        ),
        queue_items=tuple(_ref(queue) for queue in found.get("queues", ())),
        forwarded_by=found.get("forwardedBy", ""),
    )


def _party(ref: PartyRef) -> list[str]:
    return [str(ref.type), ref.id, ref.name]


def _ref(row: list[str]) -> PartyRef:
    return PartyRef(type=PartyType(row[0]), id=row[1], name=row[2])
