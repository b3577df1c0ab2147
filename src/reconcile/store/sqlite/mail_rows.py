"""Rows of received mail as values, and back."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

import orjson

from reconcile.model.activity import Activity
from reconcile.model.activity_details import UNEDITED, ActivityDetails, ActivityState, Regarding
from reconcile.model.cursor import Cursor
from reconcile.model.mailbox_state import MailboxState, MissingMessage
from reconcile.model.message import MessageHeader, Party
from reconcile.model.party import PartyRef, PartyType
from reconcile.model.queue_item import QueueItem, QueueItemReason
from reconcile.ports.mail_store import Arrival
from reconcile.store.tracking_text import tracking_of

#: See `many_rows.insert`.
INSERT_ACTIVITY = (
    "INSERT INTO mail_activities (id, mailbox_id, message_id, content, raw, received, tracked_at, sent, subject, sender_address,"
    " sender_name, parties,"
    " in_reply_to, refs, defects, conflicting, size, header_length, pack, offset) VALUES"
)


#: What `activity` reads.
SELECT_ACTIVITY = (
    "SELECT mail_activities.*, details.version, details.regarding_type, details.regarding_id, details.regarding_name, details.owner,"
    " details.state, details.categories, details.note, details.edited_at, details.edited_by,"
    " (SELECT json_group_array(json_array(id, queue_id, queue_name, why, at)) FROM"
    " (SELECT * FROM queue_items WHERE activity_id = mail_activities.id ORDER BY id)) AS queue_items,"
    " (SELECT tracking FROM mail_tracking WHERE activity_id = mail_activities.id) AS tracking"
    " FROM mail_activities LEFT JOIN activity_details AS details ON details.activity_id = mail_activities.id"
)


def _pairs(parties: Sequence[Party]) -> list[tuple[str, str]]:
    return [(party.address, party.name) for party in parties]


def activity_row(number: int, mailbox_id: str, arrival: Arrival, *, conflicting: bool, at: str) -> tuple[object, ...]:
    """Values for INSERT_ACTIVITY."""
    header, place = arrival.header, arrival.place
    assert place is not None
    sender = header.sender
    groups = {
        name: _pairs(parties)
        for name, parties in (("to", header.to), ("cc", header.cc), ("bcc", header.bcc), ("replyTo", header.reply_to))
        if parties
    }
    return (
        number,
        mailbox_id,
        header.message_id,
        arrival.content,
        arrival.raw,
        arrival.received,
        at,
        header.sent,
        header.subject,
        sender.address if sender else "",
        sender.name if sender else "",
        orjson.dumps(groups).decode(),
        header.in_reply_to,
        orjson.dumps(header.references).decode() if header.references else "[]",
        orjson.dumps(header.defects).decode() if header.defects else "[]",
        int(conflicting),
        arrival.size,
        arrival.header_length,
        place.pack,
        place.offset,
    )


def activity(row: sqlite3.Row, mailboxes: Sequence[str]) -> Activity:
    groups = orjson.loads(row["parties"])

    def parties(name: str) -> tuple[Party, ...]:
        return tuple(Party(address, display) for address, display in groups.get(name, ()))

    sender = Party(row["sender_address"], row["sender_name"]) if row["sender_address"] or row["sender_name"] else None
    return Activity(
        id=row["id"],
        mailbox_id=row["mailbox_id"],
        mailboxes=tuple(mailboxes),
        received=row["received"],
        tracked_at=row["tracked_at"],
        size=row["size"],
        raw_digest=bytes(row["raw"]).hex(),
        conflicting=bool(row["conflicting"]),
        details=details(row),
        tracking=tracking_of(row["tracking"]) if row["tracking"] else None,
        queue_items=tuple(_queue_item(row["id"], *item) for item in orjson.loads(row["queue_items"])),
        header=MessageHeader(
            message_id=row["message_id"],
            subject=row["subject"],
            sender=sender,
            to=parties("to"),
            cc=parties("cc"),
            bcc=parties("bcc"),
            reply_to=parties("replyTo"),
            sent=row["sent"],
            in_reply_to=row["in_reply_to"],
            references=tuple(orjson.loads(row["refs"])),
            defects=tuple(orjson.loads(row["defects"])),
        ),
    )


def _queue_item(activity_id: int, id_: int, queue_id: str, queue_name: str, why: str, at: str) -> QueueItem:
    queue = PartyRef(type=PartyType.QUEUE, id=queue_id, name=queue_name)
    return QueueItem(id=id_, activity_id=activity_id, queue=queue, why=QueueItemReason(why), at=at)


def details(row: sqlite3.Row) -> ActivityDetails:
    """Of a row of `activity_details`, or of one that has no such row beside it."""
    if row["version"] is None:
        return UNEDITED
    about = Regarding(type=row["regarding_type"], id=row["regarding_id"], name=row["regarding_name"]) if row["regarding_id"] else None
    return ActivityDetails(
        version=row["version"],
        regarding=about,
        owner=row["owner"],
        state=ActivityState(row["state"]),
        categories=tuple(orjson.loads(row["categories"])),
        note=row["note"],
        edited_at=row["edited_at"],
        edited_by=row["edited_by"],
    )


def state(found: sqlite3.Row, missing: Sequence[MissingMessage]) -> MailboxState:
    # A Row looks for each name through all of them.
    row = dict(zip(found.keys(), found, strict=True))
    return MailboxState(
        mailbox_id=row["mailbox_id"],
        generation=row["generation"],
        cursor=Cursor(row["cursor_protocol"], row["cursor"]) if row["cursor"] else None,
        floor=row["floor"],
        tracked=row["tracked"],
        duplicates=row["duplicates"],
        ignored=row["ignored"],
        conflicting=row["conflicting"],
        vanished=row["vanished"],
        decided=row["decided"],
        server_messages=row["server_messages"],
        last_attempt=row["last_attempt"],
        last_success=row["last_success"],
        failures=row["failures"],
        error_kind=row["error_kind"],
        error=row["error"],
        hint=row["hint"],
        permanent=bool(row["permanent"]),
        retry_after=row["retry_after"],
        fingerprint=row["fingerprint"],
        about=row["about"],
        counted_at=row["counted_at"],
        breaks=row["breaks"],
        looks=row["looks"],
        transient_failures=row["transient_failures"],
        last_news=row["last_news"],
        stuck_since=row["stuck_since"],
        missing=tuple(missing),
        latest=row["latest"],
        lacking=tuple(orjson.loads(row["lacking"])),
    )
