"""E-mail that lies in tracked folders: which folder held it last, and the record that it is about because of that."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from reconcile.model.activity_edit import Edit, decided
from reconcile.ports.mail_store import Arrival
from reconcile.store.sqlite.edits import details_of, write_details

_HELD = "SELECT folder FROM mail_filed WHERE activity_id = ? AND mailbox_id = ?"
_FILE = "INSERT INTO mail_filed VALUES (?1, ?2, ?3) ON CONFLICT (activity_id, mailbox_id) DO UPDATE SET folder = ?3"
#: A copy that lies where it lay when everything was listed before: nobody put it there since.
_LAY = "SELECT 1 FROM mail_locations WHERE activity_id = ? AND mailbox_id = ? AND generation < ? AND remote = ?"
#: A message without Message-ID that moved within its mailbox has the same bytes and date, and the folder it lies in never held it.
_MOVED = (
    "SELECT held.activity_id FROM mail_locations AS held WHERE held.mailbox_id = ?1 AND held.raw = ?2 AND held.nameless = 1"
    " AND held.received = ?3 AND held.generation = ?4 AND"
    " EXISTS (SELECT 1 FROM mail_filed AS filed WHERE filed.activity_id = held.activity_id AND filed.mailbox_id = ?1"
    "  AND (?5 = '' OR filed.folder = ?5)) = (?5 = '') ORDER BY held.activity_id"
)


def moved_here(connection: sqlite3.Connection, mailbox_id: str, generation: int, arrival: Arrival) -> list[int]:
    """Activities that a message without Message-ID may be, from another folder of its mailbox."""
    asked = (mailbox_id, arrival.raw, arrival.received, generation, arrival.folder)
    return [int(row[0]) for row in connection.execute(_MOVED, asked)]


def file_mail(connection: sqlite3.Connection, mailbox_id: str, generation: int, kept: Sequence[tuple[Arrival, int]], *, at: str) -> None:
    """Of a batch: arrivals with the activity they became or were already. The record is set by an edit, once a folder."""
    for arrival, number in kept:
        if not arrival.folder:
            continue
        held = connection.execute(_HELD, (number, mailbox_id)).fetchone()
        if held is not None and held[0] == arrival.folder:
            continue
        if held is not None and connection.execute(_LAY, (number, mailbox_id, generation, arrival.remote_id.value)).fetchone() is not None:
            continue
        connection.execute(_FILE, (number, mailbox_id, arrival.folder))
        if arrival.regarding is None:
            continue
        edit = Edit(activity_id=number, regarding=arrival.regarding)
        _, after = decided(edit, details_of(connection, number), None, at=at, by=f"folder {arrival.folder}")
        if after is not None:
            write_details(connection, number, after)
