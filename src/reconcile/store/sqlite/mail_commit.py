"""What one batch of received mail writes, inside one transaction of the writer thread."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Sequence, Set
from dataclasses import replace
from itertools import chain

import orjson

from reconcile.errors import ReconcileError, Unavailable
from reconcile.model.mailbox_state import Attempt, MailboxState
from reconcile.model.queue_item import NewQueueItem
from reconcile.ports.mail_store import Arrival, Kept, ReceivedBatch
from reconcile.store.batch_failures import missing_after, without
from reconcile.store.sqlite.decisions import keep_decisions
from reconcile.store.sqlite.filed import file_mail, moved_here
from reconcile.store.sqlite.mail_contents import MailContents, met_names
from reconcile.store.sqlite.mail_rows import INSERT_ACTIVITY, activity_row
from reconcile.store.sqlite.many_rows import insert
from reconcile.store.sqlite.parties import add_contacts
from reconcile.store.sqlite.purged import PurgedMail
from reconcile.store.sqlite.quarantine import divided, hold, release, release_kept
from reconcile.store.sqlite.queue_items import keep_queue_items
from reconcile.store.sqlite.removals import journal_marks

_OTHER = "SELECT 1 FROM mail_activities WHERE message_id = ? AND message_id <> '' LIMIT 1"
#: The last number of an activity, and whether anything was purged, was decided about the mailbox, or is held of it. Asked for at once, for
#: the same reason: what hands the interpreter over here is waited for by all who want to write.
_ABOUT = (
    "SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'mail_activities'), 0), EXISTS (SELECT 1 FROM mail_purged),"
    " EXISTS (SELECT 1 FROM mail_decisions WHERE mailbox_id = ?1), EXISTS (SELECT 1 FROM mail_quarantine WHERE mailbox_id = ?1)"
)
#: Without a Message-ID two messages are never one, except that a re-index meets the same one again: same mailbox, same bytes, same
#: date, and not yet found again in this generation.
_NAMELESS = (
    "SELECT old.activity_id FROM mail_locations AS old WHERE old.mailbox_id = ? AND old.raw = ? AND old.nameless = 1 AND old.received = ?"
    " AND old.generation < ? AND NOT EXISTS (SELECT 1 FROM mail_locations AS new WHERE new.activity_id = old.activity_id"
    " AND new.mailbox_id = old.mailbox_id AND new.generation = ?) ORDER BY old.activity_id"
)

_STATE_COLUMNS = (
    "generation, cursor_protocol, cursor, floor, tracked, duplicates, ignored, conflicting, vanished, decided, server_messages, latest"
)
_STATE = (
    f"INSERT INTO mail_mailboxes (mailbox_id, {_STATE_COLUMNS}) VALUES ({','.join('?' * 13)}) ON CONFLICT (mailbox_id) DO UPDATE SET"
    f" ({_STATE_COLUMNS}) = ({', '.join('excluded.' + column.strip() for column in _STATE_COLUMNS.split(','))})"
)


class NotKept(Exception):
    """Something of the batch is refused. The transaction is to be taken back, and `keep_the_rest` tells what it was."""


def keep(connection: sqlite3.Connection, before: MailboxState, batch: ReceivedBatch, contents: MailContents) -> tuple[Kept, MailboxState]:
    """Write the batch; returns the counts and the state after it. `contents` reads the bytes of this batch's places, too.

    Raises NotKept.
    """
    try:
        return _keep(connection, before, batch, contents)
    except (ReconcileError, sqlite3.OperationalError):
        raise
    except Exception as error:
        raise NotKept from error


def keep_the_rest(
    connection: sqlite3.Connection, before: MailboxState, batch: ReceivedBatch, contents: MailContents
) -> tuple[Kept, MailboxState]:
    """As `keep`, in another transaction; what the store cannot take becomes a failure. It is rare, and to take a batch back within its
    transaction would want a savepoint, for which SQLite copies each page that the batch changes."""
    bad = [(arrival, reason) for arrival in batch.arrivals if (reason := _refusal(connection, before, batch, arrival, contents))]
    # Refused while others were taken, before: then it is for the message, also where nothing but such messages came.
    known = {message.remote_id for message in before.missing if message.failure}
    strangers = [arrival for arrival, _ in bad if arrival.remote_id not in known]
    if not bad or (strangers and len(bad) == len(batch.arrivals) > 1) or batch.released:
        # It is not for a message that the store refuses everything; and what was given up before stays where it is.
        return _keep(connection, before, batch, contents)
    return _keep(connection, before, without(before, batch, bad), contents, lost=[arrival for arrival, _ in bad])


def _refusal(connection: sqlite3.Connection, before: MailboxState, batch: ReceivedBatch, arrival: Arrival, contents: MailContents) -> str:
    """Why this one cannot be kept; "" where it can. Nothing of it stays."""
    connection.execute("SAVEPOINT alone")
    try:
        _keep(connection, before, replace(batch, arrivals=[arrival], decisions=(), failed=(), given_up=()), contents)
    except (ReconcileError, sqlite3.OperationalError):
        raise
    except Exception as error:  # noqa: BLE001  whatever it is, it concerns this message only
        return f"{type(error).__name__}: {error}"[:500]
    finally:
        connection.execute("ROLLBACK TO alone")
        connection.execute("RELEASE alone")
    return ""


def _keep(
    connection: sqlite3.Connection, before: MailboxState, batch: ReceivedBatch, contents: MailContents, *, lost: Sequence[Arrival] = ()
) -> tuple[Kept, MailboxState]:
    generation = before.generation + 1 if batch.restart else before.generation
    mailbox_id = before.mailbox_id
    missing = {} if batch.restart else {message.remote_id: message for message in before.missing}
    activities: list[tuple[object, ...]] = []
    locations: list[tuple[object, ...]] = []
    duplicates = conflicting = 0
    freed: dict[int, int] = {}
    ends: dict[int, int] = {}
    erase: dict[int, int] = {}
    refused = 0
    number, any_purged, any_decided, any_held = connection.execute(_ABOUT, (mailbox_id,)).fetchone()
    purged = PurgedMail(connection, mailbox_id, empty=not any_purged)
    met = met_names(connection, {arrival.header.message_id for arrival in batch.arrivals} - {""})
    arrivals = contents.told(batch.arrivals, _compared(batch.arrivals, met, every=bool(any_purged)))
    if batch.lift_purged:
        purged.lift(arrivals)
    fresh: dict[tuple[str, bytes], int] = {}
    fresh_names: set[str] = set()
    taken: set[int] = set()
    kept_as: list[tuple[Arrival, int]] = []
    fresh_items: list[tuple[int, NewQueueItem]] = []
    more_items: list[tuple[int, NewQueueItem]] = []
    for arrival in arrivals:
        name = arrival.header.message_id
        if arrival.place is not None:
            ends[arrival.place.pack] = max(ends.get(arrival.place.pack, 0), arrival.place.offset + arrival.place.length)
        existing = fresh.get((name, arrival.content)) if name else None
        if existing is None and not (name and purged.has(name, arrival.content, arrival.raw)):
            existing = _existing(connection, mailbox_id, generation, arrival, taken, contents) if not name or name in met else None
        if existing is None and (purged.has(name, arrival.content, arrival.raw) if name else purged.has_nameless(arrival)):
            # Purged, and here once more: by a listing from the beginning, or in another mailbox.
            refused += 1
            if arrival.place is not None:
                erase[arrival.place.pack] = erase.get(arrival.place.pack, 0) + arrival.place.length
            continue
        if existing is not None:
            duplicates += 1
            if arrival.more_queue_items:
                more_items += [(existing, item) for item in arrival.more_queue_items]
            if arrival.place is not None:
                freed[arrival.place.pack] = freed.get(arrival.place.pack, 0) + arrival.place.length
        else:
            if arrival.place is None:
                raise Unavailable("what was kept already was purged in between", hint="The mailbox is read again by itself.")
            number += 1
            existing = number
            conflict = bool(name) and (name in fresh_names or (name in met and connection.execute(_OTHER, (name,)).fetchone() is not None))
            conflicting += conflict
            activities.append(activity_row(number, mailbox_id, arrival, conflicting=conflict, at=batch.at))
            if name:
                fresh[name, arrival.content] = number
                fresh_names.add(name)
            if arrival.queue_items:
                fresh_items += [(number, item) for item in arrival.queue_items]
        kept_as.append((arrival, existing))
        locations.append((mailbox_id, generation, arrival.remote_id.value, existing, arrival.raw, arrival.received, int(not name)))
    locations += [
        (arrival.held_for, 0, f"{mailbox_id}:{generation}:{arrival.remote_id.value}", kept_number, arrival.raw, arrival.received, 0)
        for arrival, kept_number in kept_as
        if arrival.held_for
    ]
    holding, over = divided(connection, mailbox_id, batch.given_up)
    held = {unprocessed.place for unprocessed in holding}
    for place in (*(arrival.place for arrival in lost), *batch.unused, *(unprocessed.place for unprocessed in over), *held):
        if place is not None:
            ends[place.pack] = max(ends.get(place.pack, 0), place.offset + place.length)
            if place not in held:
                freed[place.pack] = freed.get(place.pack, 0) + place.length
    keep_queue_items(connection, fresh_items, batch.at)
    insert(connection, INSERT_ACTIVITY, activities)
    keep_queue_items(connection, more_items, batch.at)
    add_contacts(connection, (arrival.contact for arrival, _ in kept_as if arrival.contact is not None), batch.at)
    insert(connection, "INSERT OR IGNORE INTO mail_locations VALUES", locations)
    file_mail(connection, mailbox_id, generation, kept_as, at=batch.at)
    decided = [*batch.decisions, *(each.decision for each in holding)]
    keep_decisions(connection, generation, decided, kept_as, mailbox_id, revised=bool(any_decided))
    hold(connection, generation, holding)
    if batch.released:
        release(connection, batch.released, at=batch.at)
    if any_held or holding:
        release_kept(connection, mailbox_id, generation, [arrival for arrival, _ in kept_as], at=batch.at)
    for action in batch.marks:
        named = [each.remote_id for each, _ in kept_as] if action.for_kept else [each.decision.remote_id for each in batch.given_up]
        journal_marks(connection, mailbox_id, generation, action, named, at=batch.at)
    for pack, end in ends.items():
        connection.execute(
            "INSERT INTO mail_packs (id, committed, free) VALUES (?1, ?2, ?3) ON CONFLICT (id) DO UPDATE SET"
            " committed = max(committed, ?2), free = free + ?3",
            (pack, end, freed.get(pack, 0)),
        )
    if erase:
        connection.executemany(
            "UPDATE mail_packs SET erase = erase + ?1, erase_since = CASE WHEN erase_since = '' THEN ?2 ELSE erase_since END WHERE id = ?3",
            [(size, batch.at, pack) for pack, size in erase.items() if size],
        )
    found = {arrival.remote_id for arrival in batch.arrivals} | {*batch.vanished, *batch.settled}
    found |= {unprocessed.decision.remote_id for unprocessed in batch.given_up}
    kept = Kept(tracked=len(activities), duplicates=duplicates, conflicting=conflicting, failed=len(batch.failed), given_up=len(holding))
    after = replace(
        before,
        generation=generation,
        cursor=batch.cursor,
        tracked=before.tracked + kept.tracked,
        duplicates=before.duplicates + duplicates,
        conflicting=before.conflicting + conflicting,
        floor=batch.floor,
        ignored=(0 if batch.recount else before.ignored) + batch.declined - batch.kept_before + refused + len(over),
        vanished=before.vanished + len(batch.vanished),
        decided=(0 if batch.recount else before.decided) + len(batch.arrivals) + batch.declined + len(batch.given_up),
        server_messages=batch.messages,
        missing=missing_after(missing, batch, found),
        latest=batch.latest or before.latest,
    )
    _write_state(connection, before, after)
    return kept, after


def _compared(arrivals: Sequence[Arrival], met: Set[str], *, every: bool) -> Set[str]:
    """Message-IDs whose contents have to be known: of kept mail, of two arrivals, or of all where one may have been purged."""
    names = [arrival.header.message_id for arrival in arrivals if arrival.header.message_id]
    if every or not names:
        return set(names)
    return met if len(set(names)) == len(names) else met | {name for name, times in Counter(names).items() if times > 1}


def _existing(
    connection: sqlite3.Connection, mailbox_id: str, generation: int, arrival: Arrival, taken: set[int], contents: MailContents
) -> int | None:
    if arrival.header.message_id:
        return contents.kept_as(connection, arrival)
    asked = (mailbox_id, arrival.raw, arrival.received, generation, generation)
    known = [int(row[0]) for row in connection.execute(_NAMELESS, asked)]
    for number in chain(known, moved_here(connection, mailbox_id, generation, arrival)):
        if number not in taken:
            taken.add(number)
            return number
    return None


def _write_state(connection: sqlite3.Connection, before: MailboxState, after: MailboxState) -> None:
    assert after.cursor is not None
    connection.execute(
        _STATE,
        (
            after.mailbox_id,
            after.generation,
            after.cursor.protocol,
            after.cursor.value,
            after.floor,
            after.tracked,
            after.duplicates,
            after.ignored,
            after.conflicting,
            after.vanished,
            after.decided,
            after.server_messages,
            after.latest,
        ),
    )
    if before.missing != after.missing:
        connection.execute("DELETE FROM mail_missing WHERE mailbox_id = ?", (after.mailbox_id,))
        connection.executemany(
            "INSERT INTO mail_missing VALUES (?,?,?,?,?,?,?,?)",
            [
                (
                    after.mailbox_id,
                    each.remote_id.protocol,
                    each.remote_id.value,
                    each.attempts,
                    each.first_seen,
                    int(each.reported),
                    each.failure,
                    each.next_at,
                )
                for each in after.missing
            ],
        )


def record(connection: sqlite3.Connection, attempts: Sequence[Attempt]) -> None:
    """How looks at mailboxes ended."""
    connection.executemany("INSERT OR IGNORE INTO mail_mailboxes (mailbox_id) VALUES (?)", [(attempt.mailbox_id,) for attempt in attempts])
    connection.executemany(
        "UPDATE mail_mailboxes SET last_attempt = ?2, fingerprint = ?3, server_messages = coalesce(?4, server_messages),"
        " error_kind = ?5, error = ?6, hint = ?7, permanent = ?8, retry_after = ?9,"
        " last_success = CASE WHEN ?5 = '' THEN ?2 ELSE last_success END, about = ?10, failures = ?11, counted_at = ?12, breaks = ?13,"
        " last_news = CASE WHEN ?14 THEN ?2 ELSE last_news END, stuck_since = ?15, looks = looks + 1,"
        " transient_failures = transient_failures + (?5 <> '' AND NOT ?8), lacking = CASE WHEN ?5 = '' THEN ?16 ELSE lacking END"
        " WHERE mailbox_id = ?1",
        [
            (
                attempt.mailbox_id,
                attempt.at,
                attempt.fingerprint,
                attempt.server_messages,
                attempt.error_kind,
                attempt.error,
                attempt.hint,
                int(attempt.permanent),
                attempt.retry_after,
                attempt.about,
                attempt.failures,
                attempt.counted_at,
                attempt.breaks,
                int(attempt.news),
                attempt.stuck_since,
                orjson.dumps(attempt.lacking).decode(),
            )
            for attempt in attempts
        ],
    )
