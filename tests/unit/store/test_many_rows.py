"""Many rows in one step are the rows that one after the other would be."""

from __future__ import annotations

import sqlite3

import pytest

from reconcile.store.sqlite.many_rows import insert


@pytest.mark.parametrize("count", [0, 1, 3, 4, 5, 15, 16, 17, 23, 63, 64, 65, 137, 200])
def test_rows_are_the_same_as_one_by_one(count: int) -> None:
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE kept (id INTEGER PRIMARY KEY, name TEXT, bytes BLOB)")
    rows = [(number, f"name {number}\x00'?", bytes([number])) for number in range(count)]
    insert(connection, "INSERT INTO kept VALUES", rows)
    assert connection.execute("SELECT * FROM kept ORDER BY id").fetchall() == rows


def test_triggers_see_rows_in_order_and_known_ones_are_left_out() -> None:
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE kept (name TEXT UNIQUE)")
    connection.execute("CREATE TABLE log (id INTEGER PRIMARY KEY, name TEXT)")
    connection.execute("CREATE TRIGGER logged AFTER INSERT ON kept BEGIN INSERT INTO log (name) VALUES (NEW.name); END")
    names = [f"{number % 70:02d}" for number in range(150)]
    insert(connection, "INSERT OR IGNORE INTO kept VALUES", [(name,) for name in names])
    assert [row[0] for row in connection.execute("SELECT name FROM log ORDER BY id")] == list(dict.fromkeys(names))


def test_one_bad_row_leaves_nothing_of_its_step() -> None:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.execute("CREATE TABLE kept (name TEXT UNIQUE)")
    with pytest.raises(sqlite3.IntegrityError):
        insert(connection, "INSERT INTO kept VALUES", [(str(number % 5),) for number in range(16)])
    assert connection.execute("SELECT count(*) FROM kept").fetchone() == (0,)
