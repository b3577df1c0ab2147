"""The content of a mail is digested when another one bears its Message-ID, and what cannot be read is like no other."""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import given

from reconcile.errors import PermanentError
from reconcile.model.audit_record import AuditRecord
from reconcile.model.cursor import Cursor
from reconcile.model.purge import PurgeSelection
from reconcile.model.remote_id import RemoteId
from reconcile.ports.mail_store import Arrival, Kept, Place, ReceivedBatch, Receiving
from reconcile.store.sqlite.database import Database
from reconcile.store.sqlite.mail import SqliteMailStore
from reconcile.store.sqlite.mail_contents import met_names
from reconcile.store.sqlite.packs import Packs, translated
from reconcile.store.sqlite.purge import SqlitePurge
from reconcile.sync.keeping import KeptMessage, SmallMessage, keep, keep_small

AT = "2026-03-01T10:00:00Z"
MAIL = b"Message-ID: <one@contoso.example>\r\nSubject: one\r\n\r\nbody of it"


class Store:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.database = Database.open(folder / "engine.db")
        self.mail = SqliteMailStore(self.database, folder)
        self._uid = 0

    def receive(self, *raws: bytes, mailbox: str = "a") -> Kept:
        with self.mail.receive(mailbox) as receiving:
            return receiving.commit(
                ReceivedBatch(arrivals=self.arrivals(receiving, *raws), cursor=Cursor("imap", "1"), restart=False, messages=1, at=AT)
            )

    def arrivals(self, receiving: Receiving, *raws: bytes) -> list[Arrival]:
        small = [keep(receiving, iter([raw])) for raw in raws]
        return [self._arrival(each) for each in keep_small(receiving, [each for each in small if isinstance(each, SmallMessage)])]

    def _arrival(self, kept: KeptMessage) -> Arrival:
        self._uid += 1
        found = kept.found
        return Arrival(
            remote_id=RemoteId("imap", str(self._uid)),
            received=AT,
            size=found.size,
            raw=found.raw,
            content=found.content,
            header=found.header,
            header_length=found.header_length,
            place=kept.place,
        )

    def contents(self) -> list[bytes]:
        return [row[0] for row in self.database.reader().execute("SELECT content FROM mail_activities ORDER BY id")]

    def damage(self, old: bytes, new: bytes) -> None:
        [pack] = (self.folder / "packs").glob("*.pack")
        pack.write_bytes(pack.read_bytes().replace(old, new))

    def purge(self, activity: int) -> None:
        record = AuditRecord(
            at=AT, actor="ops@contoso.example", apply_id="", action="purge", key="", result="done", source="", revision="", detail="{}"
        )
        purge = SqlitePurge(self.database, self.folder)
        assert purge.purge(PurgeSelection(activity_id=activity), limit=9, record=record).mails == 1


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path)
    yield store
    store.mail.close()
    store.database.close()


def traced(raw: bytes, by: bytes = b"mx") -> bytes:
    return b"Received: from outside by " + by + b"\r\n" + raw


def test_it_is_digested_with_the_second_of_a_message_id(store: Store) -> None:
    other = MAIL.replace(b"<one@", b"<two@")
    assert store.receive(MAIL, other).tracked == 2
    assert store.contents() == [b"", b""]
    assert store.receive(traced(MAIL), mailbox="b").duplicates == 1
    first, second = store.contents()
    assert (len(first), second) == (32, b"")


def test_the_same_bytes_tell_the_digest(store: Store) -> None:
    assert store.receive(MAIL).tracked == 1
    assert store.receive(MAIL, mailbox="b").duplicates == 1
    [content] = store.contents()
    assert len(content) == 32


@pytest.mark.parametrize("damaged", [False, True])
def test_a_kept_mail_is_read_once_however_many_bear_its_id(store: Store, monkeypatch: pytest.MonkeyPatch, damaged: bool) -> None:
    store.receive(MAIL)
    if damaged:
        store.damage(b"body of it", b"BODY OF IT")
    packs, reads = store.mail._packs, list[Place]()
    monkeypatch.setattr(packs, "read", lambda place, read=packs.read: reads.append(place) or read(place))
    assert store.receive(*(MAIL + b"%d" % number for number in range(20)), mailbox="b").tracked == 20
    assert len([place for place in reads if place.offset == 0]) == 1


def test_one_of_a_message_id_at_most_is_not_digested(store: Store) -> None:
    """Who sends thousands under one id makes nobody read them all again."""
    for number in range(5):
        assert store.receive(MAIL + b"%d" % number, MAIL + b"%d b" % number).tracked == 2
    assert store.contents().count(b"") <= 1
    assert len({*store.contents()}) == 10


@pytest.mark.parametrize("again", [MAIL, traced(MAIL)])
def test_what_is_damaged_is_like_no_other(store: Store, again: bytes) -> None:
    """Taken for a copy of it, a mail would be gone for good."""
    store.receive(MAIL)
    store.damage(b"body of it", b"BODY OF IT")
    kept = store.receive(again, mailbox="b")
    if again == MAIL:
        # By the digest of its bytes it is the same; `backup verify` tells of the damage.
        assert (kept.tracked, kept.duplicates) == (0, 1)
        return
    assert (kept.tracked, kept.conflicting) == (1, 1)
    assert store.contents()[0] == b""
    # Mended, it is the same as the one that was kept beside it, and nothing breaks.
    store.damage(b"BODY OF IT", b"body of it")
    assert store.receive(MAIL + b" and more", mailbox="c").conflicting == 1
    assert store.receive(traced(MAIL, b"another"), mailbox="c").duplicates == 1


@pytest.mark.parametrize("error", [errno.EMFILE, errno.EACCES])
def test_what_cannot_be_read_just_now_is_no_damage(store: Store, monkeypatch: pytest.MonkeyPatch, error: int) -> None:
    """Taken for damage, a mail would be kept twice for good, and one that was purged would come back."""
    store.receive(MAIL)

    def refused(place: Place) -> Iterator[bytes]:
        with translated("a pack"):
            raise OSError(error, "not now")
        yield b""

    with store.mail.receive("b") as receiving, monkeypatch.context() as patched:
        patched.setattr(receiving._contents, "_read", refused)  # type: ignore[attr-defined]
        arrivals = store.arrivals(receiving, traced(MAIL))
        with pytest.raises(PermanentError, match="cannot be used"):
            receiving.commit(ReceivedBatch(arrivals=arrivals, cursor=Cursor("imap", "1"), restart=False, messages=1, at=AT))
    with monkeypatch.context() as patched:
        patched.setattr(Packs, "read", lambda self, place: refused(place))
        with pytest.raises(PermanentError, match="cannot be used"):
            store.purge(1)
    assert store.receive(traced(MAIL), mailbox="b").duplicates == 1


@pytest.mark.parametrize("harm", ["damaged", "gone"])
def test_the_bytes_of_what_was_purged_damaged_do_not_come_back(store: Store, harm: str) -> None:
    store.receive(MAIL)
    [pack] = (store.folder / "packs").glob("*.pack")
    if harm == "damaged":
        store.damage(b"body of it", b"BODY OF IT")
    else:
        pack.rename(pack.with_suffix(".away"))
    store.purge(1)
    assert store.receive(MAIL, mailbox="b").tracked == 0


def test_what_was_purged_undigested_stays_purged(store: Store) -> None:
    store.receive(MAIL)
    assert store.contents() == [b""]
    store.purge(1)
    with store.mail.receive("b") as receiving:
        [arrival] = store.arrivals(receiving, traced(MAIL))
        assert arrival.place is None, "its bytes are not even written"
    assert store.receive(traced(MAIL), mailbox="b").tracked == 0
    assert store.receive(MAIL.replace(b"body", b"soul"), mailbox="b").tracked == 1


def test_what_is_purged_while_a_copy_is_on_its_way_stays_purged(store: Store) -> None:
    with store.mail.receive("b") as receiving:
        arrivals = store.arrivals(receiving, traced(MAIL))
        assert [each.content for each in arrivals] == [b""]
        store.receive(MAIL)
        store.purge(1)
        kept = receiving.commit(ReceivedBatch(arrivals=arrivals, cursor=Cursor("imap", "1"), restart=False, messages=1, at=AT))
        assert kept.tracked == 0


@given(name=st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=20))
def test_whatever_a_message_id_is_made_of_it_is_met_again(name: str) -> None:
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE mail_activities (message_id TEXT NOT NULL)")
    connection.execute("INSERT INTO mail_activities VALUES (?)", (name,))
    assert met_names(connection, {name, f"{name}x"}) >= {name}
    connection.close()


def test_bytes_that_nothing_names_behind_the_last_mail_are_synced_and_the_pack_goes_on(store: Store) -> None:
    with store.mail.receive("a") as receiving:
        kept, refused = store.arrivals(receiving, MAIL, MAIL.replace(b"<one@", b"<two@"))
        assert refused.place is not None
        receiving.commit(
            ReceivedBatch(arrivals=[kept], cursor=Cursor("imap", "2"), restart=False, messages=2, at=AT, unused=[refused.place])
        )
    store.mail.close()
    committed = store.database.reader().execute("SELECT committed FROM mail_packs").fetchone()[0]
    [pack] = (store.folder / "packs").glob("*.pack")
    assert pack.stat().st_size == committed
    store.mail = SqliteMailStore(store.database, store.folder)
    assert store.receive(MAIL.replace(b"<one@", b"<three@"), mailbox="b").tracked == 1
    assert len([*(store.folder / "packs").glob("*.pack")]) == 1
