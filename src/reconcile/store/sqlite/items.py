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
from reconcile.model.item import Item, ItemKind
from reconcile.model.item_conflict import ItemConflict
from reconcile.model.item_json import dumped
from reconcile.model.item_link import Link
from reconcile.model.item_purge import names_of, trace_name
from reconcile.model.item_record import ItemState, Record
from reconcile.model.item_restored import restored
from reconcile.model.mail_address import kept_spellings
from reconcile.model.remote_id import RemoteId
from reconcile.ports.item_store import IntentKind, ItemIntent, PairChange, RecordChange, RecordDeletion
from reconcile.store.sqlite import item_rows
from reconcile.store.sqlite.database import Database
from reconcile.store.sqlite.item_edits import SqliteItemEdits, keep_blob, one_record, remove_record, write_record
from reconcile.store.sqlite.item_places import SqliteItemPlaces, purged_names, put_place
from reconcile.store.sqlite.leases import Leases

_PAGE: Final = 500


class SqliteItems(SqliteItemEdits, SqliteItemPlaces):
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
        apart: bool = False,
        after: int = 0,
        limit: int | None = None,
    ) -> Iterator[Record]:
        chosen, owners = [str(kind) for kind in ItemKind if kind in kinds], kept_spellings(owner) if owner else ()
        wanted = f"kind IN ({', '.join('?' * len(chosen))}) AND id > ?{_owned(owners)}{' AND state = ?' if state else ''}"
        if apart:
            wanted += " AND EXISTS (SELECT 1 FROM item_link WHERE item_id = item.id AND item_link.state <> 'linked')"
        values = [*owners, *([state] if state else [])]
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
        return [item_rows.conflict(row) for row in rows]

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

    # CROSS JOIN keeps SQLite from going through all links of a mailbox for each of the few that are asked for.
    def by_remote(self, mailbox_id: str, remote_ids: Collection[RemoteId]) -> Mapping[RemoteId, Link]:
        rows = self._among(
            "SELECT item_link.* FROM json_each(?) CROSS JOIN item_link ON mailbox_id = ? AND protocol = json_extract(value, '$[0]')"
            " AND remote = json_extract(value, '$[1]')",
            [[one.protocol, one.value] for one in remote_ids],
            (mailbox_id,),
        )
        return {found.remote_id: found for found in map(item_rows.link, rows)}

    def by_token(self, mailbox_id: str, tokens: Collection[str]) -> Mapping[str, Link]:
        statement = (
            "SELECT item_link.* FROM json_each(?) CROSS JOIN item_link INDEXED BY item_link_token ON mailbox_id = ? AND token = value"
        )
        return {found.token: found for found in map(item_rows.link, self._among(statement, list(tokens), (mailbox_id,)))}

    def by_trace(self, mailbox_id: str, traces: Collection[str]) -> Mapping[str, Sequence[Link]]:
        statement = (
            "SELECT item_link.* FROM json_each(?) CROSS JOIN item_link INDEXED BY item_link_trace ON mailbox_id = ? AND trace = value"
            " WHERE trace <> '' AND made_here = 0 ORDER BY item_id"
        )
        found: dict[str, list[Link]] = {}
        for link in map(item_rows.link, self._among(statement, list(traces), (mailbox_id,))):
            found.setdefault(link.trace, []).append(link)
        return found

    def by_record(self, mailbox_id: str, record_ids: Collection[int]) -> Mapping[int, Link]:
        statement = "SELECT item_link.* FROM json_each(?) CROSS JOIN item_link ON mailbox_id = ? AND item_id = value"
        return {found.record_id: found for found in map(item_rows.link, self._among(statement, list(record_ids), (mailbox_id,)))}

    def saying(self, mailbox_id: str, kind: ItemKind, items: Collection[Item]) -> Sequence[Link]:
        rows = self._among(
            "SELECT * FROM item_link WHERE iif(agreed_theirs = '', agreed_ours, agreed_theirs) IN (SELECT value FROM json_each(?))"
            " AND mailbox_id = ? AND kind = ? AND made_here = 0 AND state <> 'parted' ORDER BY item_id",
            [orjson.dumps(dumped(one)).decode() for one in items],
            (mailbox_id, kind),
        )
        return [item_rows.link(row) for row in rows]

    def links(self, mailbox_id: str, kind: ItemKind) -> Iterator[Link]:
        after = 0
        while rows := self._rows(
            "SELECT * FROM item_link WHERE mailbox_id = ? AND item_id > ? AND kind = ? ORDER BY item_id LIMIT ?",
            (mailbox_id, after, kind, _PAGE),
        ):
            yield from map(item_rows.link, rows)
            after = rows[-1]["item_id"]

    def linked(self, mailbox_id: str, kind: ItemKind) -> int:
        statement = "SELECT count(*) FROM item_link WHERE mailbox_id = ? AND kind = ? AND state = 'linked'"
        count: int = self._rows(statement, (mailbox_id, kind))[0][0]
        return count

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
            "SELECT globalobjectid, min(item_id) FROM json_each(?) CROSS JOIN appointment ON globalobjectid = value"
            " WHERE globalobjectid <> '' GROUP BY globalobjectid"
        )
        return {row[0]: row[1] for row in self._among(statement, [one for one in globalobjectids if one])}

    def organizer_linked(self, record_ids: Collection[int], *, but: str) -> Collection[int]:
        statement = (
            "SELECT DISTINCT item_id FROM json_each(?) CROSS JOIN item_link ON item_id = value"
            " WHERE mailbox_id <> ? AND state = 'linked' AND organized_here = 1"
        )
        return {row[0] for row in self._among(statement, list(record_ids), (but,))}

    def due(self, mailbox_id: str, kind: ItemKind, *, owner: str | None, everything: bool) -> Sequence[int]:
        changed = "" if everything else "AND (coalesce(item.version, -1) <> record_version OR departed = 1)"
        tied = self._rows(
            f"SELECT item_id FROM item_link LEFT JOIN item ON id = item_id WHERE mailbox_id = ? AND item_link.kind = ? {changed}",
            (mailbox_id, kind),
        )
        owners = kept_spellings(owner) if owner is not None else ()
        fresh = self._rows(
            f"SELECT id FROM item WHERE kind = ?{_owned(owners)}"
            " AND NOT EXISTS (SELECT 1 FROM item_link WHERE mailbox_id = ? AND item_id = id)",
            (kind, *owners, mailbox_id),
        )
        return sorted(row[0] for row in (*tied, *fresh))

    def intents(
        self, mailbox_id: str, kind: ItemKind, *, after: ItemIntent | None = None, limit: int | None = None
    ) -> Sequence[ItemIntent]:
        statement = "SELECT * FROM item_intent WHERE mailbox_id = ? AND kind = ? AND (at, token) > (?, ?) ORDER BY at, token LIMIT ?"
        past = (after.at, after.token) if after is not None else ("", "")
        rows = self._rows(statement, (mailbox_id, kind, *past, -1 if limit is None else limit))
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

        def work(connection: sqlite3.Connection) -> None:
            for one in intents:
                _still_meant(connection, one)
            connection.executemany(f"INSERT OR REPLACE INTO item_intent VALUES (?{', ?' * 9})", rows)

        self._database.write(work)

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
                keep_blob(connection, digest, content)
            over = _purged(connection, mailbox_id, changes)
            for change in changes:
                _pair(connection, mailbox_id, kind, _let_go(change) if id(change) in over else change, moment, by)
            if cursor is not None:
                put_place(connection, mailbox_id, kind, protocol=cursor.protocol, cursor=cursor.value)
            if rules is not None:
                put_place(connection, mailbox_id, kind, rules=rules)
            if verify is not None:
                put_place(connection, mailbox_id, kind, verify=verify)

        self._database.write(work)

    def _rows(self, statement: str, values: tuple[object, ...]) -> list[sqlite3.Row]:
        return self._database.reader().execute(statement, values).fetchall()

    def _among(self, statement: str, members: Sequence[object], values: tuple[object, ...] = ()) -> list[sqlite3.Row]:
        return self._rows(statement, (orjson.dumps(members).decode(), *values)) if members else []


def _owned(owners: Sequence[str]) -> str:
    return f" AND owner IN ({', '.join('?' * len(owners))})" if owners else ""


def _still_meant(connection: sqlite3.Connection, intent: ItemIntent) -> None:
    """Raises PreconditionFailed. A record may have been edited, deleted or purged since it was decided."""
    if intent.action is IntentKind.CREATE:
        statement, other = "SELECT 1 FROM item WHERE id = ? AND version = ?", str(intent.record_version)
    else:
        statement, other = "SELECT 1 FROM item_link WHERE item_id = ? AND mailbox_id = ?", intent.mailbox_id
    if connection.execute(statement, (intent.record_id, other)).fetchone() is None:
        raise PreconditionFailed(f"item {intent.record_id} changed while it was decided")


def _purged(connection: sqlite3.Connection, mailbox_id: str, changes: Sequence[PairChange]) -> set[int]:
    """Which of these (by id()) are about records that were purged while they were decided."""
    names = {id(change): names_of(change.link.remote_id, change.link.token) for change in changes if change.link is not None}
    for change in changes:
        # Copies have the trace of a purged item, too: it speaks only of what comes in, and of what has no record any more.
        if change.link is not None and change.link.trace and _comes_in(connection, change):
            names[id(change)] += (trace_name(change.link.trace),)
    found = purged_names(connection, mailbox_id, {name for some in names.values() for name in some})
    return {number for number, some in names.items() if found.intersection(some)}


def _comes_in(connection: sqlite3.Connection, change: PairChange) -> bool:
    if isinstance(change.record, RecordChange) and change.record.expected == 0:
        return True
    return connection.execute("SELECT 1 FROM item WHERE id = ?", (change.record_id,)).fetchone() is None


def _let_go(change: PairChange) -> PairChange:
    return PairChange(record_id=change.record_id, unlink=True, settled=change.settled)


def _pair(connection: sqlite3.Connection, mailbox_id: str, kind: ItemKind, change: PairChange, at: str, by: str) -> None:
    number = change.record_id
    match change.record:
        case RecordChange():
            number = _change_record(connection, change.record_id, change.record, at, by)
        case RecordDeletion(expected=expected):
            _expect(connection, change.record_id, expected)
            remove_record(connection, change.record_id, by)
        case None:
            pass
    if change.unlink or number != change.record_id:
        connection.execute("DELETE FROM item_link WHERE mailbox_id = ? AND item_id = ?", (mailbox_id, change.record_id))
    if change.link is not None and not change.unlink:
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
