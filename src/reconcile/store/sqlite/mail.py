"""Received mail in SQLite and packs. Bodies are synced first; activities, remote ids and the cursor follow in one transaction."""

from __future__ import annotations

import hashlib
import os
import sqlite3
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from datetime import datetime
from itertools import chain
from pathlib import Path

import orjson

from reconcile.errors import PermanentError
from reconcile.model.activity import Activity
from reconcile.model.activity_details import ActivityState
from reconcile.model.mailbox_state import Attempt, MailboxState, MissingMessage
from reconcile.model.message import Attachment, MessageText
from reconcile.model.remote_id import RemoteId
from reconcile.ports.mail_store import Kept, Place, ReceivedBatch
from reconcile.store.sqlite import mail_commit, mail_rows
from reconcile.store.sqlite.database import Database
from reconcile.store.sqlite.leases import Leases
from reconcile.store.sqlite.mail_contents import MailContents, met_names
from reconcile.store.sqlite.pack_rows import PackRows
from reconcile.store.sqlite.packs import ROLL_BYTES, Pack, Packs
from reconcile.store.sqlite.purged import PurgedMail
from reconcile.store.sqlite.recent_view import RecentView

#: Rises when the parser of texts changes what it would say: kept texts of older ones are made again.
PARSER = 1
_KEPT = "SELECT remote FROM mail_locations WHERE mailbox_id = ? AND generation = ? AND remote IN"
_STATE = (
    "SELECT *, EXISTS (SELECT 1 FROM mail_missing AS missing WHERE missing.mailbox_id = mail_mailboxes.mailbox_id) AS any_missing"
    " FROM mail_mailboxes WHERE mailbox_id = ?"
)
_PAGE = 500


class SqliteMailStore:
    """`folder` holds the packs (`packs/`) and the leases (`leases/`) of the database's environment."""

    def __init__(self, database: Database, folder: Path) -> None:
        self._database = database
        self._packs = Packs(folder / "packs", PackRows(database).committed, highest=PackRows(database).highest)
        self._leases = Leases(folder / "leases")
        self._recent = RecentView(database)

    def close(self) -> None:
        """Gives the packs back; the database is closed by whoever opened it."""
        self._packs.close()

    @contextmanager
    def receive(self, mailbox_id: str) -> Iterator[SqliteReceiving]:
        lease = self._leases.take(mailbox_id)
        try:
            receiving = SqliteReceiving(self._database, self._packs, self._recent, mailbox_id)
            try:
                yield receiving
            finally:
                receiving.release()
        finally:
            os.close(lease)

    def record(self, attempts: Sequence[Attempt]) -> None:
        if attempts:
            self._database.write(lambda connection: mail_commit.record(connection, attempts))

    def state(self, mailbox_id: str) -> MailboxState:
        """An untouched state for a mailbox never seen."""
        return read_state(self._database.reader(), mailbox_id)

    def states(self) -> Mapping[str, MailboxState]:
        with self._database.snapshot() as connection:
            missing = _missing(connection.execute("SELECT * FROM mail_missing ORDER BY mailbox_id, first_seen, remote"))
            return {
                row["mailbox_id"]: mail_rows.state(row, missing.get(row["mailbox_id"], ()))
                for row in connection.execute("SELECT * FROM mail_mailboxes")
            }

    def holders(self, mailbox_ids: Iterable[str]) -> Mapping[str, str]:
        found = ((mailbox_id, self._leases.holder(mailbox_id)) for mailbox_id in mailbox_ids)
        return {mailbox_id: holder for mailbox_id, holder in found if holder is not None}

    def activities(
        self,
        *,
        mailbox_id: str | None,
        since: datetime | None,
        limit: int | None,
        state: ActivityState | None = None,
        regarding: tuple[str, str] | None = None,
        before: tuple[str, int] | None = None,
        queue: str | None = None,
    ) -> Iterator[Activity]:
        where, values = ["1"], list[str | int]()
        if state is not None:
            # What nobody edited is open.
            where.append("coalesce(details.state, 'open') = ?")
            values.append(str(state))
        if regarding is not None:
            where.append("details.regarding_type = ? AND details.regarding_id = ? AND details.regarding_id <> ''")
            values += regarding
        if mailbox_id is not None:
            where.append("id IN (SELECT activity_id FROM mail_locations WHERE mailbox_id = ?)")
            values.append(mailbox_id)
        if queue is not None:
            where.append("mail_activities.id IN (SELECT activity_id FROM queue_items WHERE queue_id = ? OR queue_name = ?)")
            values += (queue, queue)
        if since is not None:
            where.append("received >= ?")
            values.append(since.strftime("%Y-%m-%dT%H:%M:%SZ"))
        left = limit if limit is not None else -1
        after = before
        while left:
            # Page by page, so that no read transaction holds up the write-ahead log while somebody prints.
            page_where, page_values = list(where), list(values)
            if after is not None:
                page_where.append("(received, id) < (?, ?)")
                page_values += after
            size = min(_PAGE, left) if left > 0 else _PAGE
            rows = (
                self._database.reader()
                .execute(
                    f"{mail_rows.SELECT_ACTIVITY} WHERE {' AND '.join(page_where)} ORDER BY received DESC, id DESC LIMIT {size:d}",
                    page_values,
                )
                .fetchall()
            )
            for row in rows:
                yield mail_rows.activity(row, self._mailboxes(row["id"]))
            if len(rows) < size:
                return
            left -= len(rows) if left > 0 else 0
            after = (rows[-1]["received"], rows[-1]["id"])

    def activity(self, activity_id: int) -> Activity | None:
        row = self._database.reader().execute(f"{mail_rows.SELECT_ACTIVITY} WHERE id = ?", (activity_id,)).fetchone()
        return mail_rows.activity(row, self._mailboxes(activity_id)) if row else None

    def _mailboxes(self, activity_id: int) -> list[str]:
        rows = self._database.reader().execute(
            "SELECT DISTINCT mailbox_id FROM mail_locations WHERE activity_id = ? ORDER BY mailbox_id", (activity_id,)
        )
        return [row[0] for row in rows]

    def raw(self, activity_id: int) -> Iterator[bytes]:
        row = self._database.reader().execute("SELECT pack, offset, size, raw FROM mail_activities WHERE id = ?", (activity_id,)).fetchone()
        if row is None:
            return
        digest = hashlib.sha256()
        try:
            chunks = self._packs.read(Place(row["pack"], row["offset"], row["size"]))
            first = next(chunks, b"")
        except PermanentError:
            # A purge may have moved it to another pack since the row was read.
            now = self._database.reader().execute("SELECT pack, offset FROM mail_activities WHERE id = ?", (activity_id,)).fetchone()
            if now is None or now["pack"] == row["pack"]:
                raise
            yield from self.raw(activity_id)
            return
        for chunk in chain((first,) if first else (), chunks):
            digest.update(chunk)
            yield chunk
        if digest.digest() != row["raw"]:
            raise PermanentError(f"the bytes of activity {activity_id} are damaged", hint="Restore the packs from a backup.")

    def text(self, activity_id: int) -> MessageText | None:
        row = (
            self._database.reader()
            .execute("SELECT * FROM mail_texts WHERE activity_id = ? AND parser = ?", (activity_id, PARSER))
            .fetchone()
        )
        if row is None:
            return None
        attachments = tuple(
            Attachment(part=part, name=name, content_type=kind, size=size) for part, name, kind, size in orjson.loads(row["attachments"])
        )
        return MessageText(text=row["text"], attachments=attachments, defects=tuple(orjson.loads(row["defects"])))

    def keep_text(self, activity_id: int, text: MessageText) -> None:
        attachments = orjson.dumps([[each.part, each.name, each.content_type, each.size] for each in text.attachments]).decode()
        values = (activity_id, PARSER, text.text, attachments, orjson.dumps(text.defects).decode())
        self._database.write(lambda connection: connection.execute("INSERT OR REPLACE INTO mail_texts VALUES (?,?,?,?,?)", values) and None)


class SqliteReceiving:
    """Holds the mailbox's lease, and a pack from the first body on."""

    def __init__(self, database: Database, packs: Packs, recent: RecentView, mailbox_id: str) -> None:
        self._database = database
        self._packs = packs
        self._mailbox_id = mailbox_id
        with database.lent() as connection:
            # What is purged meanwhile is asked for again by the commit.
            self._any_purged = connection.execute("SELECT 1 FROM mail_purged LIMIT 1").fetchone() is not None
            self._state = read_state(connection, mailbox_id)
        self._pack: Pack | None = None
        self._recent = recent
        self._recent.join()
        self._contents = MailContents(packs.read)
        self.lift_purged = False

    @property
    def state(self) -> MailboxState:
        return self._state

    def met(self, message_ids: Collection[str]) -> Set[str]:
        names = {*message_ids} - {""}
        if not names or (self._any_purged and not self.lift_purged):
            return names
        with self._recent as connection:
            return met_names(connection, names)

    def known(self, messages: Sequence[tuple[str, bytes]]) -> Set[tuple[str, bytes]]:
        # The commit asks again; here it only saves writing bytes that are kept already.
        named = [message for message in messages if message[0]]
        if not named:
            return frozenset()
        # Not the connection that all share: contents that are met may have to be read from the packs.
        with self._database.lent() as connection:
            found = self._contents.known(connection, named)
            if not self.lift_purged:
                purged = PurgedMail(connection, self._mailbox_id)
                self._any_purged |= purged.any
                found.update(message for message in named if message not in found and purged.has(*message))
        return found

    def kept(self, remote_ids: Collection[RemoteId]) -> Set[RemoteId]:
        asked, found = [*remote_ids], set[str]()
        for start in range(0, len(asked), _PAGE):
            part = [each.value for each in asked[start : start + _PAGE]]
            question = f"{_KEPT} ({','.join('?' * len(part))})"
            with self._recent as connection:
                rows = connection.execute(question, (self._mailbox_id, self._state.generation, *part)).fetchall()
            found.update(row[0] for row in rows)
        return {each for each in asked if each.value in found}

    def begin(self) -> None:
        pack = self._pack
        # Here and not with the commit: that runs beside the reading, which may have begun a message meanwhile.
        if pack is not None and pack.end >= ROLL_BYTES and pack.committed >= pack.end:
            self._pack = None
            self._packs.give_back(pack)
        if self._pack is None:
            self._pack = self._packs.take()
        self._pack.begin()

    def write(self, chunk: bytes) -> None:
        assert self._pack is not None
        self._pack.write(chunk)

    def end(self) -> Place:
        assert self._pack is not None
        return self._pack.place()

    def discard(self) -> None:
        if self._pack is not None:
            self._pack.discard()

    def commit(self, batch: ReceivedBatch) -> Kept:
        pack, committed = self._pack, None
        written = (*(each.place for each in batch.arrivals), *(each.place for each in batch.given_up), *batch.unused)
        places = [place for place in written if place is not None]
        if places:
            assert pack is not None
            pack.sync()
            committed = max(place.offset + place.length for place in places)
        before = self._state
        try:
            try:
                kept, self._state = self._database.write_here(
                    lambda connection: mail_commit.keep(connection, before, batch, self._contents)
                )
            except mail_commit.NotKept:
                kept, self._state = self._database.write(
                    lambda connection: mail_commit.keep_the_rest(connection, before, batch, self._contents)
                )
        except BaseException:
            if pack is not None:
                # Whether it was committed is for the database to say, when the pack is opened again.
                self._packs.give_up(pack)
                self._pack = None
            raise
        finally:
            # Also where it was kept and could not be told any more.
            self._recent.stale = True
        if pack is not None and committed is not None:
            pack.committed = committed
        return kept

    def release(self) -> None:
        """Give the pack back, without what was not committed."""
        self._recent.leave()
        pack, self._pack = self._pack, None
        if pack is not None:
            self._packs.give_back(pack)


def read_state(connection: sqlite3.Connection, mailbox_id: str) -> MailboxState:
    """As it stands now."""
    row = connection.execute(_STATE, (mailbox_id,)).fetchone()
    if row is None:
        return MailboxState(mailbox_id=mailbox_id)
    if not row["any_missing"]:
        return mail_rows.state(row, ())
    rows = connection.execute("SELECT * FROM mail_missing WHERE mailbox_id = ? ORDER BY first_seen, remote", (mailbox_id,))
    return mail_rows.state(row, _missing(rows).get(mailbox_id, ()))


def _missing(rows: Iterable[sqlite3.Row]) -> dict[str, list[MissingMessage]]:
    found: dict[str, list[MissingMessage]] = {}
    for row in rows:
        found.setdefault(row["mailbox_id"], []).append(
            MissingMessage(
                remote_id=RemoteId(row["protocol"], row["remote"]),
                attempts=row["attempts"],
                first_seen=row["first_seen"],
                reported=bool(row["reported"]),
                failure=row["failure"],
                next_at=row["next_at"],
            )
        )
    return found
