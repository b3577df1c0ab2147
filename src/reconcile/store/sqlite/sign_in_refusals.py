"""Refused sign-ins in the environment's SQLite file."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from datetime import UTC, datetime

from reconcile.model.sign_in_refusals import WITHIN, Refusal
from reconcile.store.sqlite.database import Database, translated


class SqliteSignInRefusals:
    """See `SignInRefusals`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def refuse(self, account: str, refusal: Refusal) -> None:
        def work(connection: sqlite3.Connection) -> None:
            connection.execute("DELETE FROM refused_sign_ins WHERE at <= ?", (_text(refusal.at - WITHIN),))
            row = (account, refusal.credential, _text(refusal.at))
            connection.execute("INSERT INTO refused_sign_ins (account, credential, at) VALUES (?, ?, ?)", row)

        self._database.write(work)

    def recent(self, account: str, *, now: datetime) -> Sequence[Refusal]:
        with translated(self._database.path):
            rows = (
                self._database.reader()
                .execute("SELECT credential, at FROM refused_sign_ins WHERE account = ? ORDER BY at", (account,))
                .fetchall()
            )
        found = [Refusal(credential=credential, at=datetime.fromisoformat(at)) for credential, at in rows]
        return [refusal for refusal in found if refusal.at > now - WITHIN]


def _text(moment: datetime) -> str:
    """To the microsecond, always as long: compared as text, and several a second are several."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
