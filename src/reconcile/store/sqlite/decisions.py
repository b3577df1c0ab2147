"""Decisions on received messages in SQLite: written in the transaction that moves the cursor, read for people."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

import orjson

from reconcile.model.party import PartyRef
from reconcile.model.remote_id import RemoteId
from reconcile.model.tracking import Correlation, Decision, MailRef, Outcome, Tracking
from reconcile.ports.mail_store import Arrival
from reconcile.store.sqlite.correlation_index import index_mails, json_list
from reconcile.store.sqlite.database import Database
from reconcile.store.sqlite.many_rows import insert
from reconcile.store.tracking_text import tracking_of, tracking_text

#: Decisions on ignored messages that are remembered of one mailbox.
MOST_IGNORED: Final = 10_000
_INSERT = (
    "INSERT OR REPLACE INTO mail_decisions (mailbox_id, generation, protocol, remote, outcome, reason, facts, message_id, sender, subject,"
    " received, at, attempts, activity_id) VALUES"
)
_TRIM = (
    "DELETE FROM mail_decisions WHERE mailbox_id = ?1 AND outcome = 'ignored' AND id <= (SELECT id FROM mail_decisions"
    " WHERE mailbox_id = ?1 AND outcome = 'ignored' ORDER BY id DESC LIMIT 1 OFFSET ?2)"
)


def keep_decisions(
    connection: sqlite3.Connection,
    generation: int,
    decided: Sequence[Decision],
    kept: Sequence[tuple[Arrival, int]],
    mailbox_id: str,
    *,
    revised: bool,
) -> None:
    """`kept` are arrivals with the activity they became or were already; `revised`: something was decided about the mailbox before."""
    if revised and kept:
        # What was ignored once may be tracked when everything is read again.
        connection.executemany(
            "DELETE FROM mail_decisions WHERE mailbox_id = ? AND generation = ? AND remote = ?",
            [(mailbox_id, generation, arrival.remote_id.value) for arrival, _ in kept],
        )
    clues = [(MailRef(kind="email", id=number), arrival.clues) for arrival, number in kept if arrival.clues is not None]
    if clues:
        index_mails(connection, clues)
    rows = [_row(decision, generation, None) for decision in decided]
    rows += [_row(arrival.decision, generation, number) for arrival, number in kept if arrival.decision is not None]
    insert(connection, _INSERT, rows)
    if decided:
        connection.execute(_TRIM, (mailbox_id, MOST_IGNORED))
    tracked = [
        (number, arrival.tracking, [item.queue for item in arrival.more_queue_items])
        for arrival, number in kept
        if arrival.tracking is not None
    ]
    if tracked:
        _keep_trackings(connection, tracked)


def _row(decision: Decision, generation: int, activity_id: int | None) -> tuple[object, ...]:
    return (
        decision.mailbox_id,
        generation,
        decision.remote_id.protocol,
        decision.remote_id.value,
        str(decision.outcome),
        decision.reason,
        orjson.dumps(decision.facts).decode(),
        decision.message_id,
        decision.sender,
        decision.subject,
        decision.received,
        decision.at,
        decision.attempts,
        activity_id,
    )


def _keep_trackings(connection: sqlite3.Connection, tracked: Sequence[tuple[int, Tracking, Sequence[PartyRef]]]) -> None:
    """(activity, tracking, queues that are added where it has one already) of a batch."""
    numbers = orjson.dumps([number for number, _, _ in tracked]).decode()
    known = {
        row[0]: tracking_of(row[1])
        for row in connection.execute(
            "SELECT activity_id, tracking FROM mail_tracking WHERE activity_id IN (SELECT value FROM json_each(?))", (numbers,)
        )
    }
    written: dict[int, Tracking] = {}
    for number, tracking, more in tracked:
        before = written.get(number) or known.get(number)
        if before is None:
            written[number] = tracking
            continue
        # Another mailbox brings it once more: the first one decided, and queues may be added.
        after = replace(before, queue_items=tuple(dict.fromkeys((*before.queue_items, *more))))
        if after != before:
            written[number] = after
    answered = _answered(connection, written.values())
    rows = []
    for number, tracking in written.items():
        how = tracking.correlation
        if how is not None and how.correlated.id == 0:
            tracking = replace(tracking, correlation=_settled(how, number, answered.get(how.message_id, ())))
        rows.append((number, tracking_text(tracking)))
    insert(connection, "INSERT OR REPLACE INTO mail_tracking VALUES", rows)


def _answered(connection: sqlite3.Connection, trackings: Iterable[Tracking]) -> dict[str, list[int]]:
    """The first two e-mails of each Message-ID that is only known by its text so far."""
    names = {how.message_id for one in trackings if (how := one.correlation) is not None and how.correlated.id == 0 and how.message_id}
    if not names:
        return {}
    found: dict[str, list[int]] = {}
    for row in connection.execute(
        "SELECT asked.value, (SELECT min(id) FROM mail_activities WHERE message_id = asked.value AND message_id <> ''),"
        " (SELECT id FROM mail_activities WHERE message_id = asked.value AND message_id <> '' ORDER BY id LIMIT 1 OFFSET 1)"
        " FROM json_each(?) AS asked",
        (json_list(names),),
    ):
        found[row[0]] = [number for number in (row[1], row[2]) if number is not None]
    return found


def _settled(how: Correlation, number: int, answered: Sequence[int]) -> Correlation | None:
    """With the number that the mail got which it answers; it does not answer itself."""
    first = next((one for one in answered if one != number), None)
    if first is None:
        return None
    mail = MailRef(kind="email", id=first)
    return replace(how, correlated=mail, parent=mail if how.parent else None)


class SqliteDecisions:
    """See `DecisionReader`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of_activity(self, activity_id: int) -> Sequence[Decision]:
        return self._read("activity_id = ? ORDER BY id", activity_id)

    def of_message_id(self, message_id: str) -> Sequence[Decision]:
        return self._read("message_id = ? AND message_id <> '' ORDER BY id DESC LIMIT 100", message_id)

    def of_place(self, mailbox_id: str, remote: str) -> Sequence[Decision]:
        return self._read("mailbox_id = ? AND remote = ? ORDER BY generation DESC", mailbox_id, remote)

    def placed(self, mailbox_id: str, remote: str) -> Sequence[tuple[int, RemoteId, int]]:
        rows = self._database.reader().execute(
            "SELECT location.generation, location.remote, location.activity_id, state.cursor_protocol FROM mail_locations AS location"
            " LEFT JOIN mail_mailboxes AS state USING (mailbox_id) WHERE location.mailbox_id = ? AND location.remote = ?"
            " ORDER BY location.generation DESC",
            (mailbox_id, remote),
        )
        return [(row[0], RemoteId(row[3] or "", row[1]), row[2]) for row in rows]

    def tracking(self, activity_id: int) -> Tracking | None:
        row = self._database.reader().execute("SELECT tracking FROM mail_tracking WHERE activity_id = ?", (activity_id,)).fetchone()
        return tracking_of(row[0]) if row else None

    def _read(self, where: str, *values: object) -> list[Decision]:
        return [decision(row) for row in self._database.reader().execute(f"SELECT * FROM mail_decisions WHERE {where}", values)]


def decision(row: sqlite3.Row) -> Decision:
    """Of a row of mail_decisions."""
    return Decision(
        mailbox_id=row["mailbox_id"],
        generation=row["generation"],
        remote_id=RemoteId(row["protocol"], row["remote"]),
        outcome=Outcome(row["outcome"]),
        reason=row["reason"],
        facts=tuple((name, text) for name, text in orjson.loads(row["facts"])),
        message_id=row["message_id"],
        sender=row["sender"],
        subject=row["subject"],
        received=row["received"],
        at=row["at"],
        attempts=row["attempts"],
        activity_id=row["activity_id"],
    )
