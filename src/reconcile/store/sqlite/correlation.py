"""Finding mails by their clues in the environment's SQLite file: one statement a kind and batch. Reads only; a missing store reads as
empty."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence

import orjson

from reconcile.model.activity_details import Regarding
from reconcile.model.mail_address import comparable
from reconcile.model.tracking import MailRef, inherited, owner_of
from reconcile.model.tracking_token import comparable_token
from reconcile.ports.correlation import MOST_ALIKE, MOST_CANDIDATES, MOST_OF_A_CONVERSATION, Hashes, MailFacts
from reconcile.store.sqlite.correlation_index import json_list, mail_ref, number
from reconcile.store.sqlite.database import Database, translated
from reconcile.store.tracking_text import tracking_of

# Each look at an index ends by itself: somebody may have sent a hundred thousand mails with one Message-ID.
_BY_ID = (
    "SELECT asked.value AS name, outbox.id AS entry, (SELECT json_group_array(id) FROM (SELECT id FROM mail_activities"
    " WHERE message_id = asked.value AND message_id <> '' UNION ALL SELECT mail FROM correlation_outer WHERE message_id = asked.value"
    f" LIMIT {MOST_CANDIDATES:d})) AS activities"
    " FROM json_each(?) AS asked LEFT JOIN outbox ON outbox.message_id = asked.value"
)
_BY_TOKEN = (
    "SELECT asked.value AS name, (SELECT json_group_array(id) FROM (SELECT id FROM outbox"
    " WHERE tracking_token = asked.value COLLATE NOCASE AND tracking_token <> ''"
    f" ORDER BY id DESC LIMIT {MOST_CANDIDATES:d})) AS entries FROM json_each(?) AS asked"
)
_BY_ROOT = (
    f"SELECT position, mail FROM correlation_thread WHERE root = ? ORDER BY root, position DESC, mail DESC LIMIT {MOST_OF_A_CONVERSATION:d}"
)
_BY_KEY = (
    "SELECT asked.value AS name, (SELECT json_group_array(mail) FROM (SELECT mail FROM correlation_likeness"
    f" WHERE key = asked.value AND at >= ? ORDER BY at DESC, mail DESC LIMIT {MOST_ALIKE:d})) AS mails FROM json_each(?) AS asked"
)
_HASHES = "SELECT mail, words, people FROM json_each(?) AS asked CROSS JOIN correlation_subject ON correlation_subject.mail = asked.value"
_EMAILS = (
    "SELECT mail_activities.id, message_id, received, sender_address, parties, regarding_type, regarding_id, regarding_name, owner,"
    " version, tracking FROM json_each(?) AS asked CROSS JOIN mail_activities ON mail_activities.id = asked.value"
    " LEFT JOIN activity_details AS details ON details.activity_id = mail_activities.id"
    " LEFT JOIN mail_tracking ON mail_tracking.activity_id = mail_activities.id"
)
_OUTGOING = (
    "SELECT outbox.id, message_id, added_at, sender, regarding_type, regarding_id, regarding_name,"
    " (SELECT json_group_array(address) FROM outbox_recipient WHERE entry = outbox.id) AS recipients"
    " FROM json_each(?) AS asked CROSS JOIN outbox ON outbox.id = asked.value"
)


class SqliteCorrelation:
    """See `CorrelationLookup`."""

    def __init__(self, database: Database | None) -> None:
        self._database = database

    def by_message_id(self, message_ids: Collection[str]) -> Mapping[str, Sequence[MailRef]]:
        found: dict[str, Sequence[MailRef]] = {}
        for row in self._rows(_BY_ID, json_list(message_ids)):
            emails = sorted(orjson.loads(row["activities"]), reverse=True)
            mails = [
                *([MailRef(kind="outbox", id=row["entry"])] if row["entry"] else []),
                *(MailRef(kind="email", id=one) for one in emails),
            ]
            # json_each ends a text at a NUL, so the answer may be to something that nobody asked.
            if mails and row["name"] in message_ids:
                found[row["name"]] = mails
        return found

    def by_token(self, tokens: Collection[str]) -> Mapping[str, Sequence[MailRef]]:
        rows = self._rows(_BY_TOKEN, json_list(tokens))
        found = {row["name"]: [MailRef(kind="outbox", id=one) for one in orjson.loads(row["entries"])] for row in rows}
        return {comparable_token(name): sorted(mails, key=lambda one: -one.id) for name, mails in found.items() if mails and name in tokens}

    def by_conversation(self, roots: Collection[bytes]) -> Mapping[bytes, Sequence[tuple[bytes, MailRef]]]:
        if self._database is None or not roots:
            return {}
        found: dict[bytes, list[tuple[bytes, MailRef]]] = {}
        # JSON has no octets, so each conversation is a statement of its own; they share one snapshot.
        with self._database.snapshot() as connection:
            for root in roots:
                rows = connection.execute(_BY_ROOT, (root,)).fetchall()
                if rows:
                    members = [(bytes(row["position"]), mail_ref(row["mail"])) for row in rows]
                    found[root] = sorted(members, key=lambda one: len(one[0]), reverse=True)
        return found

    def by_likeness(self, keys: Collection[int], *, since: str) -> Mapping[int, Sequence[MailRef]]:
        found = {row["name"]: orjson.loads(row["mails"]) for row in self._rows(_BY_KEY, since, json_list(keys))}
        return {key: [mail_ref(one) for one in mails] for key, mails in found.items() if mails}

    def hashes(self, mails: Collection[MailRef]) -> Mapping[MailRef, Hashes]:
        rows = self._rows(_HASHES, json_list([number(mail) for mail in mails]))
        return {
            mail_ref(row["mail"]): Hashes(frozenset(orjson.loads(row["words"])), frozenset(orjson.loads(row["people"]))) for row in rows
        }

    def facts(self, mails: Collection[MailRef]) -> Mapping[MailRef, MailFacts]:
        asked: dict[str, list[int]] = defaultdict(list)
        for mail in mails:
            asked[mail.kind].append(mail.id)
        found = {MailRef(kind="email", id=row["id"]): _of_email(row) for row in self._rows(_EMAILS, json_list(asked["email"]))}
        found |= {MailRef(kind="outbox", id=row["id"]): _of_outgoing(row) for row in self._rows(_OUTGOING, json_list(asked["outbox"]))}
        return found

    def _rows(self, statement: str, *values: str) -> Sequence[sqlite3.Row]:
        if self._database is None or values[-1] == "[]":
            return ()
        with translated(self._database.path), self._database.lent() as connection:
            return connection.execute(statement, values).fetchall()


def _of_email(row: sqlite3.Row) -> MailFacts:
    groups = orjson.loads(row["parties"] or "{}")
    people = {comparable(address) for name in ("to", "cc", "bcc") for address, _ in groups.get(name, ())}
    if row["sender_address"]:
        people.add(comparable(row["sender_address"]))
    tracking = tracking_of(row["tracking"]) if row["tracking"] else None
    # What a CRM said goes before what was found when it came.
    return MailFacts(
        people=frozenset(people),
        message_id=row["message_id"],
        at=row["received"],
        regarding=_regarding(row) if row["version"] else inherited(tracking),
        owner=row["owner"] or owner_of(tracking),
    )


def _of_outgoing(row: sqlite3.Row) -> MailFacts:
    people = {comparable(address) for address in (row["sender"], *orjson.loads(row["recipients"])) if address}
    return MailFacts(people=frozenset(people), message_id=row["message_id"], at=f"{row['added_at'][:19]}Z", regarding=_regarding(row))


def _regarding(row: sqlite3.Row) -> Regarding | None:
    if not row["regarding_id"]:
        return None
    return Regarding(type=row["regarding_type"], id=row["regarding_id"], name=row["regarding_name"])
