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
    rows = [
        (
            record.id,
            record.kind,
            record.state,
            when(record.item),
            title(record.item) or "(without a name)",
            record.item.emailaddress1 if isinstance(record.item, Contact) else "",
            record.owner,
            record.version,
        )
        for record in records
    ]
    headers = ("id", "kind", "state", "when (UTC)", "title", "address", "owner", "version")
    return table(headers, rows, limits=(None, None, None, None, 60, 40, 40, None), fit=fit, empty="no appointments, contacts or tasks")


def item_text(record: Record, mailboxes: Sequence[str]) -> str:
    """Everything of one; `mailboxes` are sentences about where it is."""
    head = [
        f"{record.kind} {record.id}, version {record.version}",
        f"  owner    {neutral(record.owner)}",
        f"  state    {record.state}",
        f"  edited   {record.edited_at} by {neutral(record.edited_by)}",
    ]
    body = [f"  {name}: {_shown(found)}" for name, found in dumped(record.item).items()]
    where = [f"  {line}" for line in mailboxes] or ["  in no mailbox"]
    return "\n".join([*head, "columns", *body, "mailboxes", *where])


def _shown(found: object) -> str:
    text = found if isinstance(found, str) else json.dumps(found, ensure_ascii=False)
    return neutral(text, keep_lines=True).replace("\n", "\n    ")


def conflict_words(conflict: Mapping[str, Any]) -> str:
    """One conflict in a line: what each side had, and who was followed."""
    field = conflict["field"] or "everything"
    ours, theirs = neutral(str(conflict["ours"])), neutral(str(conflict["theirs"]))
    followed = "ours" if conflict["oursWins"] else "the mailbox's"
    return f"{conflict['id']}  item {conflict['item']}  {field}: ours {ours}, the mailbox's {theirs}; {followed} was taken"
