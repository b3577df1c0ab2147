"""Writing by what mails are found later, inside the transaction that keeps them."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection

import orjson

from reconcile.model.conversation_index import ROOT
from reconcile.model.mail_clues import MailClues
from reconcile.model.tracking import MailRef


def index_email(connection: sqlite3.Connection, activity_id: int, clues: MailClues) -> None:
    """One tracked e-mail; again is no harm."""
    index_mails(connection, [(MailRef(kind="email", id=activity_id), clues)])


def index_outgoing(connection: sqlite3.Connection, entry_id: int, clues: MailClues) -> None:
    """One outgoing mail, with the entry itself; again is no harm."""
    index_mails(connection, [(MailRef(kind="outbox", id=entry_id), clues)])


def index_mails(connection: sqlite3.Connection, mails: Collection[tuple[MailRef, MailClues]]) -> None:
    """Those of a batch. Touches nothing where none has clues."""
    threads = [(number(mail), clues.conversation[:ROOT], clues.conversation) for mail, clues in mails if clues.conversation]
    if threads:
        connection.executemany("INSERT OR REPLACE INTO correlation_thread VALUES (?,?,?)", threads)
    outer = [(clues.outer_id, number(mail)) for mail, clues in mails if clues.outer_id]
    if outer:
        connection.executemany("INSERT OR IGNORE INTO correlation_outer VALUES (?,?)", outer)
    subjects = [
        (number(mail), clues.at, orjson.dumps(clues.words).decode(), orjson.dumps(clues.people).decode())
        for mail, clues in mails
        if clues.words
    ]
    if subjects:
        connection.executemany("DELETE FROM correlation_subject WHERE mail = ?", [subject[:1] for subject in subjects])
        connection.executemany("INSERT INTO correlation_subject VALUES (?,?,?,?)", subjects)
        connection.executemany(
            "INSERT OR IGNORE INTO correlation_likeness VALUES (?,?,?)",
            [(key, clues.at, number(mail)) for mail, clues in mails if clues.words for key in clues.keys],
        )


def forget_hashes(connection: sqlite3.Connection, *, before: str, limit: int) -> int:
    """Take away hashes of mails older than `before` (UTC RFC 3339), at most `limit` of them; how many went."""
    statement = "DELETE FROM correlation_subject WHERE mail IN (SELECT mail FROM correlation_subject WHERE at < ? ORDER BY at LIMIT ?)"
    return connection.execute(statement, (before, limit)).rowcount


def number(mail: MailRef) -> int:
    """As the tables name a mail."""
    assert mail.kind in ("email", "outbox"), mail
    return mail.id if mail.kind == "email" else -mail.id


def mail_ref(known: int) -> MailRef:
    """The mail that the tables name so."""
    return MailRef(kind="email", id=known) if known > 0 else MailRef(kind="outbox", id=-known)


def json_list(values: Collection[object]) -> str:
    """For json_each: one value each. Text that is no Unicode is in no store, so it may be asked for as something else."""
    try:
        return orjson.dumps(list(values)).decode()
    except TypeError:
        return orjson.dumps([one.encode("utf-8", "replace").decode() if isinstance(one, str) else one for one in values]).decode()
