"""Messages that could not become activities, with their bytes, in SQLite and packs."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Final

from reconcile.ports.mail_store import Unprocessed

#: Stands for "no bytes of its own": what it says is kept elsewhere already.
NO_PACK: Final = 0


def hold(connection: sqlite3.Connection, generation: int, given_up: Sequence[Unprocessed]) -> None:
    """In the transaction that passes them."""
    for each in given_up:
        decision, place = each.decision, each.place
        connection.execute(
            "INSERT OR REPLACE INTO mail_quarantine (mailbox_id, generation, protocol, remote, raw, received, at, state, pack, offset, size)"
            " VALUES (?,?,?,?,?,?,?,'held',?,?,?)",
            (
                decision.mailbox_id,
                generation,
                decision.remote_id.protocol,
                decision.remote_id.value,
                each.raw,
                decision.received,
                decision.at,
                *((place.pack, place.offset, place.length) if place is not None else (NO_PACK, 0, 0)),
            ),
        )
