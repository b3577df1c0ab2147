"""What correlation keeps beside the mails goes where they go: purged with them, in a backup with them, away by age."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest

from reconcile.controller.retention import Retention, RetentionTools
from reconcile.model.audit_record import AuditRecord
from reconcile.model.mail_clues import MailClues
from reconcile.model.purge import PurgeSelection
from reconcile.ports.target import AppliedResource
from reconcile.store.sqlite.correlation import SqliteCorrelation
from reconcile.store.sqlite.database import Database
from reconcile.store.sqlite.mail import SqliteMailStore
from reconcile.store.sqlite.outbox import SqliteOutbox
from reconcile.store.sqlite.purge import SqlitePurge
from support.applied import Applied
from support.correlated import AT, ROOT, World, receive, send

RECORD = AuditRecord(
    at=AT, actor="ops@contoso.example", apply_id="", action="purge", key="", result="done", source="", revision="", detail="{}"
)
CLUES = MailClues(conversation=ROOT, words=(7, 8), people=(5,), keys=(1, 2), at=AT)
TABLES = ("correlation_thread", "correlation_subject", "correlation_likeness")


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    database: Database
    world: World
    purge: SqlitePurge

    def rows(self) -> list[int]:
        return [self.database.reader().execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in TABLES]


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Kept]:
    with Database.open(tmp_path / "engine.db") as database:
        store = SqliteMailStore(database, tmp_path)
        world = World(SqliteCorrelation(database), store, SqliteOutbox(database))
        yield Kept(database=database, world=world, purge=SqlitePurge(database, tmp_path))
        store.close()


def test_a_purged_mail_leaves_nothing_to_be_found_by(kept: Kept) -> None:
    gone, stays = receive(kept.world, 1, clues=CLUES), receive(kept.world, 2, clues=CLUES)
    sent = send(kept.world, 1, token="CRM:0001001", clues=CLUES)
    assert kept.rows() == [3, 3, 6]
    kept.purge.purge(PurgeSelection(activity_id=gone.id, outgoing=False), limit=10, record=RECORD)
    assert kept.rows() == [2, 2, 4]
    assert list(kept.world.lookup.by_likeness([1], since="")[1]) == [stays, sent]
    assert "<1@fabrikam.example>" not in kept.world.lookup.by_message_id(["<1@fabrikam.example>"])
    kept.database.write(lambda connection: connection.execute("UPDATE outbox SET state = 'sent'") and None)
    kept.purge.purge(PurgeSelection(outgoing_id=sent.id, mail=False), limit=10, record=RECORD)
    assert kept.rows() == [1, 1, 2]
    assert dict(kept.world.lookup.by_token(["crm:0001001"])) == {}


def test_a_backup_finds_what_the_store_found(kept: Kept, tmp_path: Path) -> None:
    mail, sent = receive(kept.world, 1, clues=CLUES), send(kept.world, 1, token="CRM:0001001", clues=CLUES)
    copy = tmp_path / "copy" / "engine.db"
    copy.parent.mkdir()
    kept.database.copy(copy)
    with Database.open(copy) as restored:
        lookup = SqliteCorrelation(restored)
        assert {one for _, one in lookup.by_conversation([ROOT])[ROOT]} == {mail, sent}
        assert list(lookup.by_token(["crm:0001001"])["crm:0001001"]) == [sent]
        assert set(lookup.by_likeness([2], since="")[2]) == {mail, sent}


def test_hashes_go_by_age_and_threads_stay(kept: Kept) -> None:
    for number, at in enumerate(("2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z", "2026-01-03T00:00:00Z"), 1):
        receive(kept.world, number, clues=MailClues(conversation=ROOT, words=(7,), people=(5,), keys=(1, 2), at=at))
    assert kept.purge.forget_hashes(before="2026-01-01T00:00:00Z", limit=10) == 0
    assert kept.purge.forget_hashes(before="2026-01-03T00:00:00Z", limit=1) == 1
    assert kept.rows() == [3, 2, 4]
    assert kept.purge.forget_hashes(before="2026-01-03T00:00:00Z", limit=10) == 1
    assert kept.rows() == [3, 1, 2]


@dataclass
class _Clock:
    at: datetime = field(default_factory=lambda: datetime(2026, 4, 1, 8, 0, tzinfo=UTC))

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return 0.0

    def sleep(self, seconds: float) -> None: ...


@pytest.mark.parametrize(
    ("declared", "left"),
    [
        ({"smartMatching.enabled": True}, 1),  # the one that is not older than ninety days
        ({"smartMatching.enabled": True, "smartMatching.disabledByEnvironment": True}, 1),
        ({"smartMatching.enabled": True, "smartMatching.disableHashCreation": True}, 0),
        ({}, 0),
    ],
)
def test_the_loop_keeps_hashes_only_where_they_are_wanted(kept: Kept, declared: dict[str, bool], left: int) -> None:
    receive(kept.world, 1, clues=MailClues(words=(7,), people=(5,), keys=(1, 2), at="2025-12-31T00:00:00Z"))
    receive(kept.world, 2, clues=MailClues(conversation=ROOT, words=(7,), people=(5,), keys=(1, 2), at=AT))
    applied = Applied([AppliedResource(kind="Organization", name="o", external_id="o1", spec=dict(declared))])

    @contextmanager
    def opened() -> Iterator[RetentionTools]:
        yield RetentionTools(applied=applied, purge=kept.purge, record=lambda: RECORD)

    Retention(opened=opened, clock=_Clock(), stop=lambda: False).run()
    assert kept.rows() == [1, left, 2 * left]
