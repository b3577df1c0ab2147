"""Finding mails by their clues: the memory twin and SQLite answer alike."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from reconcile.model.conversation_index import answer, new_conversation
from reconcile.model.mail_clues import MailClues
from reconcile.model.party import PartyRef, PartyType
from reconcile.model.tracking import Correlation, CorrelationMethod, MailRef, Tracking
from reconcile.ports.correlation import MOST_ALIKE, MOST_CANDIDATES, Hashes
from reconcile.store.memory.correlation import MemoryCorrelation
from reconcile.store.sqlite.correlation import SqliteCorrelation
from reconcile.store.sqlite.correlation_index import index_email, index_outgoing
from reconcile.store.sqlite.database import Database
from reconcile.store.sqlite.mail import SqliteMailStore
from reconcile.store.sqlite.outbox import SqliteOutbox
from support.applied import START
from support.correlated import AT, CASE, ROOT, World, receive, send


@pytest.fixture(params=["memory", "sqlite"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    if request.param == "memory":
        twin = MemoryCorrelation()
        yield World(twin, twin.mail, twin.outbox)
        return
    with Database.open(tmp_path / "engine.db") as database:
        store = SqliteMailStore(database, tmp_path)
        yield World(SqliteCorrelation(database), store, SqliteOutbox(database))
        store.close()


def test_an_empty_store_knows_nothing(world: World) -> None:
    lookup = world.lookup
    assert dict(lookup.by_message_id(["<1@fabrikam.example>", ""])) == {}
    assert dict(lookup.by_token(["crm:0001001"])) == {}
    assert dict(lookup.by_conversation([ROOT])) == {}
    assert dict(lookup.by_likeness([1], since="")) == {}
    assert dict(lookup.hashes([MailRef(kind="email", id=1)])) == {}
    assert dict(lookup.facts([MailRef(kind="email", id=1), MailRef(kind="outbox", id=1)])) == {}


def test_nothing_asked_is_nothing_answered(world: World) -> None:
    receive(world, 1)
    lookup = world.lookup
    for answered in (
        lookup.by_message_id([]),
        lookup.by_token([]),
        lookup.by_conversation([]),
        lookup.by_likeness([], since=""),
        lookup.hashes([]),
        lookup.facts([]),
    ):
        assert dict(answered) == {}


def test_any_text_may_be_asked_for(world: World) -> None:
    receive(world, 1)
    for text in ("\ud800", "\x00", "<1@fabrikam.example>\x00", "'; DROP TABLE outbox; --", "x" * 100_000, "1", "null"):
        assert dict(world.lookup.by_message_id([text])) == {}, text
        assert dict(world.lookup.by_token([text])) == {}, text
    assert set(world.lookup.by_message_id(["\ud800", "<1@fabrikam.example>"])) == {"<1@fabrikam.example>"}


def test_a_missing_store_reads_as_empty() -> None:
    lookup = SqliteCorrelation(None)
    assert dict(lookup.by_message_id(["<1@fabrikam.example>"])) == {}
    assert dict(lookup.by_conversation([ROOT])) == {}
    assert dict(lookup.facts([MailRef(kind="email", id=1)])) == {}


def test_mails_are_found_by_their_message_id(world: World) -> None:
    first, second = receive(world, 1), receive(world, 2, message_id="<1@fabrikam.example>")
    other, sent = receive(world, 3), send(world, 1)
    found = world.lookup.by_message_id(["<1@fabrikam.example>", "<3@fabrikam.example>", "<out-1@contoso.example>", "<none@x.example>"])
    assert {name: list(mails) for name, mails in found.items()} == {
        "<1@fabrikam.example>": [second, first],
        "<3@fabrikam.example>": [other],
        "<out-1@contoso.example>": [sent],
    }


def test_our_own_mail_that_came_back_stands_behind_what_we_sent(world: World) -> None:
    back = receive(world, 1, message_id="<out-1@contoso.example>")
    sent = send(world, 1)
    assert list(world.lookup.by_message_id(["<out-1@contoso.example>"])["<out-1@contoso.example>"]) == [sent, back]


def test_a_mail_that_came_attached_is_found_by_the_outer_message_id_too(world: World) -> None:
    other = receive(world, 1)
    inner = receive(world, 2, clues=MailClues(outer_id="<outer@contoso.example>"))
    found = world.lookup.by_message_id(["<outer@contoso.example>", "<2@fabrikam.example>", "<1@fabrikam.example>"])
    assert {name: list(mails) for name, mails in found.items()} == {
        "<outer@contoso.example>": [inner],
        "<2@fabrikam.example>": [inner],
        "<1@fabrikam.example>": [other],
    }


def test_a_mail_without_a_message_id_answers_to_none(world: World) -> None:
    receive(world, 1, message_id=" ")
    assert dict(world.lookup.by_message_id([""])) == {}


def test_copies_of_one_message_id_do_not_grow_without_end(world: World) -> None:
    for number in range(MOST_CANDIDATES + 5):
        receive(world, number, message_id="<same@fabrikam.example>")
    assert len(world.lookup.by_message_id(["<same@fabrikam.example>"])["<same@fabrikam.example>"]) <= MOST_CANDIDATES + 1


def test_outgoing_mail_is_found_by_its_token_whatever_the_case(world: World) -> None:
    first, second = send(world, 1, token="CRM:0001001"), send(world, 2, token="crm:0001001")
    send(world, 3)
    found = world.lookup.by_token(["crm:0001001", "crm:0001002"])
    assert {name: list(mails) for name, mails in found.items()} == {"crm:0001001": [second, first]}


def test_mails_are_found_by_their_conversation(world: World) -> None:
    reply = answer(ROOT, 1, START + timedelta(hours=1))
    first = receive(world, 1, clues=MailClues(conversation=ROOT, at=AT))
    sent = send(world, 1, clues=MailClues(conversation=reply, at=AT))
    twin = receive(world, 2, clues=MailClues(conversation=ROOT, at=AT))
    receive(world, 3, clues=MailClues(conversation=new_conversation(bytes(15) + b"x", START), at=AT))
    found = world.lookup.by_conversation([ROOT, bytes(22)])
    assert {root: list(members) for root, members in found.items()} == {ROOT: [(reply, sent), (ROOT, twin), (ROOT, first)]}


def test_mails_are_found_by_likeness_newest_first(world: World) -> None:
    old = receive(world, 1, clues=MailClues(words=(7,), people=(5,), keys=(1, 2), at="2026-01-01T00:00:00Z"))
    new = receive(world, 2, clues=MailClues(words=(8, 9), people=(5,), keys=(2,), at="2026-02-01T00:00:00Z"))
    sent = send(world, 1, clues=MailClues(words=(7,), people=(5,), keys=(2, 3), at="2026-01-15T00:00:00Z"))
    lookup = world.lookup
    assert {key: list(mails) for key, mails in lookup.by_likeness([1, 2, 4], since="").items()} == {1: [old], 2: [new, sent, old]}
    assert {key: list(mails) for key, mails in lookup.by_likeness([1, 2], since="2026-01-15T00:00:00Z").items()} == {2: [new, sent]}
    assert dict(lookup.hashes([old, new, MailRef(kind="email", id=99)])) == {
        old: Hashes(frozenset({7}), frozenset({5})),
        new: Hashes(frozenset({8, 9}), frozenset({5})),
    }


def test_the_mails_of_one_key_do_not_grow_without_end(world: World) -> None:
    for number in range(MOST_ALIKE + 3):
        send(world, number, clues=MailClues(words=(7,), people=(5,), keys=(1,), at=f"2026-01-01T00:{number // 60:02d}:{number % 60:02d}Z"))
    found = world.lookup.by_likeness([1], since="")[1]
    assert len(found) == MOST_ALIKE
    assert found[0] == MailRef(kind="outbox", id=MOST_ALIKE + 3)


def test_facts_are_people_subject_and_owner(world: World) -> None:
    received, sent = receive(world, 1), send(world, 1, regarding=CASE)
    facts = world.lookup.facts([received, sent, MailRef(kind="email", id=99)])
    assert set(facts) == {received, sent}
    assert facts[received].people == {"ann@fabrikam.example", "sales@contoso.example", "b@fabrikam.example"}
    assert (facts[received].message_id, facts[received].at) == ("<1@fabrikam.example>", AT)
    assert (facts[received].regarding, facts[received].owner) == (None, "")
    assert facts[sent].people == {"sales@contoso.example", "ann@fabrikam.example", "hidden@fabrikam.example"}
    assert (facts[sent].message_id, facts[sent].regarding) == ("<out-1@contoso.example>", CASE)
    assert facts[sent].at == f"{START.isoformat()[:19]}Z"


def test_what_a_mail_is_about_is_handed_on(world: World) -> None:
    how = Correlation(
        method=CorrelationMethod.TRACKING_TOKEN, correlated=MailRef(kind="outbox", id=1), parent=None, clue="crm:0001001", regarding=CASE
    )
    mail = receive(world, 1, tracking=Tracking(correlation=how, owner=PartyRef(type=PartyType.USER, id="u-1")))
    facts = world.lookup.facts([mail])[mail]
    assert (facts.regarding, facts.owner) == (CASE, "u-1")


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with Database.open(tmp_path / "engine.db") as opened:
        yield opened


@pytest.fixture
def kept(database: Database, tmp_path: Path) -> Iterator[World]:
    store = SqliteMailStore(database, tmp_path)
    yield World(SqliteCorrelation(database), store, SqliteOutbox(database))
    store.close()


def test_what_is_deleted_is_found_no_more(database: Database, kept: World) -> None:
    clues = MailClues(conversation=ROOT, words=(7, 8), people=(5,), keys=(1, 2), at=AT)
    received, sent = receive(kept, 1, clues=clues), send(kept, 1, token="CRM:0001001", clues=clues)

    def rows() -> list[int]:
        tables = ("correlation_thread", "correlation_subject", "correlation_likeness")
        return [database.reader().execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in tables]

    assert rows() == [2, 2, 4]

    def delete(connection) -> None:  # type: ignore[no-untyped-def]
        connection.execute("DELETE FROM mail_locations")
        connection.execute("DELETE FROM mail_activities WHERE id = ?", (received.id,))

    database.write(delete)
    assert rows() == [1, 1, 2]
    assert list(kept.lookup.by_likeness([1], since="")[1]) == [sent]

    def delete_sent(connection) -> None:  # type: ignore[no-untyped-def]
        for table, column in (("outbox_content", "entry"), ("outbox_recipient", "entry"), ("outbox_event", "entry"), ("outbox", "id")):
            connection.execute(f"DELETE FROM {table} WHERE {column} = ?", (sent.id,))

    database.write(delete_sent)
    assert rows() == [0, 0, 0]
    assert dict(kept.lookup.by_token(["crm:0001001"])) == {}


def test_indexing_again_changes_nothing(database: Database, kept: World) -> None:
    clues = MailClues(conversation=ROOT, words=(7, 8), people=(5,), keys=(1, 2), at=AT)
    received, sent = receive(kept, 1, clues=clues), send(kept, 1, clues=clues)
    before = list(database.reader().iterdump())
    database.write(lambda connection: index_email(connection, received.id, replace(clues)))
    database.write(lambda connection: index_outgoing(connection, sent.id, replace(clues)))
    assert list(database.reader().iterdump()) == before


def test_each_look_uses_an_index(database: Database) -> None:
    """Two hundred thousand mails must not be read to find one."""
    from reconcile.store.sqlite import correlation

    for name in ("_BY_ID", "_BY_TOKEN", "_BY_ROOT", "_BY_KEY", "_HASHES", "_EMAILS", "_OUTGOING"):
        statement: str = getattr(correlation, name)
        plan = database.reader().execute(f"EXPLAIN QUERY PLAN {statement}", ("[]",) * statement.count("?")).fetchall()
        read_whole = [row["detail"] for row in plan if row["detail"].startswith("SCAN") and "asked" not in row["detail"]]
        assert all("subquery" in detail for detail in read_whole), (name, read_whole)
