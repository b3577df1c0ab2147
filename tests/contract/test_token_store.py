"""Where refresh tokens are kept: in memory, and in the store beside all other credentials."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from reconcile.errors import PermanentError, SettingsError, Unavailable
from reconcile.model.secret import Secret
from reconcile.ports.resource_store import StoredResource
from reconcile.ports.token_store import TokenFacts, TokenStore
from reconcile.secrets.envelope import Envelope
from reconcile.secrets.reseal import reseal
from reconcile.store.memory.tokens import MemoryTokens
from reconcile.store.sqlite.database import Database
from reconcile.store.sqlite.resources import SqliteResources
from reconcile.store.sqlite.sealed_records import SqliteSealedRecords
from reconcile.store.sqlite.tokens import PATH, SqliteTokens

KEY, OTHER = Secret(bytes(range(32))), Secret(bytes(range(32, 64)))
FACTS = TokenFacts(account="m1", by="sign-in", since="2026-03-01T08:00:00Z", client_id="crm", token_endpoint="https://a.example/token")


def stored(folder: Path) -> Database:
    database = Database.open(folder / "engine.db")

    def work(transaction: object) -> None:
        for name in ("m1", "m2"):
            row = StoredResource(external_id=name, kind="Mailbox", name=name, spec={}, version="v", token="t", origins={})
            transaction.put(row)  # type: ignore[attr-defined]

    SqliteResources(database).transact(work)
    return database


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with stored(tmp_path) as opened:
        yield opened


@pytest.fixture(params=["MemoryTokens", "SqliteTokens"])
def store(request: pytest.FixtureRequest, database: Database) -> TokenStore:
    if request.param == "MemoryTokens":
        return MemoryTokens(wait=0.2)
    return SqliteTokens(database, lambda: Envelope(KEY), wait=0.2)


def test_nothing_is_known_of_an_account_that_never_signed_in(store: TokenStore) -> None:
    assert store.facts("m1") is None
    assert store.refresh_token("m1") is None
    assert list(store.all_facts()) == []
    assert store.forget("m1") is False


def test_facts_without_a_token_and_then_with_one(store: TokenStore) -> None:
    begun = TokenFacts(account="m1", renewing_since="2026-03-01T08:00:00Z")
    store.note(begun)
    assert (store.facts("m1"), store.refresh_token("m1")) == (begun, None)
    store.keep(FACTS, Secret(b"one"))
    store.keep(FACTS, Secret(b"two"))
    assert (store.facts("m1"), store.refresh_token("m1")) == (FACTS, Secret(b"two"))
    store.note(begun)
    assert store.refresh_token("m1") == Secret(b"two"), "noting leaves the token"
    store.note(TokenFacts(account="m2"))
    assert [one.account for one in store.all_facts()] == ["m1", "m2"]


def test_what_is_forgotten_is_gone(store: TokenStore) -> None:
    store.keep(FACTS, Secret(b"one"))
    assert store.forget("m1") is True
    assert (store.facts("m1"), store.refresh_token("m1")) == (None, None)


def test_one_turn_at_a_time_for_an_account(store: TokenStore) -> None:
    with store.turn("m1"):
        with pytest.raises(Unavailable, match="does not finish"), store.turn("m1"):
            pass
        with store.turn("m2"):
            pass
    with store.turn("m1"):
        pass


def test_a_turn_is_waited_for(store: TokenStore) -> None:
    held, order = threading.Event(), []

    def first() -> None:
        with store.turn("m1"):
            held.set()
            order.append("first")

    thread = threading.Thread(target=first)
    thread.start()
    held.wait(5)
    with store.turn("m1"):
        order.append("second")
    thread.join()
    assert order == ["first", "second"]


def test_it_is_sealed_bound_to_its_row_and_gone_with_it(database: Database) -> None:
    store = SqliteTokens(database, lambda: Envelope(KEY))
    store.keep(FACTS, Secret(b"canary-token-of-m1"))
    store.keep(TokenFacts(account="m2", by="sign-in"), Secret(b"canary-token-of-m2"))
    for file in database.path.parent.rglob("*"):
        assert not file.is_file() or b"canary" not in file.read_bytes(), file
    # Swapped between rows, neither opens.
    values = {row["external_id"]: row["value"] for row in database.reader().execute("SELECT external_id, value FROM sealed_value")}
    swapped = [(values["m2"], "m1"), (values["m1"], "m2")]
    database.write(lambda connection: connection.executemany("UPDATE sealed_value SET value = ? WHERE external_id = ?", swapped).rowcount)
    for name in ("m1", "m2"):
        with pytest.raises(SettingsError, match="belongs to another row"):
            store.refresh_token(name)
    SqliteResources(database).transact(lambda transaction: transaction.remove("m1"))
    assert (store.facts("m1"), database.reader().execute("SELECT count(*) FROM sealed_value").fetchone()[0]) == (None, 1)


def test_an_account_that_is_gone_gets_no_token(database: Database) -> None:
    store = SqliteTokens(database, lambda: Envelope(KEY))
    with pytest.raises(PermanentError, match="no longer applied"):
        store.keep(TokenFacts(account="gone", by="renewal"), Secret(b"one"))


def test_a_new_key_takes_tokens_along(database: Database) -> None:
    SqliteTokens(database, lambda: Envelope(KEY)).keep(FACTS, Secret(b"one"))
    moved = reseal(SqliteSealedRecords(database), (OTHER, KEY))
    assert moved.moved == 1
    assert SqliteTokens(database, lambda: Envelope(OTHER)).refresh_token("m1") == Secret(b"one")
    assert {record.path for record in SqliteSealedRecords(database).records()} == {PATH}


def test_a_store_that_is_not_there_reads_as_empty(tmp_path: Path) -> None:
    store = SqliteTokens(None, lambda: Envelope(KEY))
    assert (store.facts("m1"), list(store.all_facts()), store.refresh_token("m1")) == (None, [], None)
    with closing(stored(tmp_path / "there")):
        pass
    with Database.open(tmp_path / "there" / "engine.db", read_only=True) as database:
        reading = SqliteTokens(database, lambda: Envelope(KEY))
        assert reading.facts("m1") is None
        with pytest.raises(Unavailable, match="only reads"):
            reading.note(FACTS)
