"""Purging appointments, contacts and tasks in SQLite: records, what ties them, what met, and files; marks stay in their place."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final

from reconcile.model.item_purge import is_over, meeting_name, names_of, token_name
from reconcile.model.purge import Purged, PurgeSelection
from reconcile.model.remote_id import RemoteId
from reconcile.store.purge_mark import EVERY_MAILBOX, item_mark
from reconcile.store.sqlite.item_edits import one_record
from reconcile.store.sqlite.purged import keep_marks, salt_of

#: Of a mailbox that is applied, or was: its address in lower case.
_ADDRESS: Final = (
    "SELECT lower(coalesce(json_extract(spec, '$.emailAddress'), '')) FROM resource WHERE kind = 'Mailbox' AND external_id = ?1"
    " UNION ALL SELECT lower(address) FROM mail_former WHERE mailbox_id = ?1"
)
#: Records of a mailbox that nobody else has: its address owns them, and no other mailbox is tied to them.
_OWN: Final = (
    "owner = :address AND NOT EXISTS (SELECT 1 FROM item_link AS other WHERE other.item_id = item.id AND other.mailbox_id <> :mailbox)"
)
#: A single one, also where its record was deleted, and what tied it or what met is still here.
_ONE: Final = " UNION ".join(
    (
        "SELECT id FROM item WHERE id = ?1",
        *(f"SELECT item_id FROM {table} WHERE item_id = ?1" for table in ("item_link", "item_conflict", "item_intent", "item_aside")),
    )
)
#: Series without an end are never over, and those with a last day not before it.
_MAY_BE_OVER: Final = (
    "(kind = 'appointment' AND EXISTS (SELECT 1 FROM appointment WHERE item_id = item.id AND scheduledend < :before AND (recurrence IS NULL"
    " OR json_extract(recurrence, '$.occurrences') IS NOT NULL OR json_extract(recurrence, '$.until') < :before)))"
    " OR (kind <> 'appointment' AND state <> 'open' AND edited_at < :before)"
)


def count_items(connection: sqlite3.Connection, selection: PurgeSelection) -> Purged:
    """What `purge_items` would take."""
    return Purged(items=sum(1 for _ in _chosen(connection, selection)), items_kept=_kept(connection, selection))


def purge_items(connection: sqlite3.Connection, selection: PurgeSelection, limit: int) -> Purged:
    """At most `limit` of them, in the transaction of whoever calls."""
    chosen: list[int] = []
    for number in _chosen(connection, selection):
        chosen.append(number)
        if len(chosen) == limit:
            break
    everywhere = selection.item_id is not None
    for number in chosen:
        _forget(connection, number, everywhere=everywhere)
    if selection.mailbox_id is not None and selection.items_before is None:
        _forget_gone(connection, selection.mailbox_id)
    if selection.items_before is not None:
        connection.execute(
            "DELETE FROM item_conflict WHERE at < ?1 AND (?2 IS NULL OR mailbox_id = ?2)", (selection.items_before, selection.mailbox_id)
        )
    return Purged(items=len(chosen), items_kept=_kept(connection, selection))


def clear_files(connection: sqlite3.Connection, before: str) -> int:
    """Bytes of files that no item has (any more) and that were handed in before then (UTC RFC 3339); how many."""
    old = {row[0] for row in connection.execute("SELECT digest FROM item_blob WHERE kept_at < ?", (before,))}
    if not old:
        return 0
    for (text,) in connection.execute(
        "SELECT attachments FROM appointment WHERE attachments <> '[]'"
        " UNION ALL SELECT agreed_ours FROM item_link WHERE kind = 'appointment'"
        " UNION ALL SELECT content FROM item_intent WHERE content <> ''"
    ):
        old = {digest for digest in old if digest not in text}
        if not old:
            return 0
    connection.executemany("DELETE FROM item_blob WHERE digest = ?", [(digest,) for digest in old])
    return len(old)


def _chosen(connection: sqlite3.Connection, selection: PurgeSelection) -> Iterator[int]:
    if selection.item_id is not None:
        yield from (row[0] for row in connection.execute(_ONE, (selection.item_id,)).fetchall())
        return
    conditions, values = list[str](), dict[str, object]()
    if selection.items_before is not None:
        conditions.append(f"({_MAY_BE_OVER})")
        values["before"] = selection.items_before
    if selection.mailbox_id is not None:
        conditions.append(_OWN)
        values |= {"address": _address(connection, selection.mailbox_id), "mailbox": selection.mailbox_id}
    if not conditions:
        return
    before = datetime.fromisoformat(selection.items_before) if selection.items_before is not None else None
    for (number,) in connection.execute(f"SELECT id FROM item WHERE {' AND '.join(conditions)} ORDER BY id", values).fetchall():
        if before is None or ((record := one_record(connection, number)) is not None and is_over(record, before)):
            yield number


def _kept(connection: sqlite3.Connection, selection: PurgeSelection) -> int:
    if selection.mailbox_id is None or selection.items_before is not None:
        return 0
    statement = f"SELECT count(*) FROM item_link JOIN item ON id = item_id WHERE mailbox_id = :mailbox AND NOT ({_OWN})"
    values = {"address": _address(connection, selection.mailbox_id), "mailbox": selection.mailbox_id}
    count: int = connection.execute(statement, values).fetchone()[0]
    return count


def _address(connection: sqlite3.Connection, mailbox_id: str) -> str:
    row = connection.execute(_ADDRESS, (mailbox_id,)).fetchone()
    # No record is owned by nobody.
    return row[0] if row is not None and row[0] else "-"


def _forget(connection: sqlite3.Connection, number: int, *, everywhere: bool) -> None:
    """One record, with marks for each mailbox that was tied to it; `everywhere`: for all."""
    salt, marks = salt_of(connection), list[bytes]()
    meeting = connection.execute("SELECT globalobjectid FROM appointment WHERE item_id = ?", (number,)).fetchone()
    meeting = meeting[0] if meeting is not None else ""
    for row in connection.execute("SELECT mailbox_id, protocol, remote, token, trace FROM item_link WHERE item_id = ?", (number,)):
        names = names_of(RemoteId(row["protocol"], row["remote"]), row["token"], meeting, row["trace"])
        marks += [item_mark(salt, EVERY_MAILBOX if everywhere else row["mailbox_id"], name) for name in names]
    # What is being made just now must not come back either.
    for row in connection.execute("SELECT mailbox_id, token FROM item_intent WHERE item_id = ?", (number,)):
        marks.append(item_mark(salt, row["mailbox_id"], token_name(row["token"])))
    if everywhere and meeting:
        marks.append(item_mark(salt, EVERY_MAILBOX, meeting_name(meeting)))
    keep_marks(connection, "item_purged", marks)
    _delete(connection, "item_id = ?", (number,))
    connection.execute("DELETE FROM item WHERE id = ?", (number,))


def _forget_gone(connection: sqlite3.Connection, mailbox_id: str) -> None:
    """Ties of a mailbox to records that are gone."""
    salt = salt_of(connection)
    where = "mailbox_id = ? AND NOT EXISTS (SELECT 1 FROM item WHERE id = item_id)"
    for row in connection.execute(f"SELECT protocol, remote, token, trace FROM item_link WHERE {where}", (mailbox_id,)).fetchall():
        names = names_of(RemoteId(row["protocol"], row["remote"]), row["token"], trace=row["trace"])
        keep_marks(connection, "item_purged", [item_mark(salt, mailbox_id, name) for name in names])
    _delete(connection, where, (mailbox_id,))


def _delete(connection: sqlite3.Connection, where: str, values: Sequence[object]) -> None:
    for table in ("item_link", "item_conflict", "item_intent", "item_aside"):
        if table == "item_aside" and "NOT EXISTS" in where:
            continue  # what never came in has no record, and is not gone
        connection.execute(f"DELETE FROM {table} WHERE {where}", tuple(values))


def forget_items_of(connection: sqlite3.Connection, mailbox_id: str) -> None:
    """Where a mailbox that is no longer applied stood, and what tied it to records of others."""
    for table in ("item_place", "item_aside", "item_link", "item_intent"):
        connection.execute(
            f"DELETE FROM {table} WHERE mailbox_id = ?1 AND NOT EXISTS (SELECT 1 FROM resource WHERE external_id = ?1)", (mailbox_id,)
        )
