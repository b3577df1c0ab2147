"""Sealing anew while others seal: nobody's value is lost, digests move along."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from reconcile.model.secret import Secret, SecretRef
from reconcile.ports.sealed_records import Reseal, SealedRecord
from reconcile.secrets.digest import KeyedDigests
from reconcile.secrets.envelope import Envelope, key_id
from reconcile.secrets.reseal import count_by_key, reseal
from reconcile.store.sqlite.database import Database
from reconcile.store.sqlite.sealed_records import SqliteSealedRecords

OLD, NEW, LOST = Secret(b"o" * 32), Secret(b"n" * 32), Secret(b"l" * 32)
REFERENCE = SecretRef("file", "password")
PATH = "credentials.password"


def row(database: Database, name: str, key: Secret, value: bytes, *, digest: str = "") -> None:
    sealed = Envelope(key).seal(Secret(value), identity=f"id-{name}/{PATH}")

    def work(connection) -> None:
        connection.execute("INSERT OR IGNORE INTO resource VALUES (?, 'Mailbox', ?, '{}', 'v', 't', '{}')", (f"id-{name}", name))
        connection.execute("INSERT OR REPLACE INTO sealed_value VALUES (?, ?, ?)", (f"id-{name}", PATH, sealed))
        connection.execute(
            "INSERT OR REPLACE INTO inventory (kind, name, external_id, applied, answered, source_file, source, revision, applied_at, adopted,"
            " depends_on, secrets) VALUES ('Mailbox', ?, ?, json_object(?, ?), '{}', '', '', '', '', 0, '[]', json_object(?, ?))",
            (name, f"id-{name}", f"{PATH}.ref", str(REFERENCE), PATH, digest),
        )

    database.write(work)


def opened(database: Database, *keys: Secret) -> dict[str, bytes]:
    records = SqliteSealedRecords(database).records()
    return {record.name: Envelope(*keys).open(record.value, identity=record.identity).reveal() for record in records}


@pytest.fixture
def database(tmp_path: Path):
    with Database.open(tmp_path / "engine.db") as opened_database:
        yield opened_database


def test_everything_moves_and_what_has_no_key_here_is_named_and_left(database: Database) -> None:
    for number in range(1203):
        row(database, f"m{number}", OLD, b"%d" % number)
    row(database, "lost", LOST, b"?")
    records, heard = SqliteSealedRecords(database), list[int]()
    before = {record.name: record.value for record in records.records()}
    done = reseal(records, [NEW, OLD], moved=heard.append)
    assert (done.moved, sum(heard), max(heard)) == (1203, 1203, 100)
    assert [(record.name, key_id(LOST).hex() in why) for record, why in done.unopened] == [("lost", True)]
    assert count_by_key(records) == {key_id(NEW).hex(): 1203, key_id(LOST).hex(): 1}
    assert {record.name: record.value for record in records.records()}["lost"] == before["lost"]
    assert opened(database, NEW, LOST)["m7"] == b"7"


def test_what_somebody_sealed_in_between_is_theirs(database: Database) -> None:
    row(database, "a", OLD, b"old value")
    row(database, "b", OLD, b"b")
    records = SqliteSealedRecords(database)

    class Interrupted:
        def __init__(self, then: Callable[[], None]) -> None:
            self._then = then

        def records(self) -> Iterator[SealedRecord]:
            return records.records()

        def reseal(self, changes: list[Reseal]) -> int:
            then, self._then = self._then, lambda: None
            then()
            return records.reseal(changes)

    done = reseal(Interrupted(lambda: row(database, "a", OLD, b"new value")), [NEW, OLD])
    assert opened(database, NEW) == {"a": b"new value", "b": b"b"}
    assert done.moved == 2


@pytest.mark.parametrize("sealed_with", [OLD, NEW])
def test_digests_move_with_the_key_where_they_are_of_this_value(database: Database, sealed_with: Secret) -> None:
    row(database, "same", sealed_with, b"x", digest=KeyedDigests(OLD).digest(REFERENCE, Secret(b"x")))
    row(database, "other", sealed_with, b"y", digest=KeyedDigests(OLD).digest(REFERENCE, Secret(b"what was applied before")))
    row(database, "none", sealed_with, b"z")
    records = SqliteSealedRecords(database)
    other = next(record.digest for record in records.records() if record.name == "other")
    reseal(records, [NEW, OLD])
    assert {record.name: record.digest for record in records.records()} == {
        "same": KeyedDigests(NEW).digest(REFERENCE, Secret(b"x")),
        "other": other,
        "none": "",
    }
