"""Messages that could not become activities, with their bytes, in SQLite and packs."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import orjson

from reconcile.errors import PermanentError
from reconcile.model.held_message import HeldMessage
from reconcile.model.remote_id import RemoteId
from reconcile.ports.mail_store import Arrival, Place, Unprocessed
from reconcile.store.sqlite.database import Database
from reconcile.store.sqlite.pack_rows import PackRows
from reconcile.store.sqlite.packs import Packs

#: Stands for "no bytes of its own": what it says is kept elsewhere already.
NO_PACK: Final = 0
_SELECT = (
    "SELECT held.*, decision.outcome, decision.reason, decision.facts, decision.message_id, decision.sender, decision.subject"
    " FROM mail_quarantine AS held LEFT JOIN mail_decisions AS decision ON decision.mailbox_id = held.mailbox_id"
    " AND decision.generation = held.generation AND decision.remote = held.remote"
)


def divided(
    connection: sqlite3.Connection, mailbox_id: str, given_up: Sequence[Unprocessed]
) -> tuple[list[Unprocessed], list[Unprocessed]]:
    """Those to be held, and those a person decided about before: deleted for good, or released, so that an activity has the same bytes."""
    holding, over = list[Unprocessed](), list[Unprocessed]()
    for each in given_up:
        known = connection.execute(
            "SELECT 1 FROM mail_quarantine_deleted WHERE mailbox_id = ?1 AND raw = ?2"
            " UNION ALL SELECT 1 FROM mail_locations AS location JOIN mail_decisions AS decision USING (activity_id)"
            " WHERE location.mailbox_id = ?1 AND location.raw = ?2 AND decision.reason = 'released' LIMIT 1",
            (mailbox_id, each.raw),
        ).fetchone()
        (holding if known is None else over).append(each)
    return holding, over


def hold(connection: sqlite3.Connection, generation: int, given_up: Sequence[Unprocessed]) -> None:
    """In the transaction that passes them."""
    for each in given_up:
        decision, place = each.decision, each.place
        # A new history meets the same message again: it keeps its number and since when it is held.
        older = connection.execute(
            "SELECT id, at FROM mail_quarantine WHERE mailbox_id = ? AND raw = ? AND generation < ? ORDER BY id LIMIT 1",
            (decision.mailbox_id, each.raw, generation),
        ).fetchone()
        if older is not None:
            release(connection, [older["id"]], at=decision.at)
        connection.execute(
            "INSERT OR REPLACE INTO mail_quarantine (id, mailbox_id, generation, protocol, remote, raw, received, at, pack, offset, size)"
            " VALUES (?,?,?,?,?,?,?,?,?,?,?)",
            (
                older["id"] if older is not None else None,
                decision.mailbox_id,
                generation,
                decision.remote_id.protocol,
                decision.remote_id.value,
                each.raw,
                decision.received,
                older["at"] if older is not None else decision.at,
                *((place.pack, place.offset, place.length) if place is not None else (NO_PACK, 0, 0)),
            ),
        )


def release_kept(connection: sqlite3.Connection, mailbox_id: str, generation: int, kept: Sequence[Arrival], *, at: str) -> None:
    """In the transaction that keeps them: what was held and is read again is held no more, also of an earlier history."""
    for arrival in kept:
        rows = connection.execute(
            "SELECT id FROM mail_quarantine WHERE mailbox_id = ?1 AND (generation = ?2 AND remote = ?3 OR generation < ?2 AND raw = ?4)",
            (mailbox_id, generation, arrival.remote_id.value, arrival.raw),
        ).fetchall()
        release(connection, [row[0] for row in rows], at=at)


def release(connection: sqlite3.Connection, held_ids: Sequence[int], *, at: str) -> int:
    """Forget them, and let their bytes be taken off the disk; how many there were."""
    count = 0
    for held_id in held_ids:
        row = connection.execute("DELETE FROM mail_quarantine WHERE id = ? RETURNING pack, size", (held_id,)).fetchone()
        if row is not None:
            count += 1
            if row["size"]:
                connection.execute(
                    "UPDATE mail_packs SET erase = erase + ?1, erase_since = CASE WHEN erase_since = '' THEN ?2 ELSE erase_since END"
                    " WHERE id = ?3",
                    (row["size"], at, row["pack"]),
                )
    return count


class SqliteQuarantine:
    """See `Quarantine`. `folder` holds the packs (`packs/`)."""

    def __init__(self, database: Database, folder: Path) -> None:
        self._database = database
        self._packs = Packs(folder / "packs", PackRows(database).committed)

    def entries(self) -> Sequence[HeldMessage]:
        return [_held(row) for row in self._database.reader().execute(f"{_SELECT} ORDER BY held.id DESC")]

    def counts(self) -> Mapping[str, int]:
        return dict(self._database.reader().execute("SELECT mailbox_id, count(*) FROM mail_quarantine GROUP BY mailbox_id").fetchall())

    def entry(self, held_id: int) -> HeldMessage | None:
        row = self._database.reader().execute(f"{_SELECT} WHERE held.id = ?", (held_id,)).fetchone()
        return _held(row) if row else None

    def raw(self, held_id: int) -> Iterator[bytes]:
        row = self._database.reader().execute("SELECT * FROM mail_quarantine WHERE id = ?", (held_id,)).fetchone()
        if row is None or not row["size"]:
            return
        digest = hashlib.sha256()
        for chunk in self._packs.read(Place(row["pack"], row["offset"], row["size"])):
            digest.update(chunk)
            yield chunk
        if digest.digest() != row["raw"]:
            raise PermanentError(f"the bytes of message {held_id} in quarantine are damaged", hint="Restore the packs from a backup.")

    def delete(self, held_id: int, *, at: str) -> bool:
        def work(connection: sqlite3.Connection) -> bool:
            connection.execute(
                "INSERT OR IGNORE INTO mail_quarantine_deleted SELECT mailbox_id, raw, ? FROM mail_quarantine WHERE id = ?", (at, held_id)
            )
            return release(connection, [held_id], at=at) > 0

        return self._database.write(work)


def _held(row: sqlite3.Row) -> HeldMessage:
    facts = dict(orjson.loads(row["facts"])) if row["facts"] else {}
    return HeldMessage(
        id=row["id"],
        mailbox_id=row["mailbox_id"],
        generation=row["generation"],
        remote_id=RemoteId(row["protocol"], row["remote"]),
        raw=bytes(row["raw"]),
        size=row["size"],
        received=row["received"],
        at=row["at"],
        outcome=row["outcome"] or "",
        reason=row["reason"] or "",
        error=facts.get("error", ""),
        message_id=row["message_id"] or "",
        sender=row["sender"] or "",
        subject=row["subject"] or "",
    )
