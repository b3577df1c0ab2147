"""Servers that Autodiscover found, in the environment's SQLite file."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping

from reconcile.model.audit_record import AuditRecord
from reconcile.model.discovered_server import DiscoveredServer
from reconcile.store.sqlite.audit_trail import append
from reconcile.store.sqlite.database import Database, translated

_SELECT = "SELECT mailbox_id, address, url, method, at, by_whom FROM discovered_server"


class SqliteDiscoveredServers:
    """See `DiscoveredServers`. `database` is None for a store that is not there: it reads as empty."""

    def __init__(self, database: Database | None) -> None:
        self._database = database

    def discovered(self) -> Mapping[str, DiscoveredServer]:
        if self._database is None:
            return {}
        with translated(self._database.path), self._database.snapshot() as connection:
            return {row[0]: _server(row) for row in connection.execute(_SELECT)}

    def pin(self, server: DiscoveredServer, *, name: str) -> DiscoveredServer | None:
        if self._database is None:
            raise PermissionError("the store was opened for reading only")

        def work(connection: sqlite3.Connection) -> DiscoveredServer | None:
            row = connection.execute(f"{_SELECT} WHERE mailbox_id = ?", (server.mailbox_id,)).fetchone()
            before = _server(row) if row is not None else None
            connection.execute(
                "INSERT OR REPLACE INTO discovered_server VALUES (?, ?, ?, ?, ?, ?)",
                (server.mailbox_id, server.address, server.url, server.method, server.at, server.by),
            )
            if before is None or before.url != server.url:
                append(connection, _record(server, before, name))
            return before

        return self._database.write(work)


def _server(row: tuple[str, str, str, str, str, str]) -> DiscoveredServer:
    mailbox_id, address, url, method, at, by = row
    return DiscoveredServer(mailbox_id=mailbox_id, address=address, url=url, method=method, at=at, by=by)


def _record(server: DiscoveredServer, before: DiscoveredServer | None, name: str) -> AuditRecord:
    words = {"server": server.url, "method": server.method} | ({"before": before.url} if before is not None else {})
    return AuditRecord(
        at=server.at,
        actor=server.by,
        apply_id="",
        action="discover",
        key=f"Mailbox/{name}",
        result="done",
        source="",
        revision="",
        detail=json.dumps(words, ensure_ascii=False, separators=(",", ":")),
    )
