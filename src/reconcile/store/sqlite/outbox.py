"""The outbox in the environment's SQLite file."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

from reconcile.errors import PreconditionFailed, ReconcileError, Throttled, UserError
from reconcile.model.activity_details import Regarding
from reconcile.model.mail_clues import MailClues
from reconcile.model.outbox_step import Step, advanced, wants_copy
from reconcile.model.outgoing import Field, OutboxEntry, OutboxEvent, OutgoingState, Recipient, RecipientState
from reconcile.model.sent_folder import CopyState, SentFolder
from reconcile.ports.outbox_store import LONGEST_LEASE, Added, AddOutcome, Move, NewMail, TokenNumbers
from reconcile.store.purge_mark import outgoing_mark
from reconcile.store.sqlite.correlation_index import index_outgoing
from reconcile.store.sqlite.database import Database, translated
from reconcile.store.sqlite.handed_over import count, newest, tidy
from reconcile.store.sqlite.outbox_move import Unexpected, followed
from reconcile.store.sqlite.outbox_text import text as _text
from reconcile.store.sqlite.outbox_text import text_or_none as _text_or_none
from reconcile.store.sqlite.purged import salt_of

_LIVE = "SELECT owner FROM outbox_lease WHERE until > :at AND until <= :longest"
_DUE = (
    "SELECT * FROM outbox WHERE state = 'pending-send' AND (next_try_at IS NULL OR next_try_at <= :at)"
    " AND (postponed_until IS NULL OR postponed_until <= :at)"
    f" AND owner NOT IN ({_LIVE}) ORDER BY id"
)
_ORPHANS = f"SELECT * FROM outbox WHERE state = 'sending' AND owner NOT IN ({_LIVE}) ORDER BY id"
_COPIES = "SELECT * FROM outbox WHERE copy = 'wanted' AND (copy_next_at IS NULL OR copy_next_at <= :at) ORDER BY id"
_COLUMNS = (
    "message_id, client_key, request, mailbox_id, mailbox_name, sender, subject, size, added_at, state, attempts, next_try_at, reason,"
    " owner, tried_since, postponed_until, tracking_token, submitter_id, submitter_name, regarding_type, regarding_id, regarding_name,"
    " copy, copy_tries, copy_next_at, copy_note"
)
_ADD = f"INSERT INTO outbox ({_COLUMNS}) VALUES ({', '.join('?' * len(_COLUMNS.split(',')))})"
_ADVANCE = (
    "UPDATE outbox SET state = ?, attempts = ?, next_try_at = ?, reason = ?, owner = ?, tried_since = ?, postponed_until = ?,"
    " copy = ?, copy_tries = ?, copy_next_at = ?, copy_note = ?, restored_from = ? WHERE id = ?"
)
#: Mails whose recipients are read with one statement.
_MANY = 500


class SqliteOutbox:
    """See `OutboxStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def entries(
        self, *, states: Collection[OutgoingState] = (), mailbox_id: str = "", limit: int = 0, next_after: datetime | None = None
    ) -> Sequence[OutboxEntry]:
        conditions, values = ["1"], list[str | int]()
        if states:
            conditions.append(f"state IN ({', '.join('?' * len(states))})")
            values += [str(state) for state in states]
        if mailbox_id:
            conditions.append("mailbox_id = ?")
            values.append(mailbox_id)
        if next_after is not None:
            conditions.append("next_try_at > ?")
            values.append(_text(next_after))
        values.append(limit or -1)
        # Only placeholders are put together here, no values.
        return self._select(f"SELECT * FROM outbox WHERE {' AND '.join(conditions)} ORDER BY id LIMIT ?", values)

    def entry(self, entry_id: int) -> OutboxEntry | None:
        found = self._select("SELECT * FROM outbox WHERE id = ?", (entry_id,))
        return found[0] if found else None

    def keyed(self, client_keys: Collection[str]) -> Mapping[str, OutboxEntry]:
        with self._database.snapshot() as connection:
            found = [connection.execute("SELECT * FROM outbox WHERE client_key = ?", (key,)).fetchone() for key in client_keys]
            return {entry.client_key: entry for entry in read(connection, [row for row in found if row is not None])}

    def events(self, entry_id: int) -> Sequence[OutboxEvent]:
        with translated(self._database.path):
            rows = self._database.reader().execute("SELECT * FROM outbox_event WHERE entry = ? ORDER BY sequence", (entry_id,)).fetchall()
        return [event(row) for row in rows]

    def content(self, entry_id: int) -> bytes:
        with translated(self._database.path):
            row = self._database.reader().execute("SELECT content FROM outbox_content WHERE entry = ?", (entry_id,)).fetchone()
        if row is None:
            raise _missing(entry_id)
        content: bytes = row["content"]
        return content

    def contents(self, entry_ids: Sequence[int], *, octets: int) -> Mapping[int, bytes]:
        found: dict[int, bytes] = {}
        with self._database.snapshot() as connection:
            for number in entry_ids:
                row = connection.execute("SELECT content FROM outbox_content WHERE entry = ?", (number,)).fetchone()
                if row is not None:
                    found[number] = row["content"]
                    octets -= len(row["content"])
                if octets <= 0:
                    break
        return found

    def add(self, entry: OutboxEntry, content: bytes, clues: MailClues | None = None) -> Added:
        return self._database.write(lambda connection: _added(connection, NewMail(entry=entry, content=content, clues=clues)))

    def add_all(self, mails: Sequence[NewMail]) -> Sequence[AddOutcome]:
        # Works that wait at the same time share a commit.
        futures = [self._database.submit(partial(_add, mail=mail)) for mail in mails]
        return [future.result() for future in futures]

    def due(self, *, at: datetime) -> Sequence[OutboxEntry]:
        return self._select(_DUE, _moments(at))

    def advance(self, entry_id: int, step: Step, *more: Step, at: datetime) -> OutboxEntry:
        return self._database.write(lambda connection: _advanced(connection, entry_id, (step, *more), at))

    def follow(self, moves: Sequence[Move]) -> list[OutboxEntry | ReconcileError]:
        with suppress(Unexpected, PreconditionFailed, UserError, Throttled):
            return self._database.write_here(lambda connection: [followed(connection, move, count) for move in moves])
        works = [partial(_advanced, entry_id=move.known.id, steps=move.steps, at=move.at) for move in moves]
        return [_outcome(future) for future in [self._database.submit(work) for work in works]]

    def count_tokens(self, wanted: Mapping[str, int]) -> Mapping[str, TokenNumbers]:
        return self._database.write(lambda connection: _count_tokens(connection, wanted))

    def handed_over(self, account: str, number: int) -> datetime | None:
        with translated(self._database.path):
            return newest(self._database.reader(), account, number)

    def copies_due(self, *, at: datetime) -> Sequence[OutboxEntry]:
        return [entry for entry in self._select(_COPIES, {"at": _text(at)}) if wants_copy(entry)]

    def hold_lease(self, owner: str, *, until: datetime) -> None:
        self._database.write(lambda connection: _lease(connection, owner, until))

    def end_lease(self, owner: str) -> None:
        self._database.write(lambda connection: connection.execute("DELETE FROM outbox_lease WHERE owner = ?", (owner,)) and None)

    def orphans(self, *, at: datetime) -> Sequence[OutboxEntry]:
        return self._select(_ORPHANS, _moments(at))

    def _select(self, statement: str, values: object) -> list[OutboxEntry]:
        with self._database.snapshot() as connection:
            return read(connection, connection.execute(statement, values))  # type: ignore[arg-type]


def _outcome(future: Future[OutboxEntry]) -> OutboxEntry | ReconcileError:
    try:
        return future.result()
    except (PreconditionFailed, UserError, Throttled) as error:
        return error


def _add(connection: sqlite3.Connection, *, mail: NewMail) -> AddOutcome:
    try:
        return _added(connection, mail)
    except UserError as error:
        return error


def _added(connection: sqlite3.Connection, mail: NewMail) -> Added:
    entry, content = mail.entry, mail.content
    if entry.client_key:
        known = read(connection, connection.execute("SELECT * FROM outbox WHERE client_key = ?", (entry.client_key,)))
        if known and known[0].request != entry.request:
            raise UserError(
                f"the key {entry.client_key!r} was used for another mail, {known[0].id}", hint="Give each mail a key of its own."
            )
        if known:
            return Added(entry=known[0], existed=True)
    _refuse_purged(connection, entry)
    twin = connection.execute("SELECT id FROM outbox WHERE message_id = ?", (entry.message_id,)).fetchone()
    if twin is not None:
        raise UserError(
            f"Message-ID {entry.message_id} is already in the outbox as mail {twin['id']}", hint="It would go out a second time."
        )
    about = entry.regarding
    number = connection.execute(
        _ADD,
        (
            entry.message_id,
            entry.client_key or None,
            entry.request,
            entry.mailbox_id,
            entry.mailbox_name,
            entry.sender,
            entry.subject,
            entry.size,
            _text(entry.added_at),
            str(entry.state),
            entry.attempts,
            _text_or_none(entry.next_try_at),
            entry.reason,
            entry.owner,
            _text_or_none(entry.tried_since),
            _text_or_none(entry.postponed_until),
            entry.tracking_token,
            entry.submitter_id,
            entry.submitter_name,
            about.type if about else "",
            about.id if about else "",
            about.name if about else "",
            *_folder(entry.sent_folder),
        ),
    ).lastrowid
    assert number is not None
    connection.execute("INSERT INTO outbox_content VALUES (?, ?)", (number, content))
    connection.executemany(
        "INSERT INTO outbox_recipient VALUES (?, ?, ?, ?, ?, ?)",
        (
            (number, position, recipient.address, str(recipient.field), str(recipient.state), recipient.reason)
            for position, recipient in enumerate(entry.recipients)
        ),
    )
    connection.execute("INSERT INTO outbox_event VALUES (?, 1, ?, NULL, ?, 'added')", (number, _text(entry.added_at), str(entry.state)))
    if mail.clues is not None:
        index_outgoing(connection, number, mail.clues)
    return Added(entry=replace(entry, id=number), existed=False)


def _refuse_purged(connection: sqlite3.Connection, entry: OutboxEntry) -> None:
    salt = salt_of(connection)
    names = [("id", entry.message_id), *([("key", entry.client_key)] if entry.client_key else [])]
    for kind, name in names:
        if connection.execute("SELECT 1 FROM outbox_purged WHERE mark = ?", (outgoing_mark(salt, kind, name),)).fetchone():
            raise UserError(
                f"{'the key' if kind == 'key' else 'Message-ID'} {name} is that of a mail that was settled and purged since",
                hint="It would go out a second time. Give a new mail a key of its own.",
            )


def _advanced(connection: sqlite3.Connection, entry_id: int, steps: Sequence[Step], at: datetime) -> OutboxEntry:
    found = read(connection, connection.execute("SELECT * FROM outbox WHERE id = ?", (entry_id,)))
    if not found:
        raise _missing(entry_id)
    first = before = found[0]
    told: list[tuple[int, str, str, str, str, int]] = []
    for step in steps:
        done = advanced(before, step, at=at, owner_is_live=bool(before.owner) and _is_live(connection, before.owner, at))
        count(connection, step, at)
        if done.why is not None:
            told.append((entry_id, _text(at), str(before.state), str(done.entry.state), done.why, entry_id))
        before = done.entry
    after = before
    connection.execute(
        _ADVANCE,
        (
            str(after.state),
            after.attempts,
            _text_or_none(after.next_try_at),
            after.reason,
            after.owner,
            _text_or_none(after.tried_since),
            _text_or_none(after.postponed_until),
            *_folder(after.sent_folder),
            _text_or_none(after.restored_from),
            entry_id,
        ),
    )
    for position, (old, new) in enumerate(zip(first.recipients, after.recipients, strict=True)):
        if old != new:
            connection.execute(
                "UPDATE outbox_recipient SET state = ?, reason = ? WHERE entry = ? AND position = ?",
                (str(new.state), new.reason, entry_id, position),
            )
    for one in told:
        connection.execute(
            "INSERT INTO outbox_event SELECT ?, coalesce(max(sequence), 0) + 1, ?, ?, ?, ? FROM outbox_event WHERE entry = ?", one
        )
    return after


def _is_live(connection: sqlite3.Connection, owner: str, at: datetime) -> bool:
    return connection.execute(f"{_LIVE} AND owner = :owner", {**_moments(at), "owner": owner}).fetchone() is not None


def _moments(at: datetime) -> dict[str, str]:
    return {"at": _text(at), "longest": _text(at + LONGEST_LEASE)}


def _count_tokens(connection: sqlite3.Connection, wanted: Mapping[str, int]) -> dict[str, TokenNumbers]:
    found = {}
    for mailbox_id, number in wanted.items():
        row = connection.execute(
            "INSERT INTO outbox_token_number SELECT ?1, coalesce(max(ordinal), 0) + 1, ?2 FROM outbox_token_number WHERE true"
            " ON CONFLICT (mailbox_id) DO UPDATE SET counted = counted + ?2 RETURNING ordinal, counted",
            (mailbox_id, number),
        ).fetchone()
        found[mailbox_id] = TokenNumbers(ordinal=row["ordinal"], first=row["counted"] - number + 1)
    return found


def advance_all(connection: sqlite3.Connection, states: Sequence[str], step: Step, at: datetime) -> int:
    """Take a step with every mail in one of these states, inside the caller's transaction; answers how many there were."""
    marks = ", ".join("?" * len(states))
    numbers = [row[0] for row in connection.execute(f"SELECT id FROM outbox WHERE state IN ({marks}) ORDER BY id", tuple(states))]
    for number in numbers:
        _advanced(connection, number, (step,), at)
    return len(numbers)


def _lease(connection: sqlite3.Connection, owner: str, until: datetime) -> None:
    # What dead runs left behind for a day means nothing any more, and each kill would add a row for ever.
    connection.execute("DELETE FROM outbox_lease WHERE until < ?", (_text(until - timedelta(days=1)),))
    tidy(connection, until)
    connection.execute(
        "INSERT INTO outbox_lease VALUES (?, ?) ON CONFLICT (owner) DO UPDATE SET until = excluded.until", (owner, _text(until))
    )


def event(row: sqlite3.Row) -> OutboxEvent:
    """Of a row of `outbox_event`."""
    return OutboxEvent(
        entry=row["entry"],
        sequence=row["sequence"],
        at=_moment(row["at"]),
        origin=OutgoingState(row["from_state"]) if row["from_state"] is not None else None,
        state=OutgoingState(row["to_state"]),
        why=row["why"],
    )


def read(connection: sqlite3.Connection, rows: Iterable[sqlite3.Row]) -> list[OutboxEntry]:
    """Of rows of `outbox`, with their recipients."""
    found = list(rows)
    recipients: dict[int, list[sqlite3.Row]] = {row["id"]: [] for row in found}
    for start in range(0, len(found), _MANY):
        numbers = [row["id"] for row in found[start : start + _MANY]]
        marks = ", ".join("?" * len(numbers))
        for one in connection.execute(f"SELECT * FROM outbox_recipient WHERE entry IN ({marks}) ORDER BY entry, position", numbers):
            recipients[one["entry"]].append(one)
    return [_entry(row, recipients[row["id"]]) for row in found]


def _entry(row: sqlite3.Row, recipients: Iterable[sqlite3.Row]) -> OutboxEntry:
    return OutboxEntry(
        id=row["id"],
        message_id=row["message_id"],
        client_key=row["client_key"] or "",
        request=row["request"],
        mailbox_id=row["mailbox_id"],
        mailbox_name=row["mailbox_name"],
        sender=row["sender"],
        recipients=tuple(
            Recipient(address=one["address"], field=Field(one["field"]), state=RecipientState(one["state"]), reason=one["reason"])
            for one in recipients
        ),
        subject=row["subject"],
        size=row["size"],
        added_at=_moment(row["added_at"]),
        state=OutgoingState(row["state"]),
        attempts=row["attempts"],
        next_try_at=_moment_or_none(row["next_try_at"]),
        reason=row["reason"],
        owner=row["owner"],
        tried_since=_moment_or_none(row["tried_since"]),
        postponed_until=_moment_or_none(row["postponed_until"]),
        tracking_token=row["tracking_token"],
        submitter_id=row["submitter_id"],
        submitter_name=row["submitter_name"],
        regarding=_regarding(row),
        restored_from=_moment_or_none(row["restored_from"]),
        sent_folder=SentFolder(
            copy=CopyState(row["copy"]),
            tries=row["copy_tries"],
            next_at=_moment_or_none(row["copy_next_at"]),
            note=row["copy_note"],
        ),
    )


def _regarding(row: sqlite3.Row) -> Regarding | None:
    if not row["regarding_id"]:
        return None
    return Regarding(type=row["regarding_type"], id=row["regarding_id"], name=row["regarding_name"])


def _folder(folder: SentFolder) -> tuple[str, int, str | None, str]:
    return str(folder.copy), folder.tries, _text_or_none(folder.next_at), folder.note


def _missing(entry_id: int) -> UserError:
    return UserError(f"there is no mail {entry_id} in the outbox", hint="See `reconcile outbox list`.")


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _moment_or_none(text: str | None) -> datetime | None:
    return None if text is None else _moment(text)
