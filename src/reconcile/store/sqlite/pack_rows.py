"""What the database says of packs."""

from __future__ import annotations

from reconcile.store.sqlite.database import Database


class PackRows:
    """As of now, each time it is asked."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def committed(self, number: int) -> int | None:
        """How far rows name bytes of it; 0 for one that no row knows, None for one that takes no more."""
        with self._database.lent() as connection:
            row = connection.execute("SELECT committed, retired FROM mail_packs WHERE id = ?", (number,)).fetchone()
        if row is None:
            return 0
        return None if row["retired"] else int(row["committed"])

    def highest(self) -> int:
        """The highest number that was ever used."""
        with self._database.lent() as connection:
            found: int = connection.execute("SELECT coalesce(max(id), 0) FROM mail_packs").fetchone()[0]
        return found
