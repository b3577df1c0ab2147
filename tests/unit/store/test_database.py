"""The SQLite base: group commit, isolation of works, refusal of newer and foreign files."""

from __future__ import annotations

import os
import shutil
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from reconcile.errors import PermanentError, SettingsError, Superseded
from reconcile.store.sqlite import schema
from reconcile.store.sqlite.database import APPLICATION_ID, Database
from reconcile.store.sqlite.schema import migrations


def put(name: str, value: str):
    def work(connection: sqlite3.Connection) -> str:
        connection.execute("INSERT INTO meta VALUES (?, ?)", (name, value))
        return name

    return work


def test_a_write_is_seen_by_readers_and_by_the_next_opening(tmp_path: Path) -> None:
    path = tmp_path / "folder ?#%" / "engine.db"
    with Database.open(path) as database:
        assert database.write(put("a", "1")) == "a"
        assert database.reader().execute("SELECT value FROM meta").fetchone()[0] == "1"
        assert database.reader().execute("PRAGMA journal_mode").fetchone()[0] == "wal"
    with Database.open(path, read_only=True) as database:
        assert database.reader().execute("SELECT value FROM meta").fetchone()[0] == "1"
        with pytest.raises(PermissionError):
            database.write(put("b", "2"))
    assert path.stat().st_mode & 0o077 == 0
    assert (path.parent / ".gitignore").read_text("utf-8") == "*\n"


def test_a_failing_work_takes_nothing_else_with_it(tmp_path: Path) -> None:
    def failing(connection: sqlite3.Connection) -> None:
        connection.execute("INSERT INTO meta VALUES ('half', 'done')")
        raise LookupError("mine")

    with Database.open(tmp_path / "engine.db") as database:
        futures = [
            database.submit(put("a", "1")),
            database.submit(failing),
            database.submit(put("b", "2")),
            database.submit(put("a", "again")),
        ]
        assert futures[0].result() == "a"
        with pytest.raises(LookupError):
            futures[1].result()
        assert futures[2].result() == "b"
        with pytest.raises(sqlite3.IntegrityError):
            futures[3].result()
        assert [row[0] for row in database.reader().execute("SELECT name FROM meta WHERE name IN ('a', 'b', 'half') ORDER BY name")] == [
            "a",
            "b",
        ]


def test_a_newer_schema_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "engine.db"
    Database.open(path).close()
    newest = migrations()[-1][0]
    with sqlite3.connect(path) as connection:
        connection.execute(f"PRAGMA user_version={newest + 1}")
    connection.close()
    for read_only in (True, False):
        with pytest.raises(Superseded, match="newer version"):
            Database.open(path, read_only=read_only)


def test_who_has_it_open_while_a_newer_version_comes_writes_nothing_more(tmp_path: Path) -> None:
    path = tmp_path / "engine.db"
    with Database.open(path) as database:
        database.write(put("before", "1"))
        with sqlite3.connect(path) as connection:
            connection.execute(f"PRAGMA user_version={migrations()[-1][0] + 1}")
        connection.close()
        for write in (database.write, database.write_here):
            with pytest.raises(Superseded, match="another version of reconcile since this process opened it") as caught:
                write(put("after", "1"))
            assert "Start that version" in caught.value.hint
        rows = database.reader().execute("SELECT name FROM meta WHERE name IN ('before', 'after')")
        assert [row[0] for row in rows] == ["before"]


def test_what_is_installed_over_a_running_process_is_not_its_schema(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An upgrade in place: old code must not bring a store to a schema that it does not know, and write to it."""
    path = tmp_path / "engine.db"
    Database.open(path).close()
    known = migrations()[-1][0]
    shutil.copytree(schema._MIGRATIONS, tmp_path / "migrations")
    (tmp_path / "migrations" / f"{known + 1:04d}_later.sql").write_text("CREATE TABLE later (a);\n")
    monkeypatch.setattr(schema, "_MIGRATIONS", tmp_path / "migrations")
    for made in (path, tmp_path / "another.db"):
        with Database.open(made) as database:
            assert database.reader().execute("PRAGMA user_version").fetchone()[0] == known
            database.write(put("a", "1"))


def test_a_foreign_database_and_a_text_file_are_refused(tmp_path: Path) -> None:
    foreign = tmp_path / "foreign.db"
    with sqlite3.connect(foreign) as connection:
        connection.execute("PRAGMA user_version=7")
    connection.close()
    with pytest.raises(SettingsError, match="not a store"):
        Database.open(foreign)
    tables = tmp_path / "tables.db"
    with sqlite3.connect(tables) as connection:
        connection.execute("CREATE TABLE somebody (elses)")
    connection.close()
    for read_only in (True, False):
        with pytest.raises(SettingsError, match="not a store"):
            Database.open(tables, read_only=read_only)
    text = tmp_path / "text.db"
    text.write_text("this is not a database, " * 100)
    with pytest.raises(PermanentError, match="no SQLite file"):
        Database.open(text)


def test_an_older_schema_is_brought_up_by_writers_only(tmp_path: Path) -> None:
    path = tmp_path / "engine.db"
    Database.open(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute(f"PRAGMA user_version={len(migrations()) - 1}")
    connection.close()
    with pytest.raises(SettingsError, match="older version"):
        Database.open(path, read_only=True)


def test_a_store_whose_making_was_cut_short_has_not_begun(tmp_path: Path) -> None:
    path = tmp_path / "engine.db"
    assert not Database.begun(path)
    path.write_bytes(b"")
    assert not Database.begun(path)
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
    connection.close()
    assert not Database.begun(path)
    Database.open(path).close()
    assert Database.begun(path)


def test_migrations_are_numbered_without_gaps(tmp_path: Path) -> None:
    assert [number for number, _, _ in migrations()] == list(range(1, len(migrations()) + 1))
    with Database.open(tmp_path / "engine.db") as database:
        assert database.reader().execute("PRAGMA application_id").fetchone()[0] == APPLICATION_ID


def test_a_store_that_cannot_be_opened_says_that_its_folder_must_be_writable(tmp_path: Path) -> None:
    with pytest.raises(PermanentError, match="unable to open") as caught:
        Database.open(tmp_path / "missing.db", read_only=True)
    assert "writable even for reading" in caught.value.hint


def test_where_sqlite_takes_a_transaction_back_nobody_of_the_group_is_half_kept(tmp_path: Path) -> None:
    with Database.open(tmp_path / "engine.db") as database:
        database.write(lambda connection: connection.execute("CREATE TABLE mine (number INTEGER PRIMARY KEY) STRICT") and None)
        begun, go_on = threading.Event(), threading.Event()

        def hold(connection: sqlite3.Connection) -> None:
            begun.set()
            assert go_on.wait(10)

        def lost(connection: sqlite3.Connection) -> None:
            # As a full disk does it: the statement fails, and with it the whole transaction.
            connection.execute("INSERT OR ROLLBACK INTO mine VALUES (1)")

        holding = database.submit(hold)
        assert begun.wait(10)
        works = [lambda connection, number=number: connection.execute("INSERT INTO mine VALUES (?)", (number,)) for number in (1, 2)]
        futures = [database.submit(works[0]), database.submit(lost), database.submit(works[1])]
        go_on.set()
        holding.result(10)
        for future in futures:
            with pytest.raises(sqlite3.IntegrityError, match="UNIQUE"):
                future.result(10)
        assert database.reader().execute("SELECT count(*) FROM mine").fetchone()[0] == 0
        database.write(works[1])
        assert database.reader().execute("SELECT count(*) FROM mine").fetchone()[0] == 1


def test_many_threads_write_in_turn_whichever_way(tmp_path: Path) -> None:
    with Database.open(tmp_path / "engine.db") as database:
        database.write(lambda connection: connection.execute("CREATE TABLE counted (number INTEGER)") and None)
        database.write(lambda connection: connection.execute("INSERT INTO counted VALUES (0)") and None)

        def add(connection: sqlite3.Connection) -> int:
            # Read and written apart: two at once would lose one.
            number = int(connection.execute("SELECT number FROM counted").fetchone()[0]) + 1
            connection.execute("UPDATE counted SET number = ?", (number,))
            return number

        def fail(connection: sqlite3.Connection) -> int:
            add(connection)
            raise LookupError("mine")

        def work(way: int) -> list[int]:
            write = database.write_here if way % 2 else database.write
            done = []
            for round_ in range(40):
                if round_ % 5 == 4:
                    with pytest.raises(LookupError, match="mine"):
                        write(fail)
                else:
                    done.append(write(add))
            return done

        with ThreadPoolExecutor(8) as pool:
            numbers = [number for done in pool.map(work, range(8)) for number in done]
    assert sorted(numbers) == list(range(1, 8 * 32 + 1))


def test_a_writer_that_cannot_connect_leaves_nobody_waiting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Database.open(tmp_path / "engine.db") as database:

        def refused() -> sqlite3.Connection:
            raise sqlite3.OperationalError("unable to open database file")

        monkeypatch.setattr(database, "_connect", refused)
        for _ in range(2):
            with pytest.raises(PermanentError, match="cannot be used"):
                database.submit(lambda _: None).result(timeout=20)


def test_a_reader_that_was_given_back_is_lent_again_and_sees_what_is_there_then(tmp_path: Path) -> None:
    with Database.open(tmp_path / "engine.db") as database:
        reader = database.lent_reader()
        assert reader is not database.lent_reader(), "two holders share none"
        database.take_back(reader)
        database.write(lambda connection: connection.execute("INSERT INTO meta VALUES ('colour', 'green')"))
        again = database.lent_reader()
        assert again is reader
        assert again.execute("SELECT value FROM meta WHERE name = 'colour'").fetchone()[0] == "green"
    database.take_back(again)
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        again.execute("SELECT 1")


def test_what_a_statement_changes_is_copied_to_no_temporary_file(tmp_path: Path) -> None:
    def change_every_page(connection: sqlite3.Connection) -> list[str]:
        # What the statement changes is kept until it ends, by default in a file of the system's temporary folder.
        connection.execute("UPDATE meta SET value = value || '!' WHERE name LIKE 'canary%'")
        open_now = [
            os.readlink(f"/proc/self/fd/{number}") for number in os.listdir("/proc/self/fd") if os.path.lexists(f"/proc/self/fd/{number}")
        ]
        return [name for name in open_now if name.startswith("/") and "engine.db" not in name and "etilqs" in name]

    with Database.open(tmp_path / "engine.db") as database:
        database.write(
            lambda connection: connection.executemany(
                "INSERT INTO meta VALUES (?, ?)", [(f"canary {number}", "canary" * 40) for number in range(2_000)]
            )
        )
        assert database.write(change_every_page) == []


def test_a_work_by_itself_that_fails_leaves_nothing_and_the_next_is_kept(tmp_path: Path) -> None:
    def fails(connection: sqlite3.Connection) -> None:
        connection.execute("INSERT INTO meta VALUES ('half', 'done')")
        raise KeyError("in the middle")

    with Database.open(tmp_path / "engine.db") as database:
        for write in (database.write, database.write_here):
            with pytest.raises(KeyError, match="in the middle"):
                write(fails)
            assert not database.reader().execute("SELECT * FROM meta WHERE name = 'half'").fetchall()
            write(lambda connection: connection.execute("INSERT OR REPLACE INTO meta VALUES ('whole', 'kept')"))
        assert database.reader().execute("SELECT value FROM meta WHERE name = 'whole'").fetchone()[0] == "kept"


@pytest.mark.parametrize("way", ["write", "write_here"])
def test_whatever_the_guard_raises_nobody_waits_for_ever_and_the_next_is_kept(tmp_path: Path, way: str) -> None:
    class Interrupted(BaseException):
        pass

    def guard(connection: sqlite3.Connection) -> None:
        raise Interrupted

    with Database.open(tmp_path / "engine.db") as database:
        database.guard = guard
        if way == "write_here":
            with pytest.raises(Interrupted):
                database.write_here(put("a", "1"))
        else:
            with pytest.raises(Interrupted):
                database.submit(put("a", "1")).result(timeout=10)
        database.guard = None
        assert database.write_here(put("b", "1")) == "b"
        assert database.submit(put("c", "1")).result(timeout=10) == "c"
        assert {row[0] for row in database.reader().execute("SELECT name FROM meta WHERE length(name) = 1")} == {"b", "c"}
