"""Appointments, contacts and tasks for people, and as JSON. Text from mailboxes is a stranger's."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from reconcile.model.item import Appointment, Contact, Item, Task
from reconcile.model.item_json import dumped
from reconcile.model.item_record import Record
from reconcile.report.safe_text import neutral
from reconcile.report.table import table

FORMAT_VERSION = "1.0"
#: Of the list of conflicts, which says since 1.1 who saw to each (`resolvedBy`).
CONFLICTS_VERSION = "1.1"
#: Columns of a terminal below which a list ends with the title, and which column that is.
_ROOM = 100
_TITLED = 5


def item_json(record: Record) -> dict[str, Any]:
    """Stable: what `activities items import` takes under `set`, and what only we know."""
    return {
        "id": record.id,
        "kind": str(record.kind),
        "version": record.version,
        "owner": record.owner,
        "state": str(record.state),
        "createdAt": record.created_at,
        "editedAt": record.edited_at,
        "editedBy": record.edited_by,
        "set": dumped(record.item),
    }


def title(item: Item) -> str:
    """What it is called."""
    return item.fullname if isinstance(item, Contact) else item.subject


def called(record: Record) -> str:
    """Its kind; of what is a task in mailboxes, what it is here."""
    return str(record.item.activitytypecode if isinstance(record.item, Task) else record.kind)


def when(item: Item) -> str:
    """When it is, "" for what has no time."""
    match item:
        case Appointment():
            start = f"{item.scheduledstart:%Y-%m-%d}" if item.isalldayevent else f"{item.scheduledstart:%Y-%m-%d %H:%M}"
            return f"{start}{' …' if item.recurrence is not None else ''}"
        case Task():
            return item.scheduledend.isoformat() if item.scheduledend is not None else ""
        case Contact():
            return ""


def items_table(records: Sequence[Record], *, fit: int | None) -> str:
    """By id."""
    rows: list[tuple[object, ...]] = [
        (
            record.id,
            called(record),
            record.state,
            when(record.item),
            title(record.item) or "(without a name)",
            record.item.emailaddress1 if isinstance(record.item, Contact) else "",
            record.owner,
            record.version,
        )
        for record in records
    ]
    headers: tuple[str, ...] = ("id", "kind", "state", "when (UTC)", "title", "address", "owner", "version")
    limits: tuple[int | None, ...] = (None, None, None, None, 60, 40, 40, None)
    if fit is not None and fit < _ROOM:
        # What an item is called is worth more than whose it is.
        headers, limits, rows = headers[:_TITLED], limits[:_TITLED], [row[:_TITLED] for row in rows]
    return table(headers, rows, limits=limits, fit=fit, spare=("address", "version"), empty="no appointments, contacts or tasks")


def item_text(record: Record, mailboxes: Sequence[str]) -> str:
    """Everything of one; `mailboxes` are sentences about where it is."""
    head = [
        f"{called(record)} {record.id}, version {record.version}",
        f"  owner    {neutral(record.owner)}",
        f"  state    {record.state}",
        f"  edited   {record.edited_at} by {neutral(record.edited_by)}",
    ]
    body = [f"  {name}: {_shown(name, found)}" for name, found in dumped(record.item).items() if name != "activitytypecode"]
    where = [f"  {line}" for line in mailboxes] or ["  in no mailbox"]
    return "\n".join([*head, "columns", *body, "mailboxes", *where])


def _shown(name: str, found: Any) -> str:
    match name:
        case "requiredattendees" | "optionalattendees":
            text = ", ".join(f"{one['name']} <{one['address']}>" if one.get("name") else one["address"] for one in found)
        case "responses":
            text = ", ".join(f"{one['address']} {one['answer']}" for one in found)
        case "attachments":
            text = ", ".join(f"{one.get('filename') or 'without a name'} ({one.get('filesize', 0):,} octets)" for one in found)
        case _:
            text = found if isinstance(found, str) else json.dumps(found, ensure_ascii=False)
    return neutral(text, keep_lines=True).replace("\n", "\n    ")


def _version(found: Any) -> str:
    """A field of one column is a list of one."""
    one = found[0] if isinstance(found, list) and len(found) == 1 else found
    return json.dumps(one, ensure_ascii=False)


def conflict_words(conflict: Mapping[str, Any]) -> str:
    """One conflict in a line: what each side had, and who was followed."""
    field = conflict["field"] or "everything"
    ours, theirs = (neutral(_version(conflict[side])) for side in ("ours", "theirs"))
    followed = "ours" if conflict["oursWins"] else "the mailbox's"
    who = neutral(conflict.get("resolvedBy") or "somebody")
    resolved = f", {who} saw to it {conflict['resolvedAt'][:16].replace('T', ' ')}" if conflict["resolvedAt"] else ""
    return f"{conflict['id']}  item {conflict['item']}  {field}: ours {ours}, the mailbox's {theirs}; {followed} was taken{resolved}"
