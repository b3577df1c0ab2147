"""Purging against what goes on at the same time: mail that arrives, readers, backups, another purge."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from reconcile.errors import Unavailable
from reconcile.model.audit_record import AuditRecord
from reconcile.model.cursor import Cursor
from reconcile.model.purge import Erased, PurgeSelection
from reconcile.model.remote_id import RemoteId
from reconcile.ports.mail_store import Arrival, Kept, ReceivedBatch
from reconcile.store.sqlite import compact
from reconcile.store.sqlite.backup import packs_stay
from reconcile.store.sqlite.database import Database
from reconcile.store.sqlite.mail import SqliteMailStore, SqliteReceiving
from reconcile.store.sqlite.purge import SqlitePurge
from support.described import described

AT = "2026-03-01T08:00:00Z"
RECORD = AuditRecord(
    at=AT, actor="ops@contoso.example", apply_id="", action="purge", key="", result="done", source="", revision="", detail="{}"
)
EVERYTHING = PurgeSelection(before="2027-01-01T00:00:00Z", settled_before="2027")


class Store:
    """A store in a folder, with its mail and what purges it."""

    def __init__(self, folder: Path, database: Database) -> None:
        self.folder = folder
        self.database = database
        self.mail = SqliteMailStore(database, folder)
        self.purge = SqlitePurge(database, folder)

    def bring(self, receiving: SqliteReceiving, *raws: bytes, received: str = AT, keep: bool = True, restart: bool = False) -> Kept:
        arrivals = [self.arrive(receiving, raw, received=received, keep=keep) for raw in raws]
        return receiving.commit(ReceivedBatch(cursor=Cursor("imap", "1"), messages=1, at=AT, arrivals=arrivals, restart=restart))

    def arrive(self, receiving: SqliteReceiving, raw: bytes, *, received: str = AT, keep: bool = True) -> Arrival:
        found = described(raw)
        place = None
        if keep:
            receiving.begin()
            receiving.write(raw)
            place = receiving.end()
        return Arrival(
            remote_id=RemoteId("imap", str(hash(raw))),
            received=received,
            size=len(raw),
            raw=found.raw,
            content=found.content,
            header=found.header,
            header_length=found.header_length,
            place=place,
        )

    def all(self) -> dict[int, bytes]:
        return {one.id: b"".join(self.mail.raw(one.id)) for one in self.mail.activities(mailbox_id=None, since=None, limit=None)}

    def take(self, selection: PurgeSelection, limit: int = 1000) -> tuple[int, int]:
        done = self.purge.purge(selection, limit=limit, record=RECORD)
        return done.mails, done.released

    def erase(self) -> Erased:
        return self.purge.erase(now=AT, at_once=True)

    def files(self) -> dict[str, int]:
        return {path.name: path.stat().st_size for path in sorted((self.folder / "packs").glob("*.pack"))}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Database.open(tmp_path / "engine.db") as database:
        made = Store(tmp_path, database)
        yield made
        made.mail.close()


def mail(number: int) -> bytes:
    return b"Message-ID: <%d@contoso.example>\r\nSubject: %d\r\n\r\n%s" % (number, number, b"%d" % number * 100)


def fill(store: Store, *numbers: int, mailbox: str = "a") -> None:
    with store.mail.receive(mailbox) as receiving:
        store.bring(receiving, *(mail(number) for number in numbers))
    store.mail.close()


def test_steps_take_as_many_as_they_may_and_say_when_nothing_is_left(store: Store) -> None:
    fill(store, *range(5))
    assert store.purge.count(EVERYTHING).mails == 5
    assert [store.take(EVERYTHING, 2) for _ in range(4)] == [(2, 0), (2, 0), (1, 0), (0, 0)]
    with store.database.snapshot() as connection:
        details = [row[0] for row in connection.execute("SELECT detail FROM audit ORDER BY sequence")]
        assert connection.execute("SELECT count(*), count(DISTINCT mark) FROM mail_purged").fetchone()[:] == (5, 5)
    assert ['"mails":2' in one for one in details] == [True, True, False]


def test_a_body_that_was_known_and_is_purged_before_its_commit_is_read_again(store: Store) -> None:
    fill(store, 1)
    with store.mail.receive("b") as receiving:
        found = described(mail(1))
        assert receiving.known([(found.header.message_id, found.content)])
        store.take(PurgeSelection(mailbox_id="a"))
        with pytest.raises(Unavailable, match="purged in between"):
            store.bring(receiving, mail(1), keep=False)
    # It was purged from the other mailbox only, so it comes.
    fill(store, 1, mailbox="b")
    assert [*store.all().values()] == [mail(1)]


def test_a_body_that_arrives_while_it_is_purged_is_refused_and_erased(store: Store) -> None:
    fill(store, 1, 2)
    with store.mail.receive("a") as receiving:
        late = store.arrive(receiving, mail(1))
        store.take(PurgeSelection(activity_id=1))
        kept = receiving.commit(ReceivedBatch(cursor=Cursor("imap", "2"), messages=1, at=AT, arrivals=[late], restart=True))
        assert (kept.tracked, kept.duplicates) == (0, 0)
        assert receiving.known([(late.header.message_id, late.content)]), "from now on its bytes are not even written"
    with store.mail.receive("a") as receiving:
        assert receiving.known([(late.header.message_id, late.content)])
    store.mail.close()
    while store.erase().packs:
        pass
    assert [*store.all().values()] == [mail(2)]
    assert sum(store.files().values()) == len(mail(2))


def test_twins_without_a_name_are_told_apart_by_what_is_still_kept(store: Store) -> None:
    twin = b"Subject: twin\r\n\r\nsame"
    with store.mail.receive("a") as receiving:
        arrivals = [store.arrive(receiving, twin), store.arrive(receiving, twin)]
        placed = [
            Arrival(**{**{name: getattr(one, name) for name in one.__slots__}, "remote_id": RemoteId("imap", str(n))})
            for n, one in enumerate(arrivals)
        ]
        receiving.commit(ReceivedBatch(cursor=Cursor("imap", "1"), messages=2, at=AT, arrivals=placed))
    store.take(PurgeSelection(activity_id=1))
    with store.mail.receive("a") as receiving:
        kept = store.bring(receiving, twin, restart=True)
        assert (kept.tracked, kept.duplicates) == (0, 1), "the one that is kept is found again"
        assert store.bring(receiving, twin).tracked == 0, "the other one was purged"
        assert store.bring(receiving, twin, received="2026-03-02T08:00:00Z").tracked == 1, "another date is another mail"


def test_a_reader_finds_a_mail_that_moved_since_it_looked(store: Store) -> None:
    fill(store, 1, 2)
    before = store.mail.raw(2)
    (name,) = store.files()
    store.take(PurgeSelection(activity_id=1))
    # It has looked where the mail lies, but not opened the file yet.
    original, moved = store.mail._packs.read, []

    def read(place: object) -> Iterator[bytes]:
        if not moved:
            moved.append(store.erase())
            assert name not in store.files()
        return original(place)  # type: ignore[arg-type]

    store.mail._packs.read = read  # type: ignore[method-assign,assignment]
    assert b"".join(before) == mail(2)
    assert moved == [Erased(packs=1, octets=len(mail(1)))]


def test_no_file_goes_while_a_backup_reads_and_its_number_is_never_used_again(store: Store) -> None:
    fill(store, 1, 2)
    (old,) = store.files()
    store.take(PurgeSelection(activity_id=1))
    with packs_stay(store.folder, shared=True):
        assert store.erase().packs == 1
        assert old in store.files()
        assert not store.erase().packs
        assert old in store.files()
        # It takes no new mail either.
        fill(store, 3)
        assert store.files()[old] == len(mail(1)) + len(mail(2))
    store.erase()
    assert old not in store.files()
    store.take(EVERYTHING)
    while store.erase().packs:
        pass
    numbers = {*store.files()}
    fill(store, 4)
    assert old not in store.files()
    assert not numbers & {old}
    assert [*store.all().values()] == [mail(4)]


def test_a_pack_that_is_written_to_waits(store: Store) -> None:
    fill(store, 1)
    with store.mail.receive("b") as receiving:
        store.bring(receiving, mail(2))
        store.take(PurgeSelection(activity_id=1))
        assert store.erase() == Erased(waiting=1)
    store.mail.close()
    assert store.erase().packs == 1
    assert [*store.all().values()] == [mail(2)]


def test_mail_that_is_purged_while_its_pack_is_rewritten_is_erased_too(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(store, 1, 2, 3)
    store.take(PurgeSelection(activity_id=1))
    move = compact._move

    def late(*arguments: object) -> None:
        # The bytes are copied; now a mail of them is purged, before its row moves.
        monkeypatch.setattr(compact, "_move", move)
        connection = arguments[0]
        connection.execute("DELETE FROM mail_locations WHERE activity_id = 2")  # type: ignore[attr-defined]
        connection.execute("DELETE FROM mail_activities WHERE id = 2")  # type: ignore[attr-defined]
        move(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(compact, "_move", late)
    assert store.erase().packs == 1
    assert sum(store.files().values()) == len(mail(2)) + len(mail(3))
    assert store.erase().packs == 1
    assert sum(store.files().values()) == len(mail(3))
    assert [*store.all().values()] == [mail(3)]


def test_the_loop_rewrites_when_it_is_worth_while_or_a_day_has_passed(store: Store) -> None:
    fill(store, *range(1, 11))
    store.take(PurgeSelection(activity_id=1))
    assert store.purge.erase(now="2026-03-02T07:59:59Z", at_once=False).packs == 0
    assert store.purge.erase(now="2026-03-02T08:00:00Z", at_once=False).packs == 1
    for number in (2, 3, 4):
        store.take(PurgeSelection(activity_id=number))
    assert store.purge.erase(now=AT, at_once=False).packs == 1
