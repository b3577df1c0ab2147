"""One snapshot for the small looks of all who receive."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from reconcile.model.cursor import Cursor
from reconcile.model.remote_id import RemoteId
from reconcile.ports.mail_store import Arrival, ReceivedBatch
from reconcile.store.sqlite import recent_view
from reconcile.store.sqlite.database import Database
from reconcile.store.sqlite.mail import SqliteMailStore
from reconcile.store.sqlite.recent_view import RecentView
from reconcile.sync.decide.describe import describe


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with Database.open(tmp_path / "engine.db") as opened:
        yield opened


def put(database: Database, colour: str) -> None:
    database.write(lambda connection: connection.execute("INSERT OR REPLACE INTO meta VALUES ('colour', ?)", (colour,)) and None)


def colour(view: RecentView) -> str | None:
    with view as connection:
        row = connection.execute("SELECT value FROM meta WHERE name = 'colour'").fetchone()
        return row[0] if row else None


def test_looks_share_a_moment_until_it_is_stale_or_old(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recent_view, "_OLDEST_SECONDS", 60)
    view = RecentView(database)
    view.join()
    assert colour(view) is None
    put(database, "green")
    assert colour(view) is None, "the same snapshot"
    view.stale = True
    assert colour(view) == "green"
    put(database, "red")
    monkeypatch.setattr(recent_view, "_MOST_LOOKS", 2)
    assert [colour(view), colour(view)] == ["green", "red"]
    monkeypatch.setattr(recent_view, "_OLDEST_SECONDS", 0)
    put(database, "blue")
    assert [colour(view), colour(view)][-1] == "blue"
    view.leave()


def test_nothing_is_held_when_nobody_may_look(database: Database) -> None:
    view = RecentView(database)
    view.join()
    view.join()
    with view as connection:
        connection.execute("SELECT 1 FROM meta").fetchall()
    view.leave()
    assert connection.in_transaction, "another one may look"
    view.leave()
    assert not connection.in_transaction
    assert database.lent_reader() is connection, "it was given back"
    assert database.empty_log(), "the write-ahead log can be cut off"


def test_mailboxes_that_overlap_without_a_look_hold_no_old_moment(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recent_view, "_OLDEST_SECONDS", 0)
    view = RecentView(database)
    view.join()
    colour(view)
    put(database, "green")
    assert not database.empty_log()
    view.join()
    assert database.empty_log()
    colour(view)
    put(database, "red")
    view.leave()
    assert database.empty_log()
    view.leave()


def test_after_a_look_that_failed_the_next_begins_anew(database: Database) -> None:
    view = RecentView(database)
    view.join()
    with pytest.raises(sqlite3.OperationalError), view as connection:
        connection.execute("SELECT nothing FROM nowhere")
    put(database, "green")
    assert colour(view) == "green"

    def refused() -> sqlite3.Connection:
        raise sqlite3.OperationalError("unable to open database file")

    other = RecentView(database)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(database, "lent_reader", refused)
        with pytest.raises(sqlite3.OperationalError):
            colour(other)
    assert colour(other) == "green", "and its lock is free"
    view.leave()


def test_many_look_at_once(database: Database) -> None:
    view, together = RecentView(database), threading.Barrier(8)

    def look(number: int) -> set[str | None]:
        together.wait(10)
        found = set()
        for turn in range(60):
            view.join()
            found.add(colour(view))
            if not number and turn % 10 == 0:
                put(database, str(turn))
                view.stale = True
                assert colour(view) == str(turn)
            view.leave()
        return found

    with ThreadPoolExecutor(8) as pool:
        found = set().union(*pool.map(look, range(8)))
    assert found <= {None, *map(str, range(60))}
    assert database.empty_log()


def test_what_another_process_kept_of_a_mailbox_is_known_when_this_one_takes_it_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """POP3 asks by that which messages are new: one without a Message-ID would be kept twice."""
    monkeypatch.setattr(recent_view, "_OLDEST_SECONDS", 60)
    message = RemoteId("pop3", "uidl-1")
    raw = b"Subject: nameless\r\n\r\nbody"
    found = describe(raw)
    with Database.open(tmp_path / "engine.db") as ours, Database.open(tmp_path / "engine.db") as theirs:
        here, there = SqliteMailStore(ours, tmp_path), SqliteMailStore(theirs, tmp_path)
        with here.receive("other") as receiving:
            assert receiving.kept([message]) == set(), "a moment that is remembered"
            with there.receive("box") as its:
                its.begin()
                its.write(raw)
                arrival = Arrival(
                    remote_id=message,
                    received="2026-11-23T10:00:00Z",
                    size=found.size,
                    raw=found.raw,
                    content=found.content,
                    header=found.header,
                    header_length=found.header_length,
                    place=its.end(),
                )
                its.commit(
                    ReceivedBatch(arrivals=[arrival], cursor=Cursor("pop3", "1"), restart=False, messages=1, at="2026-11-23T10:00:00Z")
                )
            with here.receive("box") as taken_over:
                assert taken_over.kept([message]) == {message}
        here.close()
        there.close()
