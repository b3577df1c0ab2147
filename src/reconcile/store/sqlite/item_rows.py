"""Rows of appointments, contacts and tasks, and of what ties them to mailboxes."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator
from typing import Any, Final

import orjson

from reconcile.model.item import TYPES, Item, ItemKind, columns, kind_of, value
from reconcile.model.item_conflict import ItemConflict
from reconcile.model.item_json import dumped, dumped_value
from reconcile.model.item_link import Agreed, Link, LinkState
from reconcile.model.item_record import ItemState, Record
from reconcile.model.item_restored import restored, restored_value
from reconcile.model.remote_id import RemoteId

#: Columns that hold JSON.
_JSON: Final = frozenset({"recurrence", "exceptions", "requiredattendees", "optionalattendees", "responses", "attachments"})

_LINK: Final = (
    "mailbox_id, item_id, kind, state, token, protocol, remote, version, record_version, agreed_ours, agreed_theirs, made_here, in_scope,"
    " categorised, organized_here, why, departed, trace, anew"
)


def write_item(connection: sqlite3.Connection, item_id: int, item: Item) -> None:
    """The row of its kind, new or replaced."""
    kind = kind_of(item)
    names = columns(kind)
    values = [_column(name, dumped_value(value(item, name))) for name in names]
    connection.execute(
        f"INSERT OR REPLACE INTO {kind} (item_id, {', '.join(names)}) VALUES (?{', ?' * len(names)})",
        (item_id, *values),
    )


def _column(name: str, found: Any) -> Any:
    if name in _JSON:
        return None if found is None else orjson.dumps(found).decode()
    return int(found) if isinstance(found, bool) else found


def read_records(connection: sqlite3.Connection, where: str, values: tuple[object, ...], kinds: Collection[ItemKind]) -> Iterator[Record]:
    """Records by id, kind by kind where there are several. `where` is about the table item."""
    for kind in kinds:
        # "+" keeps SQLite from going through all of a kind for the few that are asked for.
        statement = f"SELECT * FROM item JOIN {kind} ON item_id = id WHERE +kind = ? AND {where} ORDER BY id"
        rows = connection.execute(statement, (kind, *values))
        for row in rows:
            yield record(kind, row)


def record(kind: ItemKind, row: sqlite3.Row) -> Record:
    """From a row of item and of its kind, whose own columns stand at the end."""
    found = {name: orjson.loads(row[name]) if name in _JSON and row[name] is not None else row[name] for name in columns(kind)}
    # Both tables may have a column of one name (none has now): the kind's counts.
    item = TYPES[kind](**{name: restored_value(kind, name, one) for name, one in found.items()})  # type: ignore[arg-type]
    return Record(
        id=row["id"],
        item=item,
        owner=row["owner"],
        state=ItemState(row["state"]),
        version=row["version"],
        created_at=row["created_at"],
        edited_at=row["edited_at"],
        edited_by=row["edited_by"],
    )


def conflict(row: sqlite3.Row) -> ItemConflict:
    """From a row of item_conflict."""
    return ItemConflict(
        id=row["id"],
        record_id=row["item_id"],
        kind=ItemKind(row["kind"]),
        mailbox_id=row["mailbox_id"],
        field=row["field"],
        ours=row["ours"],
        theirs=row["theirs"],
        ours_wins=bool(row["ours_wins"]),
        at=row["at"],
        resolved_at=row["resolved_at"],
        resolved_by=row["resolved_by"],
    )


def write_link(connection: sqlite3.Connection, link: Link) -> None:
    """New or replaced."""
    ours, theirs = (orjson.dumps(dumped(one)).decode() for one in (link.agreed.ours, link.agreed.theirs))
    connection.execute(
        f"INSERT OR REPLACE INTO item_link ({_LINK}) VALUES (?{', ?' * 18})",
        (
            link.mailbox_id,
            link.record_id,
            kind_of(link.agreed.ours),
            link.state,
            link.token,
            link.remote_id.protocol,
            link.remote_id.value,
            link.version,
            link.record_version,
            ours,
            "" if theirs == ours else theirs,
            link.made_here,
            link.in_scope,
            link.categorised,
            link.organized_here,
            link.why,
            link.departed,
            link.trace,
            link.anew,
        ),
    )


def link(row: sqlite3.Row) -> Link:
    """From a row of item_link."""
    kind = ItemKind(row["kind"])
    ours = restored(kind, orjson.loads(row["agreed_ours"]))
    theirs = restored(kind, orjson.loads(row["agreed_theirs"])) if row["agreed_theirs"] else ours
    return Link(
        mailbox_id=row["mailbox_id"],
        record_id=row["item_id"],
        state=LinkState(row["state"]),
        token=row["token"],
        remote_id=RemoteId(row["protocol"], row["remote"]),
        version=row["version"],
        record_version=row["record_version"],
        agreed=Agreed(ours=ours, theirs=theirs),
        made_here=bool(row["made_here"]),
        in_scope=bool(row["in_scope"]),
        categorised=bool(row["categorised"]),
        organized_here=bool(row["organized_here"]),
        why=row["why"],
        departed=bool(row["departed"]),
        trace=row["trace"],
        anew=bool(row["anew"]),
    )
