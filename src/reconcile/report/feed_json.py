"""The change feed as JSON lines. Field names are public (docs/feed.schema.json): they change only with `formatVersion`."""

from __future__ import annotations

from collections.abc import Mapping

from reconcile.model.activity import Activity
from reconcile.model.feed import FeedCursor, FeedEntry
from reconcile.model.item_record import Record
from reconcile.model.outgoing import OutboxEntry
from reconcile.report.activities_json import activity_json
from reconcile.report.item_fate import conflict_json
from reconcile.report.items import item_json
from reconcile.report.outbox_json import history_json, mail_json

FORMAT_VERSION = "1.0"


def change_json(entry: FeedEntry, names: Mapping[str, str]) -> dict[str, object]:
    """One change. `names` are slugs by mailbox id."""
    return {
        "formatVersion": FORMAT_VERSION,
        "type": "change",
        "cursor": str(entry.cursor),
        "kind": str(entry.kind),
        "action": str(entry.action),
        "id": entry.id,
        "at": entry.at,
        "by": entry.by or None,
        "transition": history_json([entry.transition])[0] if entry.transition else None,
        "conflict": conflict_json(entry.conflict, {number: (slug, "") for number, slug in names.items()}) if entry.conflict else None,
        "row": _row(entry, names),
    }


def cursor_json(cursor: FeedCursor, *, more: bool) -> dict[str, object]:
    """The last line: where to go on, also when nothing was there. `more` says that the limit cut it short."""
    return {"formatVersion": FORMAT_VERSION, "type": "cursor", "cursor": str(cursor), "more": more}


def _row(entry: FeedEntry, names: Mapping[str, str]) -> dict[str, object] | None:
    match entry.row:
        case Activity():
            return activity_json(entry.row, names)
        case OutboxEntry():
            return mail_json(entry.row)
        case Record():
            return item_json(entry.row)
        case None:
            return None
