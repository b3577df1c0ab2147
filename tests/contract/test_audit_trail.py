"""The audit trail of a store: chained in the transaction of what it tells of, and every bit of it is covered."""

from __future__ import annotations

import random
import re
import shutil
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from reconcile.errors import ReconcileError
from reconcile.model.audit_record import AuditQuery, AuditRecord
from reconcile.model.inventory import InventoryEntry
from reconcile.model.key import Key
from reconcile.ports.configuration_store import ApplyStore, Finished
from reconcile.store.memory.configuration import MemoryConfiguration
from reconcile.store.sqlite.configuration import SqliteConfiguration
from reconcile.store.sqlite.database import Database
from reconcile.store.sqlite.inventory import InventoryReader
from support.specs import FixedClock

RECORD = AuditRecord(
    at="2026-01-01T00:00:00Z",
    actor="tester",
    apply_id="apply-1",
    action="create",
    key="Mailbox/a",
    result="applied",
    source="estate",
    revision="abc",
    detail='{"reason":"ü \\u001b[31m"}',
)
FINISHED = [
    Finished(token="", audit=replace(RECORD, key=f"Mailbox/m{number}", actor=f"person{number % 2}", at=f"2026-01-0{number}T12:00:00Z"))
    for number in range(1, 7)
]


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ApplyStore]:
    if request.param == "memory":
        yield MemoryConfiguration()
        return
    with Database.open(tmp_path / "dev" / "engine.db") as database:
        yield SqliteConfiguration(database, FixedClock())


def test_each_record_is_chained(store: ApplyStore) -> None:
    assert (store.anchor(), store.verified().records, list(store.trail())) == (None, 0, [])
    store.finish(FINISHED[:4])
    first = store.anchor()
    assert first is not None
    assert first.sequence == 4
    store.finish(FINISHED[4:])
    found = store.verified(expected=first.hash)
    assert (found.broken, found.records, found.since_expected) == ("", 6, 2)
    assert [record.sequence for record in store.trail()] == [1, 2, 3, 4, 5, 6]
    assert store.history(limit=1)[0].hash == found.head
    assert store.verified(expected="0" * 64).broken


@pytest.mark.parametrize(
    ("query", "numbers"),
    [
        (AuditQuery(), [6, 5, 4, 3, 2, 1]),
        (AuditQuery(since=datetime(2026, 1, 3, 12, tzinfo=UTC), until=datetime(2026, 1, 5, 12, tzinfo=UTC)), [4, 3]),
        (AuditQuery(actor="person1"), [5, 3, 1]),
        (AuditQuery(key="Mailbox/m[12]"), [2, 1]),
        (AuditQuery(key="mailbox/*"), []),
        (AuditQuery(action="delete"), []),
        (AuditQuery(since=datetime(2026, 1, 4, tzinfo=UTC), actor="person0", action="create", key="*/m?"), [6, 4]),
    ],
)
def test_what_is_asked_for(store: ApplyStore, query: AuditQuery, numbers: list[int]) -> None:
    store.finish(FINISHED)
    assert [record.sequence for record in store.history(limit=None, query=query)] == numbers
    assert [record.sequence for record in store.history(limit=2, query=query)] == numbers[:2]


def test_fractions_of_a_second_come_after_the_second(store: ApplyStore) -> None:
    store.finish([Finished(token="", audit=replace(RECORD, at="2026-01-01T00:00:00.5Z"))])
    assert store.history(limit=9, query=AuditQuery(since=datetime(2026, 1, 1, tzinfo=UTC)))
    assert not store.history(limit=9, query=AuditQuery(until=datetime(2026, 1, 1, tzinfo=UTC)))


def test_what_fails_leaves_no_link(tmp_path: Path) -> None:
    entry = InventoryEntry(key=Key("Mailbox", "a"), external_id="row", applied={}, source_file="a.yaml")
    with Database.open(tmp_path / "engine.db") as database:
        store = SqliteConfiguration(database, FixedClock())
        store.finish(FINISHED[:1])
        broken = entry._replace(external_id=None)  # type: ignore[arg-type]
        with pytest.raises(sqlite3.IntegrityError):
            store.finish([FINISHED[1], Finished(token="", audit=RECORD, entry=broken)])
        store.finish(FINISHED[2:])
        assert (store.verified().broken, store.verified().records) == ("", 5)


def test_a_trail_from_before_the_chain_is_covered(tmp_path: Path) -> None:
    with Database.open(tmp_path / "engine.db") as database:

        def older(connection: sqlite3.Connection) -> None:
            columns = "at, actor, apply_id, action, key, result, source, revision, detail"
            for _ in range(3):
                connection.execute(
                    f"INSERT INTO audit ({columns}) VALUES ('2025-01-01T00:00:00Z', 'a', '', 'create', 'k', 'applied', '', '', '{{}}')"
                )

        database.write(older)
        store = SqliteConfiguration(database, FixedClock())
        assert (store.verified().broken, store.verified().before_chain, store.anchor()) == ("", 3, None)
        store.finish(FINISHED)
        assert (store.verified().broken, store.verified().before_chain, store.verified().records) == ("", 3, 9)

        def edit(connection: sqlite3.Connection) -> None:
            connection.execute("DROP TRIGGER audit_is_never_changed")
            connection.execute("UPDATE audit SET actor = 'b' WHERE sequence = 2")

        database.write(edit)
        assert store.verified().broken == "record 4 or one of the 3 before the chain is not as it was written"


@pytest.fixture
def kept(tmp_path: Path) -> tuple[Path, str]:
    """A store with a trail, at rest, and the hash of its end."""
    path = tmp_path / "kept.db"
    with Database.open(path) as database:
        store = SqliteConfiguration(database, FixedClock())
        store.finish(FINISHED)
        head = store.verified().head
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("DROP TRIGGER audit_is_never_changed")
    connection.execute("DROP TRIGGER audit_is_never_erased")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    return path, head


def _verified(path: Path, head: str) -> tuple[str, int]:
    with Database.open(path, read_only=True) as database:
        found = InventoryReader(database).verified(expected=head)
        return found.broken, found.sequence


_TEXTS = ("at", "actor", "apply_id", "action", "key", "result", "source", "revision", "detail", "hash")


@pytest.mark.parametrize("column", _TEXTS)
def test_no_bit_of_a_record_can_be_flipped(kept: tuple[Path, str], column: str) -> None:
    path, head = kept
    connection = sqlite3.connect(path, isolation_level=None)
    connection.row_factory = sqlite3.Row
    rows = {row["sequence"]: row[column].encode() for row in connection.execute(f"SELECT sequence, {column} FROM audit")}
    assert _verified(path, head) == ("", 6)
    tried = 0
    for sequence, text in rows.items():
        for bit in range(sequence % 7, 8 * len(text), 13):
            flipped = bytearray(text)
            flipped[bit // 8] ^= 1 << bit % 8
            try:
                other = flipped.decode()
            except UnicodeDecodeError:
                continue
            connection.execute(f"UPDATE audit SET {column} = ? WHERE sequence = ?", (other, sequence))
            broken, named = _verified(path, head)
            assert broken, (sequence, bit)
            assert named == sequence, broken
            connection.execute(f"UPDATE audit SET {column} = ? WHERE sequence = ?", (text.decode(), sequence))
            tried += 1
    connection.close()
    assert tried >= 6
    assert _verified(path, head) == ("", 6)


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("DELETE FROM audit WHERE sequence = 3", "record 3 is missing"),
        ("DELETE FROM audit WHERE sequence > 4", "the trail ends with record 4, but record 6 was written"),
        ("UPDATE audit SET sequence = sequence + 100 WHERE sequence = 2", "record 2 is missing"),
        ("DELETE FROM audit", "the trail ends with record 0, but record 6 was written"),
        ("DELETE FROM audit_anchor", "the store no longer says where the trail ended"),
        ("UPDATE audit_anchor SET sequence = 5", "the store says that the trail ended with record 5"),
        ("UPDATE audit SET hash = ''", "the store no longer|record 6|the store says|ends the trail with another hash"),
    ],
)
def test_deletions_and_shifts_are_noticed(kept: tuple[Path, str], statement: str, words: str) -> None:
    path, _ = kept
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute(statement)
    connection.close()
    assert re.search(words, _verified(path, "")[0]), _verified(path, "")


def test_flipped_bits_of_the_file_itself_are_never_taken_for_a_sound_trail(kept: tuple[Path, str], tmp_path: Path) -> None:
    """Wherever the flip lies: the trail reads as it was, or something is said."""
    path, head = kept
    octets = path.read_bytes()
    with Database.open(path, read_only=True) as database:
        before = [*InventoryReader(database).trail()]
    chance = random.Random(1)
    said = 0
    for number in range(80):
        copy = tmp_path / f"flipped{number}.db"
        flipped = bytearray(octets)
        # Where the records lie, more often than elsewhere.
        place = octets.index(b"apply-1") + chance.randrange(-1500, 1500) if number % 2 else chance.randrange(len(octets))
        flipped[place % len(octets)] ^= 1 << chance.randrange(8)
        copy.write_bytes(flipped)
        try:
            with Database.open(copy, read_only=True) as database:
                reader = InventoryReader(database)
                broken, after = reader.verified(expected=head).broken, [*reader.trail()]
        except (ReconcileError, sqlite3.Error):
            said += 1
            continue
        said += bool(broken)
        assert broken or after == before, place
    assert said > 5
    shutil.rmtree(tmp_path, ignore_errors=True)
