"""Refresh tokens in SQLite: facts in a table of their own, the token sealed beside all other credentials."""

from __future__ import annotations

import fcntl
import hashlib
import os
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from reconcile.errors import PermanentError, Unavailable
from reconcile.model.secret import Secret
from reconcile.ports.credentials import Sealer
from reconcile.ports.token_store import TokenFacts
from reconcile.store.sqlite.database import Database, translated

#: Path of the sealed value; no field of a spec is called so.
PATH: Final = "oauth.refreshToken"
_WAIT: Final = 60.0
_STEP: Final = 0.05
_COLUMNS: Final = "account, kept_by, since, renewed_at, expires_at, renewing_since, declared, client_id, token_endpoint"


class SqliteTokens:
    """Implements TokenStore. `database` is None for a store that is not there: it reads as empty. `sealer` is called when a token
    is sealed or opened first."""

    def __init__(self, database: Database | None, sealer: Callable[[], Sealer], *, wait: float = _WAIT) -> None:
        self._database = database
        self._open_sealer = sealer
        self._sealer: Sealer | None = None
        self._wait = wait

    def _sealing(self) -> Sealer:
        if self._sealer is None:
            self._sealer = self._open_sealer()
        return self._sealer

    def facts(self, account: str) -> TokenFacts | None:
        return next(iter(self._facts("WHERE account = ?", account)), None)

    def all_facts(self) -> Sequence[TokenFacts]:
        return self._facts("ORDER BY account")

    def _facts(self, condition: str, *values: str) -> Sequence[TokenFacts]:
        if self._database is None:
            return ()
        with translated(self._database.path):
            rows = self._database.reader().execute(f"SELECT {_COLUMNS} FROM oauth_token {condition}", values).fetchall()
        return [
            TokenFacts(
                account=row["account"],
                by=row["kept_by"],
                since=row["since"],
                renewed_at=row["renewed_at"],
                expires_at=row["expires_at"],
                renewing_since=row["renewing_since"],
                declared=row["declared"],
                client_id=row["client_id"],
                token_endpoint=row["token_endpoint"],
            )
            for row in rows
        ]

    def refresh_token(self, account: str) -> Secret | None:
        if self._database is None:
            return None
        with translated(self._database.path):
            row = (
                self._database.reader()
                .execute("SELECT value FROM sealed_value WHERE external_id = ? AND path = ?", (account, PATH))
                .fetchone()
            )
        return None if row is None else self._sealing().open(bytes(row[0]), identity=f"{account}/{PATH}")

    def note(self, facts: TokenFacts) -> None:
        self._writable().write(lambda connection: _write(connection, facts))

    def keep(self, facts: TokenFacts, token: Secret) -> None:
        sealed = self._sealing().seal(token, identity=f"{facts.account}/{PATH}")

        def work(connection: sqlite3.Connection) -> None:
            _write(connection, facts)
            connection.execute(
                "INSERT INTO sealed_value (external_id, path, value) VALUES (?, ?, ?)"
                " ON CONFLICT (external_id, path) DO UPDATE SET value = excluded.value",
                (facts.account, PATH, sealed),
            )

        self._writable().write(work)

    def forget(self, account: str) -> bool:
        def work(connection: sqlite3.Connection) -> bool:
            gone = connection.execute("DELETE FROM oauth_token WHERE account = ?", (account,)).rowcount
            gone += connection.execute("DELETE FROM sealed_value WHERE external_id = ? AND path = ?", (account, PATH)).rowcount
            return gone > 0

        return self._writable().write(work)

    @contextmanager
    def turn(self, account: str) -> Iterator[None]:
        # A file of its own for each account: the lock ends with whoever holds it, however that ends.
        folder = self._writable().path.parent / "tokens"
        folder.mkdir(mode=0o700, exist_ok=True)
        name = hashlib.sha256(account.encode()).hexdigest()[:32]
        descriptor = os.open(folder / f"{name}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            deadline = time.monotonic() + self._wait
            while True:
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() >= deadline:
                        raise Unavailable("another process is renewing the token, and does not finish", hint="It is tried again.") from None
                time.sleep(_STEP)
            yield
        finally:
            os.close(descriptor)

    def _writable(self) -> Database:
        if self._database is None or self._database.read_only:
            raise Unavailable("a command that only reads renews no token", hint="Run `reconcile sync`, which does.")
        return self._database


def _write(connection: sqlite3.Connection, facts: TokenFacts) -> None:
    if connection.execute("SELECT 1 FROM resource WHERE external_id = ?", (facts.account,)).fetchone() is None:
        raise PermanentError("the account is no longer applied, so its token is not kept", hint="Apply the mailbox or profile first.")
    connection.execute(
        f"INSERT INTO oauth_token ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (account) DO UPDATE SET kept_by = excluded.kept_by, since = excluded.since, renewed_at = excluded.renewed_at,"
        " expires_at = excluded.expires_at, renewing_since = excluded.renewing_since, declared = excluded.declared,"
        " client_id = excluded.client_id, token_endpoint = excluded.token_endpoint",
        (
            facts.account,
            facts.by,
            facts.since,
            facts.renewed_at,
            facts.expires_at,
            facts.renewing_since,
            facts.declared,
            facts.client_id,
            facts.token_endpoint,
        ),
    )
