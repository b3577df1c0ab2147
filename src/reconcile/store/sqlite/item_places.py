"""Where mailboxes stand with their appointments, contacts and tasks: cursors, brakes, how looks ended, and single items set aside."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from typing import Final

import orjson

from reconcile.model.cursor import Cursor
from reconcile.model.item import ItemKind
from reconcile.model.item_aside import ItemAside
from reconcile.model.item_brake import ItemBrake
from reconcile.model.remote_id import RemoteId
from reconcile.ports.item_store import ItemLook, ItemPlace
from reconcile.store.purge_mark import EVERY_MAILBOX, item_mark
from reconcile.store.sqlite.database import Database
from reconcile.store.sqlite.purged import salt_of

_LOOK: Final = ("at", "error", "hint", "permanent", "about", "failures", "counted_at", "retry_after", "fingerprint")


class SqliteItemPlaces:
    """See `ItemStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def places(self) -> Mapping[tuple[str, ItemKind], ItemPlace]:
        rows = self._database.reader().execute("SELECT * FROM item_place")
        return {(row["mailbox_id"], ItemKind(row["kind"])): _place(row) for row in rows}

    def place(self, mailbox_id: str, kind: ItemKind) -> ItemPlace:
        statement = "SELECT * FROM item_place WHERE mailbox_id = ? AND kind = ?"
        row = self._database.reader().execute(statement, (mailbox_id, kind)).fetchone()
        return ItemPlace() if row is None else _place(row)

    def ended(self, mailbox_id: str, kind: ItemKind, look: ItemLook) -> None:
        new = {name: getattr(look, name) for name in _LOOK} | {"error_kind": look.kind}
        self._put(mailbox_id, kind, **new)

    def is_folder(self, mailbox_id: str, kind: ItemKind, folder: str) -> None:
        self._put(mailbox_id, kind, folder=folder)

    def brake(self, mailbox_id: str, kind: ItemKind, brake: ItemBrake | None) -> None:
        self._put(mailbox_id, kind, brake="" if brake is None else orjson.dumps(asdict(brake)).decode(), released=0)

    def release(self, mailbox_id: str, kind: ItemKind, brake: ItemBrake) -> bool:
        def work(connection: sqlite3.Connection) -> bool:
            row = connection.execute("SELECT * FROM item_place WHERE mailbox_id = ? AND kind = ?", (mailbox_id, kind)).fetchone()
            if row is None or _place(row).brake != brake:
                return False
            put_place(connection, mailbox_id, kind, released=brake.count)
            return True

        return self._database.write(work)

    def spend(self, mailbox_id: str, kind: ItemKind, *, left: int) -> None:
        self._put(mailbox_id, kind, released=left)

    def _put(self, mailbox_id: str, kind: ItemKind, **new: str | float | bool) -> None:
        self._database.write(lambda connection: put_place(connection, mailbox_id, kind, **new))

    def asides(self) -> Sequence[ItemAside]:
        rows = self._database.reader().execute("SELECT * FROM item_aside ORDER BY since, mailbox_id, kind, item_id, remote")
        return [
            ItemAside(
                mailbox_id=row["mailbox_id"],
                kind=ItemKind(row["kind"]),
                record_id=row["item_id"],
                remote_id=RemoteId(row["protocol"], row["remote"]) if row["remote"] else None,
                failures=row["failures"],
                since=row["since"],
                again_at=row["again_at"],
                why=row["why"],
            )
            for row in rows
        ]

    def set_aside(self, asides: Sequence[ItemAside]) -> None:
        rows = [(*_key(one), one.failures, one.since, one.again_at, one.why) for one in asides]
        statement = f"INSERT OR REPLACE INTO item_aside VALUES (?{', ?' * 8})"
        self._database.write(lambda connection: connection.executemany(statement, rows) and None)

    def taken_up(self, asides: Sequence[ItemAside]) -> None:
        statement = "DELETE FROM item_aside WHERE mailbox_id = ? AND kind = ? AND item_id = ? AND protocol = ? AND remote = ?"
        rows = [_key(one) for one in asides]
        self._database.write(lambda connection: connection.executemany(statement, rows) and None)

    def purged(self, mailbox_id: str, names: Collection[str]) -> Collection[str]:
        return purged_names(self._database.reader(), mailbox_id, names)


def purged_names(connection: sqlite3.Connection, mailbox_id: str, names: Collection[str]) -> set[str]:
    """Those that were purged from this mailbox, or from all. Costs one look at an empty table where nothing ever was."""
    if not names or connection.execute("SELECT 1 FROM item_purged LIMIT 1").fetchone() is None:
        return set()
    salt = salt_of(connection)
    statement = "SELECT 1 FROM item_purged WHERE mark IN (?, ?)"
    return {
        name
        for name in names
        if connection.execute(statement, (item_mark(salt, mailbox_id, name), item_mark(salt, EVERY_MAILBOX, name))).fetchone()
    }


def put_place(connection: sqlite3.Connection, mailbox_id: str, kind: ItemKind, **new: str | float | bool) -> None:
    """Set these columns; the row is made where it lacks."""
    connection.execute(
        "INSERT OR IGNORE INTO item_place (mailbox_id, kind, rules, verify, at, error, hint) VALUES (?, ?, '', 0, '', '', '')",
        (mailbox_id, kind),
    )
    settings = ", ".join(f"{name} = ?" for name in new)
    connection.execute(f"UPDATE item_place SET {settings} WHERE mailbox_id = ? AND kind = ?", (*new.values(), mailbox_id, kind))


def _place(row: sqlite3.Row) -> ItemPlace:
    return ItemPlace(
        cursor=Cursor(row["protocol"], row["cursor"]) if row["protocol"] is not None else None,
        rules=row["rules"],
        verify=bool(row["verify"]),
        folder=row["folder"],
        brake=ItemBrake(**orjson.loads(row["brake"])) if row["brake"] else None,
        released=row["released"],
        look=ItemLook(kind=row["error_kind"], **{name: row[name] for name in _LOOK} | {"permanent": bool(row["permanent"])}),
    )


def _key(one: ItemAside) -> tuple[str, str, int, str, str]:
    protocol, value = (one.remote_id.protocol, one.remote_id.value) if one.remote_id is not None else ("", "")
    return one.mailbox_id, one.kind, one.record_id, protocol, value
