"""Appointments, contacts and tasks in the environment's SQLite file."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import datetime
from typing import Final

import orjson

from reconcile.errors import PreconditionFailed
from reconcile.model import instant
from reconcile.model.cursor import Cursor
from reconcile.model.item import ItemKind
from reconcile.model.item_conflict import ItemConflict
from reconcile.model.item_json import dumped
from reconcile.model.item_link import Link
from reconcile.model.item_record import ItemState, Record
from reconcile.model.item_restored import restored
from reconcile.model.remote_id import RemoteId
from reconcile.ports.item_store import IntentKind, ItemIntent, ItemPlace, PairChange, RecordChange, RecordDeletion
from reconcile.store.sqlite import item_rows
from reconcile.store.sqlite.database import Database
from reconcile.store.sqlite.item_edits import SqliteItemEdits, one_record, remove_record, write_record
from reconcile.store.sqlite.leases import Leases

_PAGE: Final = 500


class SqliteItems(SqliteItemEdits):
    """See `ItemStore`."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._leases = Leases(database.path.parent / "item-leases")

    def items(
        self,
        *,
        kinds: Collection[ItemKind] = tuple(ItemKind),
        owner: str = "",
        state: ItemState | None = None,
        after: int = 0,
        limit: int | None = None,
    ) -> Iterator[Record]:
        chosen = [str(kind) for kind in ItemKind if kind in kinds]
        wanted = (
            f"kind IN ({', '.join('?' * len(chosen))}) AND id > ?{' AND owner = ?' if owner else ''}{' AND state = ?' if state else ''}"
        )
        values = [*([owner] if owner else []), *([state] if state else [])]
        left = limit
        while left is None or left > 0:
            # Page by page, so that no reader is kept open while a caller takes its time.
            page = self._database.reader().execute(
                f"SELECT id FROM item WHERE {wanted} ORDER BY id LIMIT ?",
                (*chosen, after, *values, _PAGE if left is None else min(left, _PAGE)),
            )
            ids = [row["id"] for row in page]
            if not ids:
                return
            found = self.records(ids)
            yield from (found[number] for number in ids if number in found)
            after, left = ids[-1], None if left is None else left - len(ids)

    def item(self, item_id: int) -> Record | None:
        return one_record(self._database.reader(), item_id)

    def links_of(self, item_id: int) -> Sequence[Link]:
        return [item_rows.link(row) for row in self._rows("SELECT * FROM item_link WHERE item_id = ? ORDER BY mailbox_id", (item_id,))]

    def conflicts(self, *, item_id: int | None = None, resolved: bool = False) -> Sequence[ItemConflict]:
        wanted = [*(["item_id = ?"] if item_id is not None else []), *([] if resolved else ["resolved_at = ''"])]
        values = () if item_id is None else (item_id,)
        rows = self._rows(f"SELECT * FROM item_conflict WHERE {' AND '.join(wanted) or '1'} ORDER BY id", values)
        return [
            ItemConflict(
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
            )
            for row in rows
        ]

    def places(self) -> Mapping[tuple[str, ItemKind], ItemPlace]:
        return {(row["mailbox_id"], ItemKind(row["kind"])): _place(row) for row in self._rows("SELECT * FROM item_place", ())}

    def tally(self) -> Mapping[tuple[str, ItemKind], int]:
        rows = self._rows("SELECT mailbox_id, kind, count(*) FROM item_link WHERE state = 'linked' GROUP BY mailbox_id, kind", ())
        return {(row[0], ItemKind(row[1])): row[2] for row in rows}

    def blob(self, digest: str) -> bytes:
        row = self._database.reader().execute("SELECT content FROM item_blob WHERE digest = ?", (digest,)).fetchone()
        if row is None:
            raise KeyError(digest)
        return bytes(row[0])

    def hold(self, mailbox_id: str) -> AbstractContextManager[None]:
        return self._leases.hold(mailbox_id)

    def place(self, mailbox_id: str, kind: ItemKind) -> ItemPlace:
        rows = self._rows("SELECT * FROM item_place WHERE mailbox_id = ? AND kind = ?", (mailbox_id, kind))
        return _place(rows[0]) if rows else ItemPlace()

    def by_remote(self, mailbox_id: str, remote_ids: Collection[RemoteId]) -> Mapping[RemoteId, Link]:
        rows = self._among(
            "SELECT item_link.* FROM json_each(?) JOIN item_link ON mailbox_id = ? AND protocol = json_extract(value, '$[0]')"
            " AND remote = json_extract(value, '$[1]')",
            [[one.protocol, one.value] for one in remote_ids],
            (mailbox_id,),
        )
        return {found.remote_id: found for found in map(item_rows.link, rows)}

    def by_token(self, mailbox_id: str, tokens: Collection[str]) -> Mapping[str, Link]:
        statement = "SELECT item_link.* FROM json_each(?) JOIN item_link ON mailbox_id = ? AND token = value"
        return {found.token: found for found in map(item_rows.link, self._among(statement, list(tokens), (mailbox_id,)))}

    def by_record(self, mailbox_id: str, record_ids: Collection[int]) -> Mapping[int, Link]:
        statement = "SELECT item_link.* FROM json_each(?) JOIN item_link ON mailbox_id = ? AND item_id = value"
        return {found.record_id: found for found in map(item_rows.link, self._among(statement, list(record_ids), (mailbox_id,)))}

    def links(self, mailbox_id: str, kind: ItemKind) -> Iterator[Link]:
        yield from map(item_rows.link, self._rows("SELECT * FROM item_link WHERE mailbox_id = ? AND kind = ?", (mailbox_id, kind)))

    def records(self, record_ids: Collection[int]) -> Mapping[int, Record]:
        if not record_ids:
            return {}
        kinds = [
            ItemKind(row["kind"])
            for row in self._among("SELECT DISTINCT kind FROM json_each(?) JOIN item ON item.id = value", [*record_ids])
        ]
        where = "id IN (SELECT value FROM json_each(?))"
        found = item_rows.read_records(self._database.reader(), where, (orjson.dumps([*record_ids]).decode(),), kinds)
        return {one.id: one for one in found}

    def meetings(self, globalobjectids: Collection[str]) -> Mapping[str, int]:
        statement = (
            "SELECT globalobjectid, min(item_id) FROM json_each(?) JOIN appointment ON globalobjectid = value GROUP BY globalobjectid"
        )
        return {row[0]: row[1] for row in self._among(statement, [one for one in globalobjectids if one])}

    def organizer_linked(self, record_ids: Collection[int], *, but: str) -> Collection[int]:
        statement = (
            "SELECT DISTINCT item_id FROM json_each(?) JOIN item_link ON item_id = value"
            " WHERE mailbox_id <> ? AND state = 'linked' AND organized_here = 1"
        )
        return {row[0] for row in self._among(statement, list(record_ids), (but,))}

    def due(self, mailbox_id: str, kind: ItemKind, *, owner: str | None, everything: bool) -> Sequence[int]:
        changed = "" if everything else "AND coalesce(item.version, -1) <> record_version"
        tied = self._rows(
            f"SELECT item_id FROM item_link LEFT JOIN item ON id = item_id WHERE mailbox_id = ? AND item_link.kind = ? {changed}",
            (mailbox_id, kind),
        )
        fresh = self._rows(
            f"SELECT id FROM item WHERE kind = ?{' AND owner = ?' if owner is not None else ''}"
            " AND NOT EXISTS (SELECT 1 FROM item_link WHERE mailbox_id = ? AND item_id = id)",
            (kind, *([owner] if owner is not None else []), mailbox_id),
        )
        return sorted(row[0] for row in (*tied, *fresh))

    def intents(self, mailbox_id: str, kind: ItemKind) -> Sequence[ItemIntent]:
        rows = self._rows("SELECT * FROM item_intent WHERE mailbox_id = ? AND kind = ? ORDER BY at, token", (mailbox_id, kind))
        return [
            ItemIntent(
                mailbox_id=row["mailbox_id"],
                kind=ItemKind(row["kind"]),
                record_id=row["item_id"],
                action=IntentKind(row["action"]),
                token=row["token"],
                at=row["at"],
                version=row["version"],
                record_version=row["record_version"],
                invite=bool(row["invite"]),
                content=restored(ItemKind(row["kind"]), orjson.loads(row["content"])) if row["content"] else None,
            )
            for row in rows
        ]

    def begin(self, intents: Sequence[ItemIntent]) -> None:
        rows = [
            (
                one.token,
                one.mailbox_id,
                one.kind,
                one.record_id,
                one.action,
                one.at,
                one.version,
                one.record_version,
                one.invite,
                orjson.dumps(dumped(one.content)).decode() if one.content is not None else "",
            )
            for one in intents
        ]
        self._database.write(
            lambda connection: connection.executemany(f"INSERT OR REPLACE INTO item_intent VALUES (?{', ?' * 9})", rows) and None
        )

    def commit(
        self,
        mailbox_id: str,
        kind: ItemKind,
        changes: Sequence[PairChange],
        *,
        at: datetime,
        by: str,
        cursor: Cursor | None = None,
        rules: str | None = None,
        verify: bool | None = None,
        blobs: Mapping[str, bytes] | None = None,
    ) -> None:
        moment = instant.text(at.replace(microsecond=0))

        def work(connection: sqlite3.Connection) -> None:
            for digest, content in (blobs or {}).items():
                connection.execute("INSERT OR IGNORE INTO item_blob VALUES (?, ?)", (digest, content))
            for change in changes:
                _pair(connection, mailbox_id, kind, change, moment, by)
            if cursor is not None:
                _put(connection, mailbox_id, kind, protocol=cursor.protocol, cursor=cursor.value)
            if rules is not None:
                _put(connection, mailbox_id, kind, rules=rules)
            if verify is not None:
                _put(connection, mailbox_id, kind, verify=verify)

        self._database.write(work)

    def ended(self, mailbox_id: str, kind: ItemKind, *, at: datetime, error: str, hint: str) -> None:
        moment = instant.text(at.replace(microsecond=0))
        self._database.write(lambda connection: _put(connection, mailbox_id, kind, at=moment, error=error, hint=hint))

    def _rows(self, statement: str, values: tuple[object, ...]) -> list[sqlite3.Row]:
        return self._database.reader().execute(statement, values).fetchall()

    def _among(self, statement: str, members: Sequence[object], values: tuple[object, ...] = ()) -> list[sqlite3.Row]:
        return self._rows(statement, (orjson.dumps(members).decode(), *values)) if members else []


def _place(row: sqlite3.Row) -> ItemPlace:
    cursor = Cursor(row["protocol"], row["cursor"]) if row["protocol"] is not None else None
    return ItemPlace(cursor=cursor, rules=row["rules"], verify=bool(row["verify"]), at=row["at"], error=row["error"], hint=row["hint"])


def _put(connection: sqlite3.Connection, mailbox_id: str, kind: ItemKind, **new: str | bool) -> None:
    connection.execute("INSERT OR IGNORE INTO item_place VALUES (?, ?, NULL, NULL, '', 0, '', '', '')", (mailbox_id, kind))
    settings = ", ".join(f"{name} = ?" for name in new)
    connection.execute(f"UPDATE item_place SET {settings} WHERE mailbox_id = ? AND kind = ?", (*new.values(), mailbox_id, kind))


def _pair(connection: sqlite3.Connection, mailbox_id: str, kind: ItemKind, change: PairChange, at: str, by: str) -> None:
    number = change.record_id
    match change.record:
        case RecordChange():
            number = _change_record(connection, change.record_id, change.record, at, by)
        case RecordDeletion(expected=expected):
            _expect(connection, change.record_id, expected)
            remove_record(connection, change.record_id)
        case None:
            pass
    if change.unlink:
        connection.execute("DELETE FROM item_link WHERE mailbox_id = ? AND item_id = ?", (mailbox_id, change.record_id))
    elif change.link is not None:
        item_rows.write_link(connection, replace(change.link, record_id=number))
    for one in change.conflicts:
        connection.execute(
            "INSERT INTO item_conflict (item_id, kind, mailbox_id, field, ours, theirs, ours_wins, at, resolved_at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, '')",
            (number, kind, mailbox_id, one.field, one.ours, one.theirs, one.ours_wins, at),
        )
    if change.settled:
        connection.execute("DELETE FROM item_intent WHERE token = ?", (change.settled,))


def _change_record(connection: sqlite3.Connection, item_id: int, new: RecordChange, at: str, by: str) -> int:
    """Its id."""
    if new.expected == 0:
        made = Record(id=0, item=new.item, owner=new.owner, state=new.state, version=1, created_at=at, edited_at=at, edited_by=by)
        return write_record(connection, made)
    before = _expect(connection, item_id, new.expected)
    after = replace(before, item=new.item, owner=new.owner, state=new.state, version=before.version + 1, edited_at=at, edited_by=by)
    return write_record(connection, after)


def _expect(connection: sqlite3.Connection, item_id: int, version: int) -> Record:
    found = one_record(connection, item_id)
    if found is None or found.version != version:
        raise PreconditionFailed(f"item {item_id} is no longer at version {version}")
    return found
