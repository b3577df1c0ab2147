"""The marks of purged mail in SQLite: kept in the transaction that purges, asked in the one that would bring a mail in."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from functools import cached_property

from reconcile.ports.mail_store import Arrival
from reconcile.store.purge_mark import EVERY_MAILBOX, mail_mark, nameless_mark


def salt_of(connection: sqlite3.Connection) -> bytes:
    """Of this store, for ever."""
    value: str = connection.execute("SELECT value FROM meta WHERE name = 'purge-salt'").fetchone()[0]
    return bytes.fromhex(value)


def keep_marks(connection: sqlite3.Connection, table: str, marks: Iterable[bytes]) -> None:
    """`table` is mail_purged or outbox_purged."""
    connection.executemany(f"INSERT OR IGNORE INTO {table} VALUES (?)", ((mark,) for mark in marks))


class PurgedMail:
    """What was purged from one mailbox, or from all. Costs one look at an empty table where nothing ever was, and none where that is known
    (`empty`)."""

    def __init__(self, connection: sqlite3.Connection, mailbox_id: str, *, empty: bool = False) -> None:
        self._connection = connection
        self._mailboxes = (mailbox_id, EVERY_MAILBOX)
        if empty:
            self._salt = b""

    @cached_property
    def _salt(self) -> bytes:
        """Nothing where nothing was purged. Asked for with the first mail: most looks find none."""
        return b"" if self._connection.execute("SELECT 1 FROM mail_purged LIMIT 1").fetchone() is None else salt_of(self._connection)

    @property
    def any(self) -> bool:
        """Whether anything was purged."""
        return bool(self._salt)

    def has(self, message_id: str, *digests: bytes) -> bool:
        """A message with an id, by the digest of its content or, where its bytes were damaged when it was purged, of all of them."""
        return self.any and self._any(
            mail_mark(self._salt, mailbox, message_id, digest) for digest in digests for mailbox in self._mailboxes
        )

    def has_nameless(self, arrival: Arrival) -> bool:
        """One without."""
        return self.any and self._any(nameless_mark(self._salt, mailbox, arrival.raw, arrival.received) for mailbox in self._mailboxes)

    def lift(self, arrivals: Iterable[Arrival]) -> None:
        """Forget that these were purged: a person asked to have them back."""
        if self._salt:
            marks = [
                mark
                for arrival in arrivals
                for mailbox in self._mailboxes
                for mark in (
                    [mail_mark(self._salt, mailbox, arrival.header.message_id, digest) for digest in (arrival.content, arrival.raw)]
                    if arrival.header.message_id
                    else [nameless_mark(self._salt, mailbox, arrival.raw, arrival.received)]
                )
            ]
            self._connection.executemany("DELETE FROM mail_purged WHERE mark = ?", [(mark,) for mark in marks])

    def _any(self, marks: Iterable[bytes]) -> bool:
        return any(self._connection.execute("SELECT 1 FROM mail_purged WHERE mark = ?", (mark,)).fetchone() for mark in marks)
