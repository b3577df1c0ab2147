"""A move of a mail whose state the caller knows: conditional statements in place of reading it back.

Whatever is not as the caller knows it is left to the general way (`Unexpected`); the transaction is taken back.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from datetime import datetime

from reconcile.model.outbox_step import Begin, Claim, GiveBack, Reserve, Settle, Step, advanced
from reconcile.model.outgoing import OutboxEntry
from reconcile.ports.outbox_store import Move
from reconcile.store.sqlite.outbox_text import text, text_or_none

_MOVE = (
    "UPDATE outbox SET state = ?, attempts = ?, next_try_at = ?, reason = ?, owner = ?, tried_since = ?, copy = ?, copy_tries = ?,"
    " copy_next_at = ?, copy_note = ? WHERE id = ? AND state = ? AND owner = ? AND attempts = ? AND next_try_at IS ? AND tried_since IS ?"
    " AND postponed_until IS ? AND copy = ?"
)
_RECIPIENT = "UPDATE outbox_recipient SET state = ?, reason = ? WHERE entry = ? AND position = ? AND state = ?"
_EVENT = "INSERT INTO outbox_event SELECT ?1, coalesce(max(sequence), 0) + 1, ?2, ?3, ?4, ?5 FROM outbox_event WHERE entry = ?1"


class Unexpected(Exception):
    """The mail is not as the caller knows it, or this needs a look at what else there is."""


def followed(connection: sqlite3.Connection, move: Move, count: Callable[[sqlite3.Connection, Step, datetime], None]) -> OutboxEntry:
    """The mail after the move. `count` counts a message of an account, or refuses it. Raises Unexpected, and what `advanced` raises."""
    known = before = move.known
    at = text(move.at)
    told: list[tuple[int, str, str, str, str]] = []
    for step in move.steps:
        # Of these, only the claim asks whether somebody else lives who holds the mail.
        if not isinstance(step, (Claim, Reserve, Begin, GiveBack, Settle)) or (isinstance(step, Claim) and before.owner):
            raise Unexpected
        done = advanced(before, step, at=move.at, owner_is_live=True)
        count(connection, step, move.at)
        if done.why is not None:
            told.append((known.id, at, before.state.value, done.entry.state.value, done.why))
        before = done.entry
    after, folder = before, before.sent_folder
    changed = connection.execute(
        _MOVE,
        (
            after.state.value,
            after.attempts,
            text_or_none(after.next_try_at),
            after.reason,
            after.owner,
            text_or_none(after.tried_since),
            folder.copy.value,
            folder.tries,
            text_or_none(folder.next_at),
            folder.note,
            known.id,
            known.state.value,
            known.owner,
            known.attempts,
            text_or_none(known.next_try_at),
            text_or_none(known.tried_since),
            text_or_none(known.postponed_until),
            known.sent_folder.copy.value,
        ),
    ).rowcount
    if changed != 1:
        raise Unexpected
    for position, (old, new) in enumerate(zip(known.recipients, after.recipients, strict=True)):
        if old is not new and old != new:
            values = (new.state.value, new.reason, known.id, position, old.state.value)
            if connection.execute(_RECIPIENT, values).rowcount != 1:
                raise Unexpected
    for one in told:
        connection.execute(_EVENT, one)
    return after
