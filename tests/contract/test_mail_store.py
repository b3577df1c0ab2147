"""What every mail store keeps to: the memory twin, and SQLite with packs."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from reconcile.errors import Locked, PermanentError
from reconcile.model.cursor import Cursor
from reconcile.model.mailbox_state import Attempt
from reconcile.model.message import Attachment, MessageText
from reconcile.model.remote_id import RemoteId
from reconcile.ports.mail_store import Arrival, MailStore, ReceivedBatch, Receiving
from reconcile.store.memory.mail import MemoryMailStore
from reconcile.store.sqlite.database import Database
from reconcile.store.sqlite.mail import SqliteMailStore
from reconcile.sync.decide.describe import describe
from support.described import described

AT = "2026-03-01T08:00:00Z"
Reopen = Callable[[], MailStore]


@pytest.fixture(params=["memory", "sqlite"])
def reopen(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Reopen]:
    """Each call gives the store as the next process finds it."""
    if request.param == "memory":
        kept = MemoryMailStore()
        yield lambda: kept
        return
    opened: list[tuple[Database, SqliteMailStore]] = []

    def close() -> None:
        for database, store in opened:
            store.close()
            database.close()
        opened.clear()

    def open_() -> MailStore:
        close()
        database = Database.open(tmp_path / "engine.db")
        store = SqliteMailStore(database, tmp_path)
        opened.append((database, store))
        return store

    yield open_
    close()


def arrive(receiving: Receiving, remote: str, raw: bytes, received: str = AT, *, told: bool = False) -> Arrival:
    """As `sync.keeping` lets it arrive: a small message (its content is told where it is asked for) or a large one (it always is)."""
    found = describe(raw)
    if told or receiving.met({found.header.message_id}):
        found = described(raw)
    known = found.content and receiving.known([(found.header.message_id, found.content)])
    place = None
    if not known:
        receiving.begin()
        for start in range(0, len(raw), 5):
            receiving.write(raw[start : start + 5])
        place = receiving.end()
    return Arrival(
        remote_id=RemoteId("imap", remote),
        received=received,
        size=found.size,
        raw=found.raw,
        content=found.content,
        header=found.header,
        header_length=found.header_length,
        place=place,
    )


def commit(receiving: Receiving, *arrivals: Arrival, cursor: str = "1", restart: bool = False, **more: object):
    return receiving.commit(
        ReceivedBatch(arrivals=arrivals, cursor=Cursor("imap", cursor), restart=restart, messages=len(arrivals), at=AT, **more)  # type: ignore[arg-type]
    )


@contextmanager
def into(store: MailStore, mailbox: str = "a") -> Iterator[Receiving]:
    with store.receive(mailbox) as receiving:
        yield receiving


def mail(number: int, text: bytes = b"body") -> bytes:
    return b"Message-ID: <%d@contoso.example>\r\nSubject: %d\r\nFrom: A <a@contoso.example>\r\n\r\n%s" % (number, number, text)


def bodies(store: MailStore) -> list[bytes]:
    return [b"".join(store.raw(each.id)) for each in store.activities(mailbox_id=None, since=None, limit=None)]


def test_an_untouched_store_is_empty(reopen: Reopen) -> None:
    store = reopen()
    assert (list(store.activities(mailbox_id=None, since=None, limit=None)), dict(store.states())) == ([], {})
    assert store.activity(1) is None
    assert store.text(1) is None
    assert dict(store.holders(["a"])) == {}


def test_what_was_committed_is_there_for_the_next_process(reopen: Reopen) -> None:
    raws = [mail(1), mail(2), b"", b"no header at all"]
    with into(reopen()) as receiving:
        kept = commit(receiving, *(arrive(receiving, str(index), raw) for index, raw in enumerate(raws)), cursor="7")
        assert (kept.tracked, kept.duplicates, kept.conflicting) == (4, 0, 0)
    store = reopen()
    assert sorted(bodies(store)) == sorted(raws)
    state = store.states()["a"]
    assert (state.cursor, state.tracked, state.decided, state.generation) == (Cursor("imap", "7"), 4, 4, 0)
    newest = next(store.activities(mailbox_id="a", since=None, limit=1))
    assert newest.mailboxes == ("a",)
    assert newest.raw_digest == hashlib.sha256(b"".join(store.raw(newest.id))).hexdigest()


def test_of_several_messages_those_are_known_whose_id_and_content_are_kept(reopen: Reopen) -> None:
    raws = [mail(number) for number in range(80)] + [b"Subject: nameless\r\n\r\nbody", b"Message-ID: <a\0b@contoso.example>\r\n\r\nbody"]
    store = reopen()
    with into(store) as receiving:
        commit(receiving, *(arrive(receiving, str(index), raw) for index, raw in enumerate(raws) if index % 2 == 0 or index > 79))
    asked = [(found.header.message_id, found.content) for found in map(described, [*raws, mail(2, b"another body")])]
    with into(store, "b") as receiving:
        assert receiving.known(asked) == {*asked[:80:2], asked[81]}
        assert receiving.known([]) == set()


def test_what_was_not_committed_is_not_there(reopen: Reopen) -> None:
    with into(reopen()) as receiving:
        arrive(receiving, "1", mail(1))
    store = reopen()
    assert bodies(store) == []
    with into(store) as receiving:
        assert receiving.state.cursor is None
        commit(receiving, arrive(receiving, "2", mail(2)))
    assert bodies(reopen()) == [mail(2)]


def test_a_discarded_body_leaves_nothing(reopen: Reopen) -> None:
    store = reopen()
    with into(store) as receiving:
        first = arrive(receiving, "1", mail(1))
        receiving.begin()
        receiving.write(b"half of a")
        receiving.discard()
        commit(receiving, first, arrive(receiving, "2", mail(2)))
    assert sorted(bodies(reopen())) == [mail(1), mail(2)]


@pytest.mark.parametrize("large", [(), (1,), (2,), (1, 2)])
def test_the_same_id_and_content_is_one_whatever_the_mailbox(reopen: Reopen, large: Sequence[int]) -> None:
    store = reopen()
    with into(store, "a") as one, into(store, "b") as two:
        # Both are on their way before either is committed.
        first = arrive(one, "1", b"Received: x\r\n" + mail(1), told=1 in large)
        second = arrive(two, "9", b"X-Y: z\r\n" + mail(1), told=2 in large)
        assert commit(one, first).tracked == 1
        assert commit(two, second).duplicates == 1
        third = arrive(two, "10", mail(1))
        assert third.place is None
        assert commit(two, third).duplicates == 1
    (activity,) = reopen().activities(mailbox_id=None, since=None, limit=None)
    assert activity.mailboxes == ("a", "b")


@pytest.mark.parametrize("large", [(), (1,), (2,), (1, 2)])
def test_two_copies_in_one_batch_are_one(reopen: Reopen, large: Sequence[int]) -> None:
    store = reopen()
    with into(store) as receiving:
        first = arrive(receiving, "1", mail(1), told=1 in large)
        second = arrive(receiving, "2", b"Received: y\r\n" + mail(1), told=2 in large)
        kept = commit(receiving, first, second, arrive(receiving, "3", mail(2)))
        assert (kept.tracked, kept.duplicates, kept.conflicting) == (2, 1, 0)
    assert sorted(bodies(reopen())) == [mail(1), mail(2)]


@pytest.mark.parametrize("large", [(), (1,), (2,), (1, 2)])
def test_the_same_id_with_other_content_is_kept_and_flagged(reopen: Reopen, large: Sequence[int]) -> None:
    store = reopen()
    with into(store) as receiving:
        first, second = arrive(receiving, "1", mail(1, b"a"), told=1 in large), arrive(receiving, "2", mail(1, b"b"), told=2 in large)
        assert commit(receiving, first, second).conflicting == 1
        assert commit(receiving, arrive(receiving, "3", mail(1, b"c"))).conflicting == 1
        again = [arrive(receiving, f"1{number}", mail(1, text)) for number, text in enumerate((b"a", b"b", b"c"))]
        assert [each.place for each in again] == [None] * 3
        assert commit(receiving, *again).duplicates == 3
    found = list(reopen().activities(mailbox_id=None, since=None, limit=None))
    assert sorted(each.conflicting for each in found) == [False, True, True]


@pytest.mark.parametrize("before", ["met", "on its way"])
def test_what_is_met_again_with_other_bytes_is_compared_by_content(reopen: Reopen, before: str) -> None:
    store = reopen()
    with into(store, "a") as one, into(store, "b") as two:
        late = arrive(two, "1", b"Received: z\r\n" + mail(1)) if before == "on its way" else None
        commit(one, arrive(one, "1", mail(1)))
        late = late or arrive(two, "1", b"Received: z\r\n" + mail(1))
        assert commit(two, late, arrive(two, "2", mail(1, b"other"))).duplicates == 1
    assert sorted(bodies(reopen())) == [mail(1), mail(1, b"other")]


def test_without_an_id_nothing_is_merged_but_a_re_index_recognises(reopen: Reopen) -> None:
    raw = b"Subject: twins\r\n\r\nsame"
    store = reopen()
    with into(store) as receiving:
        commit(receiving, arrive(receiving, "1", raw), arrive(receiving, "2", raw))
        again = [arrive(receiving, str(number), raw) for number in (11, 12, 13)]
        kept = commit(receiving, again[0], restart=True)
        assert (kept.tracked, kept.duplicates) == (0, 1)
        kept = commit(receiving, again[1], again[2])
        assert (kept.tracked, kept.duplicates) == (1, 1), "the third is a new one"
        other = commit(receiving, arrive(receiving, "14", raw, "2026-03-02T08:00:00Z"), restart=True)
        assert other.tracked == 1, "another date"
    with into(store, "b") as receiving:
        assert commit(receiving, arrive(receiving, "1", raw)).tracked == 1, "another mailbox"
    assert len(bodies(reopen())) == 5


def test_missing_messages_are_remembered_counted_and_reported(reopen: Reopen) -> None:
    five, six = RemoteId("imap", "5"), RemoteId("imap", "6")
    store = reopen()
    with into(store) as receiving:
        commit(receiving, missing=(five, six), report_after=2)
    with into(reopen()) as receiving:
        assert [(each.remote_id, each.attempts, each.reported) for each in receiving.state.missing] == [(five, 1, False), (six, 1, False)]
        commit(receiving, missing=(five, six), report_after=2)
        assert all(each.reported for each in receiving.state.missing)
        commit(receiving, arrive(receiving, "5", mail(5)), vanished=(six,))
        assert receiving.state.missing == ()
    state = reopen().states()["a"]
    assert (state.missing, state.vanished) == ((), 1)


def test_one_mailbox_is_received_by_one_at_a_time(reopen: Reopen) -> None:
    store = reopen()
    with into(store, "a"):
        assert "a" in store.holders(["a", "b"])
        with pytest.raises(Locked, match="is being synchronised by"), into(store, "a"):
            pass
        with into(store, "b"):
            pass
    with into(store, "a"):
        pass


def test_attempts_are_recorded_apart_from_counts(reopen: Reopen) -> None:
    store = reopen()
    with into(store) as receiving:
        commit(receiving, arrive(receiving, "1", mail(1)))
    store.record([Attempt(mailbox_id="a", at="2026-03-01T09:00:00Z", fingerprint="f", server_messages=3)])
    for minute in (1, 2):
        store.record(
            [
                Attempt(
                    mailbox_id=mailbox,
                    at=f"2026-03-01T09:0{minute}:00Z",
                    fingerprint="g",
                    error_kind="Unavailable",
                    error="away",
                    hint="wait",
                    retry_after=9.0,
                    about="account",
                    failures=minute,
                    counted_at=f"2026-03-01T09:0{minute}:00Z",
                    breaks=minute + 1,
                    stuck_since="2026-03-01T08:00:00Z",
                    news=minute == 1,
                )
                for mailbox in ("a", "b")
            ]
        )
    store = reopen()
    states = store.states()
    state = states["a"]
    assert (state.tracked, state.failures, state.last_success, state.server_messages) == (1, 2, "2026-03-01T09:00:00Z", 3)
    assert (state.error_kind, state.error, state.hint, state.retry_after, state.fingerprint) == ("Unavailable", "away", "wait", 9.0, "g")
    assert (state.about, state.counted_at, state.breaks, state.stuck_since) == (
        "account",
        "2026-03-01T09:02:00Z",
        3,
        "2026-03-01T08:00:00Z",
    )
    assert (state.looks, state.transient_failures, state.last_news) == (3, 2, "2026-03-01T09:01:00Z")
    assert (states["b"].last_success, states["b"].cursor) == ("", None)
    with into(store) as receiving:
        commit(receiving, arrive(receiving, "2", mail(2)))
    assert store.states()["a"].failures == 2
    store.record([Attempt(mailbox_id="a", at="2026-03-01T10:00:00Z", fingerprint="g")])
    state = store.states()["a"]
    assert (state.failures, state.error_kind, state.about, state.breaks, state.stuck_since) == (0, "", "", 0, "")
    store.record([Attempt(mailbox_id="a", at="2026-03-01T10:05:00Z", fingerprint="g", error_kind="PermissionDenied", permanent=True)])
    assert store.states()["a"].transient_failures == 2


def test_activities_are_listed_newest_first_and_can_be_narrowed(reopen: Reopen) -> None:
    store = reopen()
    with into(store) as receiving:
        commit(receiving, *(arrive(receiving, str(day), mail(day), f"2026-03-{day:02d}T00:00:00Z") for day in (3, 1, 2)))
    with into(store, "b") as receiving:
        commit(receiving, arrive(receiving, "1", mail(4), "2026-03-04T00:00:00Z"))

    def days(**narrow: object) -> list[int]:
        return [int(each.header.subject) for each in store.activities(**{"mailbox_id": None, "since": None, "limit": None, **narrow})]  # type: ignore[arg-type]

    assert days() == [4, 3, 2, 1]
    assert days(mailbox_id="a") == [3, 2, 1]
    assert days(limit=2) == [4, 3]
    assert days(since=datetime(2026, 3, 2, tzinfo=UTC)) == [4, 3, 2]
    assert days(mailbox_id="nobody") == []


def test_texts_are_kept_once_parsed(reopen: Reopen) -> None:
    store = reopen()
    with into(store) as receiving:
        commit(receiving, arrive(receiving, "1", mail(1)))
    (activity,) = store.activities(mailbox_id=None, since=None, limit=None)
    text = MessageText(text="hé", attachments=(Attachment(part=2, name="ä.pdf", content_type="application/pdf", size=3),), defects=("x",))
    store.keep_text(activity.id, text)
    assert reopen().text(activity.id) == text


def test_many_mailboxes_at_once_do_not_mix(reopen: Reopen) -> None:
    store = reopen()
    wrong: list[BaseException] = []

    def work(mailbox: str) -> None:
        try:
            with into(store, mailbox) as receiving:
                for part in range(5):
                    commit(
                        receiving, *(arrive(receiving, f"{part}-{n}", mail(n, mailbox.encode() * 50)) for n in range(10)), cursor=str(part)
                    )
        except BaseException as error:  # noqa: BLE001
            wrong.append(error)

    threads = [threading.Thread(target=work, args=(f"box{number}",)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert len(bodies(reopen())) == 60


class TestPacks:
    """What only SQLite with packs can show."""

    def fill(self, folder: Path) -> None:
        with Database.open(folder / "engine.db") as database:
            store = SqliteMailStore(database, folder)
            with into(store) as receiving:
                commit(receiving, arrive(receiving, "1", mail(1)))
            store.close()

    def test_the_tail_a_crash_left_is_cut_off(self, tmp_path: Path) -> None:
        self.fill(tmp_path)
        (pack,) = (tmp_path / "packs").glob("*.pack")
        whole = pack.stat().st_size
        with pack.open("ab") as file:
            file.write(b"half a message that no row names")
        with Database.open(tmp_path / "engine.db") as database:
            store = SqliteMailStore(database, tmp_path)
            with into(store) as receiving:
                commit(receiving, arrive(receiving, "2", mail(2)))
            assert sorted(bodies(store)) == [mail(1), mail(2)]
            store.close()
        assert pack.stat().st_size == whole + len(mail(2))

    def test_damage_is_told_and_never_handed_out_as_whole(self, tmp_path: Path) -> None:
        self.fill(tmp_path)
        (pack,) = (tmp_path / "packs").glob("*.pack")
        content = bytearray(pack.read_bytes())
        content[5] ^= 1
        pack.write_bytes(content)
        with Database.open(tmp_path / "engine.db", read_only=True) as database, pytest.raises(PermanentError, match="damaged"):
            bodies(SqliteMailStore(database, tmp_path))
        pack.write_bytes(content[:-3])
        with Database.open(tmp_path / "engine.db") as database, pytest.raises(PermanentError, match="ends before"):
            bodies(SqliteMailStore(database, tmp_path))

    @pytest.mark.parametrize("damage", ["cut", "deleted"])
    def test_a_pack_that_is_damaged_does_not_stop_new_mail(self, tmp_path: Path, damage: str) -> None:
        self.fill(tmp_path)
        (pack,) = (tmp_path / "packs").glob("*.pack")
        if damage == "cut":
            pack.write_bytes(pack.read_bytes()[:-3])
        else:
            pack.unlink()
        for number in (2, 3):
            with Database.open(tmp_path / "engine.db") as database:
                store = SqliteMailStore(database, tmp_path)
                with into(store) as receiving:
                    commit(receiving, arrive(receiving, str(number), mail(number)))
                new = [each for each in store.activities(mailbox_id=None, since=None, limit=None) if each.header.subject != "1"]
                assert sorted(b"".join(store.raw(each.id)) for each in new) == [mail(each) for each in range(2, number + 1)]
                store.close()
        with Database.open(tmp_path / "engine.db") as database, pytest.raises(PermanentError, match=r"ends before|is gone"):
            bodies(SqliteMailStore(database, tmp_path))

    def test_a_failing_commit_leaves_a_store_that_works(self, tmp_path: Path) -> None:
        self.fill(tmp_path)
        with Database.open(tmp_path / "engine.db") as database:
            store = SqliteMailStore(database, tmp_path)
            database.write(
                lambda connection: (
                    connection.execute("CREATE TRIGGER no BEFORE INSERT ON mail_activities BEGIN SELECT RAISE(ABORT, 'no'); END") and None
                )
            )
            with pytest.raises(Exception, match="no"), into(store) as receiving:
                commit(receiving, arrive(receiving, "2", mail(2)), arrive(receiving, "4", mail(4)), cursor="4")
            database.write(lambda connection: connection.execute("DROP TRIGGER no") and None)
            with into(store) as receiving:
                assert receiving.state.cursor == Cursor("imap", "1")
                commit(receiving, arrive(receiving, "3", mail(3)))
            assert sorted(bodies(store)) == [mail(1), mail(3)]
            store.close()

    def test_only_the_owner_may_read_them(self, tmp_path: Path) -> None:
        self.fill(tmp_path)
        assert all(path.stat().st_mode & 0o077 == 0 for path in (tmp_path / "packs").iterdir())


def test_the_floor_and_the_counts_of_a_listing(reopen: Reopen) -> None:
    with into(reopen()) as receiving:
        commit(receiving, arrive(receiving, "3", mail(3)), declined=2, floor="2026-03-01T00:00:00Z", recount=True)
    with into(reopen()) as receiving:
        state = receiving.state
        assert (state.floor, state.ignored, state.decided) == ("2026-03-01T00:00:00Z", 2, 3)
        commit(receiving, arrive(receiving, "1", mail(1)), declined=2, kept_before=1, floor="2026-01-01T00:00:00Z", recount=True)
    state = reopen().states()["a"]
    assert (state.floor, state.ignored, state.decided, state.tracked) == ("2026-01-01T00:00:00Z", 1, 3, 2)


def test_kept_tells_what_this_history_brought(reopen: Reopen) -> None:
    one, two, *more = (RemoteId("imap", str(number)) for number in range(1, 1_203))
    with into(reopen()) as receiving:
        assert receiving.kept([]) == receiving.kept([one]) == set()
        commit(receiving, arrive(receiving, "1", mail(1)), arrive(receiving, "1202", mail(2)))
    with into(reopen()) as receiving:
        assert receiving.kept([two]) == set()
        # However many are asked for at once.
        assert receiving.kept([one, two, *more]) == {one, more[-1]}
        commit(receiving, arrive(receiving, "2", mail(1)), restart=True)
        assert receiving.kept([one, two, *more]) == {two}
