"""Purging in SQLite: rows first, in transactions of their own; the octets in the packs follow (see `compact`)."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from reconcile.model.audit_record import AuditRecord
from reconcile.model.purge import Erased, Purged, PurgeSelection
from reconcile.store.purge_mark import EVERY_MAILBOX, mail_mark, nameless_mark, outgoing_mark
from reconcile.store.sqlite import audit_trail
from reconcile.store.sqlite.compact import Compactor
from reconcile.store.sqlite.correlation_index import forget_hashes
from reconcile.store.sqlite.database import Database
from reconcile.store.sqlite.item_purge import clear_files, count_items, forget_items_of, purge_items
from reconcile.store.sqlite.mail_contents import MailContents
from reconcile.store.sqlite.outbox_text import text
from reconcile.store.sqlite.pack_rows import PackRows
from reconcile.store.sqlite.packs import Packs
from reconcile.store.sqlite.purge_decisions import forget_decisions
from reconcile.store.sqlite.purged import keep_marks, salt_of

_SETTLED = "outbox.state IN ('sent', 'failed')"
_SETTLED_AT = "(SELECT max(at) FROM outbox_event WHERE entry = outbox.id)"

_CLOCK = "purge-clock"
#: It is written down no oftener.
_CLOCK_STEP = timedelta(minutes=30)


class SqlitePurge:
    """See `MailPurge`. `folder` holds the packs of the database's environment."""

    def __init__(self, database: Database, folder: Path) -> None:
        self._database = database
        self._compactor = Compactor(database, folder / "packs")
        self._packs = Packs(folder / "packs", PackRows(database).committed)

    def count(self, selection: PurgeSelection) -> Purged:
        with self._database.snapshot() as connection:
            found = Purged()
            if selection.mail:
                where, values = _mail(selection)
                rest, more = _held_elsewhere(selection)
                row = connection.execute(
                    f"SELECT sum(NOT elsewhere), sum(CASE WHEN elsewhere THEN 0 ELSE size END), sum(elsewhere) FROM ("
                    f"SELECT size, {rest} AS elsewhere FROM mail_activities AS mail WHERE {where})",
                    (*more, *values),
                ).fetchone()
                found = Purged(mails=row[0] or 0, octets=row[1] or 0, released=row[2] or 0)
            if selection.outgoing:
                where, values = _outgoing(selection)
                row = connection.execute(f"SELECT count(*), coalesce(sum(size), 0) FROM outbox WHERE {where}", values).fetchone()
                found += Purged(outgoing=row[0], outgoing_octets=row[1])
            if selection.items:
                found += count_items(connection, selection)
            return found

    def purge(self, selection: PurgeSelection, *, limit: int, record: AuditRecord) -> Purged:
        def work(connection: sqlite3.Connection) -> Purged:
            done = Purged()
            if selection.mail:
                done += _purge_mail(connection, selection, limit, record.at, MailContents(self._packs.read))
                forget_decisions(connection, selection, record.at)
            if selection.outgoing:
                done += _purge_outgoing(connection, selection, limit)
            if selection.items:
                done += purge_items(connection, selection, limit)
            if not done.nothing:
                detail = json.loads(record.detail)
                said = f"{detail.get('reason', 'asked for')}: {done.mails + done.released} tracked, {done.outgoing} outgoing"
                said += f", {done.items} items" if done.items else ""
                detail |= {**done.detail(), "reason": said}
                audit_trail.append(connection, replace(record, detail=json.dumps(detail, ensure_ascii=False, separators=(",", ":"))))
            return done

        return self._database.write(work)

    def believed_clock(self) -> datetime | None:
        row = self._database.reader().execute("SELECT value FROM meta WHERE name = ?", (_CLOCK,)).fetchone()
        return None if row is None else datetime.fromisoformat(row[0])

    def believe_clock(self, now: datetime) -> None:
        believed = self.believed_clock()
        if believed is None or now - believed > _CLOCK_STEP:
            values = (_CLOCK, text(now))
            statement = "INSERT INTO meta VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = max(value, excluded.value)"
            self._database.write(lambda connection: connection.execute(statement, values) and None)

    def erase(self, *, now: str, at_once: bool) -> Erased:
        erased = self._compactor.next(now=now, at_once=at_once)
        if not erased.packs:
            # The log still has the pages as they were before.
            self._database.empty_log()
        return erased

    def forget_hashes(self, *, before: str, limit: int) -> int:
        oldest = self._database.reader().execute("SELECT min(at) FROM correlation_subject").fetchone()[0]
        if oldest is None or oldest >= before:
            return 0
        return self._database.write(lambda connection: forget_hashes(connection, before=before, limit=limit))

    def clear_files(self, *, before: str) -> int:
        return self._database.write(lambda connection: clear_files(connection, before))

    def forget_mailbox(self, mailbox_id: str) -> None:
        def work(connection: sqlite3.Connection) -> None:
            for table in ("mail_mailboxes", "mail_missing", "mail_former", "mail_decisions", "mail_removals"):
                connection.execute(
                    f"DELETE FROM {table} WHERE mailbox_id = ?1 AND NOT EXISTS (SELECT 1 FROM resource WHERE external_id = ?1)"
                    " AND NOT EXISTS (SELECT 1 FROM mail_locations WHERE mailbox_id = ?1)",
                    (mailbox_id,),
                )
            forget_items_of(connection, mailbox_id)

        self._database.write(work)


def _mail(selection: PurgeSelection) -> tuple[str, list[object]]:
    """Condition on `mail` (mail_activities) and its values."""
    conditions, values = list[str](), list[object]()
    if selection.before is not None:
        conditions.append("mail.received < ?")
        values.append(selection.before)
    if selection.mailbox_id is not None:
        conditions.append("mail.id IN (SELECT activity_id FROM mail_locations WHERE mailbox_id = ?)")
        values.append(selection.mailbox_id)
    if selection.activity_id is not None:
        conditions.append("mail.id = ?")
        values.append(selection.activity_id)
    return " AND ".join(conditions) or "0", values


def _held_elsewhere(selection: PurgeSelection) -> tuple[str, list[object]]:
    """Whether a mailbox that is not meant holds it too: then it stays, for that one."""
    if selection.mailbox_id is None:
        return "0", []
    return "EXISTS (SELECT 1 FROM mail_locations WHERE activity_id = mail.id AND mailbox_id <> ?)", [selection.mailbox_id]


def _outgoing(selection: PurgeSelection) -> tuple[str, list[object]]:
    conditions, values = list[str](), list[object]()
    if selection.settled_before is not None:
        conditions.append(f"{_SETTLED_AT} < ?")
        values.append(selection.settled_before)
    if selection.mailbox_id is not None:
        conditions.append("outbox.mailbox_id = ?")
        values.append(selection.mailbox_id)
    if selection.outgoing_id is not None:
        conditions.append("outbox.id = ?")
        values.append(selection.outgoing_id)
    return " AND ".join([_SETTLED, *conditions]) if conditions else "0", values


def _purge_mail(connection: sqlite3.Connection, selection: PurgeSelection, limit: int, at: str, contents: MailContents) -> Purged:
    where, values = _mail(selection)
    rows = connection.execute(
        "SELECT id, mailbox_id, message_id, content, raw, pack, offset, size, header_length FROM mail_activities AS mail"
        f" WHERE {where} LIMIT ?",
        (*values, limit),
    ).fetchall()
    if not rows:
        return Purged()
    salt = salt_of(connection)
    freed: dict[int, int] = {}
    mails = octets = released = 0
    for row in rows:
        _let_go(connection, salt, row, selection, contents)
        left = connection.execute("SELECT mailbox_id FROM mail_locations WHERE activity_id = ? LIMIT 1", (row["id"],)).fetchone()
        if left is not None:
            released += 1
            if row["mailbox_id"] == selection.mailbox_id:
                connection.execute("UPDATE mail_activities SET mailbox_id = ? WHERE id = ?", (left[0], row["id"]))
            continue
        connection.execute("DELETE FROM mail_texts WHERE activity_id = ?", (row["id"],))
        connection.execute("DELETE FROM mail_activities WHERE id = ?", (row["id"],))
        freed[row["pack"]] = freed.get(row["pack"], 0) + row["size"]
        mails += 1
        octets += row["size"]
    connection.executemany(
        "UPDATE mail_packs SET erase = erase + ?1, erase_since = CASE WHEN erase_since = '' THEN ?2 ELSE erase_since END WHERE id = ?3",
        # An empty mail has no octets, and nothing has to be rewritten for it.
        [(size, at, pack) for pack, size in freed.items() if size],
    )
    return Purged(mails=mails, octets=octets, released=released)


def _let_go(connection: sqlite3.Connection, salt: bytes, row: sqlite3.Row, selection: PurgeSelection, contents: MailContents) -> None:
    """Forget where it lies, and keep marks in its place."""
    narrow, values = ("AND mailbox_id = ?", [selection.mailbox_id]) if selection.mailbox_id is not None else ("", [])
    places = connection.execute(
        f"SELECT DISTINCT mailbox_id, raw, received FROM mail_locations WHERE activity_id = ? {narrow}", (row["id"], *values)
    ).fetchall()
    mailboxes = [(place["mailbox_id"], place["raw"], place["received"]) for place in places]
    if selection.activity_id is not None:
        # A person asked for this one mail: it is not to come by another mailbox either.
        mailboxes += [(EVERY_MAILBOX, place["raw"], place["received"]) for place in places[:1]]
    if row["message_id"]:
        # Of damaged bytes the content is not known: then at least the same bytes do not come back.
        digest = row["content"] or contents.of(row) or row["raw"]
        marks = [mail_mark(salt, mailbox, row["message_id"], digest) for mailbox, _, _ in mailboxes]
    else:
        marks = [nameless_mark(salt, mailbox, raw, received) for mailbox, raw, received in mailboxes]
    keep_marks(connection, "mail_purged", marks)
    connection.execute(f"DELETE FROM mail_locations WHERE activity_id = ? {narrow}", (row["id"], *values))


def _purge_outgoing(connection: sqlite3.Connection, selection: PurgeSelection, limit: int) -> Purged:
    where, values = _outgoing(selection)
    rows: Sequence[sqlite3.Row] = connection.execute(
        f"SELECT id, message_id, client_key, size FROM outbox WHERE {where} LIMIT ?", (*values, limit)
    ).fetchall()
    if not rows:
        return Purged()
    salt = salt_of(connection)
    marks = [outgoing_mark(salt, "id", row["message_id"]) for row in rows]
    marks += [outgoing_mark(salt, "key", row["client_key"]) for row in rows if row["client_key"]]
    keep_marks(connection, "outbox_purged", marks)
    for table, column in (("outbox_content", "entry"), ("outbox_recipient", "entry"), ("outbox_event", "entry"), ("outbox", "id")):
        connection.executemany(f"DELETE FROM {table} WHERE {column} = ?", [(row["id"],) for row in rows])
    return Purged(outgoing=len(rows), outgoing_octets=sum(row["size"] for row in rows))
