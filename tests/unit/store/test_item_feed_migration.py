"""A store with e-mail and items from before items were in the feed: cursors stay good, and everything is told once."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from reconcile.model.feed import FeedCursor, FeedKind, mark
from reconcile.store.sqlite.database import Database
from reconcile.store.sqlite.feed import SqliteFeed
from reconcile.store.sqlite.schema import migrations

ALL = frozenset(FeedKind)
AT = "2026-03-01T10:00:0{}Z"


def older(path: Path) -> str:
    """A store of schema 20; its feed's epoch."""
    connection = sqlite3.connect(path)
    for number, _, script in migrations():
        if number <= 20:
            connection.executescript(script)
    connection.execute("INSERT INTO feed (kind, action, item, at) VALUES ('email', 'created', 1, ?)", (AT.format(1),))
    connection.execute("INSERT INTO feed (kind, action, item, at) VALUES ('email', 'deleted', 1, ?)", (AT.format(2),))
    for number, version in ((1, 1), (3, 4)):
        connection.execute(
            "INSERT INTO item VALUES (?, 'contact', 'a@contoso.example', 'open', ?, ?, ?, 'crm')",
            (number, version, AT.format(3), AT.format(4)),
        )
        columns = [row[1] for row in connection.execute("PRAGMA table_info(contact)")]
        dates = {"birthdate", "anniversary"}
        values = [number, *[None if name in dates else "x" for name in columns[1:]]]
        connection.execute(f"INSERT INTO contact VALUES ({', '.join('?' * len(values))})", values)
    connection.execute(
        "INSERT INTO item_conflict (item_id, kind, mailbox_id, field, ours, theirs, ours_wins, at, resolved_at)"
        " VALUES (3, 'contact', 'm1', 'jobtitle', '[\"a\"]', '[\"b\"]', 0, ?, ?)",
        (AT.format(5), AT.format(6)),
    )
    connection.execute("PRAGMA user_version = 20")
    connection.execute("PRAGMA application_id = 0x72636E6C")
    (epoch,) = connection.execute("SELECT value FROM meta WHERE name = 'feed-epoch'").fetchone()
    connection.commit()
    connection.close()
    return str(epoch)


def test_cursors_stay_good_and_items_are_told_once(tmp_path: Path) -> None:
    path = tmp_path / "engine.db"
    epoch = older(path)
    stored = FeedCursor(epoch, 2, mark(2, "email", "deleted", 1, AT.format(2)))
    with Database.open(path) as database:
        feed = SqliteFeed(database)
        page = feed.page(stored, limit=100, kinds=ALL)
        assert [(str(one.kind), str(one.action), one.id, one.by) for one in page.entries] == [
            ("contact", "created", 1, "crm"),
            ("contact", "created", 3, ""),
            ("contact", "conflict", 3, ""),
            ("contact", "resolved", 3, ""),
        ]
        assert all(one.row is not None for one in page.entries)
        assert [one.cursor.sequence for one in feed.page(feed.beginning(), limit=100, kinds=ALL).entries] == [1, 2, 3, 4, 5, 6]
        database.write(lambda connection: connection.execute("DELETE FROM item WHERE id = 1") and None)
        (last,) = feed.page(page.end, limit=100, kinds=ALL).entries
        assert (str(last.action), last.id, last.cursor.sequence) == ("deleted", 1, 7)
        names = {
            row[0] for row in database.reader().execute("SELECT name FROM sqlite_master WHERE type = 'trigger' AND name LIKE 'feed_%'")
        }
        assert {"feed_is_never_changed", "feed_is_never_erased", "feed_queue_item", "feed_outbox_event", "feed_details_made"} <= names
    with Database.open(path) as database:
        assert len(SqliteFeed(database).page(stored, limit=100, kinds=ALL).entries) == 5
