"""Mail in tracked folders, as every mail store keeps it: the record is set once for each folder it is put into; nothing is there twice."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from reconcile.model.activity_details import Regarding
from reconcile.model.activity_edit import Edit
from reconcile.model.cursor import Cursor
from reconcile.model.feed import FeedAction, FeedKind
from reconcile.model.mailbox_state import Attempt
from reconcile.model.remote_id import RemoteId
from reconcile.ports.edit_store import EditStore
from reconcile.ports.feed import FeedReader
from reconcile.ports.mail_store import Arrival, Kept, MailStore, ReceivedBatch, Receiving
from reconcile.store.memory.edits import MemoryEdits
from reconcile.store.memory.feed import MemoryFeed
from reconcile.store.memory.mail import MemoryMailStore
from reconcile.store.memory.outbox import MemoryOutbox
from reconcile.store.sqlite.database import Database
from reconcile.store.sqlite.edits import SqliteEdits
from reconcile.store.sqlite.feed import SqliteFeed
from reconcile.store.sqlite.mail import SqliteMailStore
from support.applied import START
from support.described import described

AT = "2026-03-01T08:00:00Z"
FABRIKAM, ADATUM = Regarding(type="account", id="4711", name="Fabrikam"), Regarding(type="lead", id="12")
NAMED = b"Message-ID: <1@contoso.example>\r\nSubject: 1\r\n\r\nbody"
NAMELESS = b"Subject: twins\r\n\r\nsame"


@dataclass
class Stores:
    mail: MailStore
    edits: EditStore
    feed: FeedReader

    def about(self) -> list[tuple[int, Regarding | None]]:
        found = self.mail.activities(mailbox_id=None, since=None, limit=None)
        return sorted((each.id, each.details.regarding) for each in found)

    def take(self, *arrivals: tuple[str, bytes, str, Regarding | None], mailbox: str = "a", restart: bool = False) -> Kept:
        """(remote id, content, folder, record) of each."""
        with self.mail.receive(mailbox) as receiving:
            batch = [arrive(receiving, *one) for one in arrivals]
            return receiving.commit(ReceivedBatch(arrivals=batch, cursor=Cursor("ews", "1"), restart=restart, messages=len(batch), at=AT))


def arrive(receiving: Receiving, remote: str, raw: bytes, folder: str, regarding: Regarding | None) -> Arrival:
    found, place = described(raw), None
    if not receiving.known([(found.header.message_id, found.content)]):
        receiving.begin()
        receiving.write(raw)
        place = receiving.end()
    return Arrival(
        remote_id=RemoteId("ews", remote),
        received=AT,
        size=found.size,
        raw=found.raw,
        content=found.content,
        header=found.header,
        header_length=found.header_length,
        place=place,
        folder=folder,
        regarding=regarding,
    )


@pytest.fixture(params=["memory", "sqlite"])
def stores(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stores]:
    if request.param == "memory":
        mail = MemoryMailStore()
        yield Stores(mail, MemoryEdits(mail), MemoryFeed(mail.log, mail, MemoryOutbox(mail.log)))
        return
    database = Database.open(tmp_path / "engine.db")
    kept = SqliteMailStore(database, tmp_path)
    yield Stores(kept, SqliteEdits(database), SqliteFeed(database))
    kept.close()
    database.close()


def test_what_is_new_in_a_folder_is_about_its_record(stores: Stores) -> None:
    assert stores.take(("1", NAMED, "Fabrikam", FABRIKAM)).tracked == 1
    (activity,) = stores.mail.activities(mailbox_id=None, since=None, limit=None)
    assert activity.details.regarding == FABRIKAM
    assert (activity.details.version, activity.details.edited_by, activity.details.edited_at) == (2, "folder Fabrikam", AT)
    assert [each.id for each in stores.mail.activities(mailbox_id=None, since=None, limit=None, regarding=("account", "4711"))] == [1]


def test_what_was_tracked_before_is_told_to_the_feed_when_it_is_put_there(stores: Stores) -> None:
    stores.take(("1", NAMED, "", None))
    before = stores.feed.page(stores.feed.beginning(), limit=100, kinds=[FeedKind.EMAIL]).end
    assert (stores.take(("2", NAMED, "Fabrikam", FABRIKAM)).duplicates, stores.about()) == (1, [(1, FABRIKAM)])
    told = stores.feed.page(before, limit=100, kinds=[FeedKind.EMAIL]).entries
    assert [(one.action, one.id) for one in told] == [(FeedAction.EDITED, 1)]


def test_who_corrects_it_is_not_overruled_until_somebody_moves_it(stores: Stores) -> None:
    stores.take(("1", NAMED, "Fabrikam", FABRIKAM))
    stores.edits.edit([Edit(activity_id=1, regarding=None)], at=START, by="me")
    # Listed anew, under other ids, after a restore of the server.
    stores.take(("11", NAMED, "Fabrikam", FABRIKAM), restart=True)
    assert stores.about() == [(1, None)]
    stores.take(("12", NAMED, "Adatum", ADATUM))
    assert stores.about() == [(1, ADATUM)]
    stores.take(("13", NAMED, "Fabrikam", FABRIKAM))
    assert stores.about() == [(1, FABRIKAM)]
    # A folder without a record leaves it as it is, and another mailbox has folders of its own.
    stores.take(("14", NAMED, "Plain", None))
    assert stores.about() == [(1, FABRIKAM)]
    stores.take(("1", NAMED, "Adatum", ADATUM), mailbox="b")
    assert stores.about() == [(1, ADATUM)]


def test_who_corrects_a_mail_with_copies_in_two_folders_is_not_overruled_when_everything_is_listed_anew(stores: Stores) -> None:
    copies = ("1", NAMED, "Fabrikam", FABRIKAM), ("2", NAMED, "Adatum", ADATUM)
    stores.take(*copies)
    stores.edits.edit([Edit(activity_id=1, regarding=None)], at=START, by="me")
    for _ in range(2):
        stores.take(*copies, restart=True)
        assert stores.about() == [(1, None)]
    # Moved meanwhile, it has another id.
    stores.take(("3", NAMED, "Fabrikam", FABRIKAM), ("2", NAMED, "Adatum", ADATUM), restart=True)
    assert stores.about() == [(1, FABRIKAM)]


def test_without_a_message_id_it_is_the_same_when_it_moves_within_its_mailbox(stores: Stores) -> None:
    stores.take(("1", NAMELESS, "", None), ("2", NAMELESS, "", None))
    moved = stores.take(("3", NAMELESS, "Fabrikam", FABRIKAM))
    assert (moved.tracked, stores.about()) == (0, [(1, FABRIKAM), (2, None)])
    # The second one follows, and is the second one; a third one is new.
    assert stores.take(("4", NAMELESS, "Fabrikam", FABRIKAM)).tracked == 0
    assert stores.about() == [(1, FABRIKAM), (2, FABRIKAM)]
    assert stores.take(("5", NAMELESS, "Fabrikam", FABRIKAM)).tracked == 1
    assert stores.take(("1", NAMELESS, "Fabrikam", FABRIKAM), mailbox="b").tracked == 1
    back = stores.take(("6", NAMELESS, "", None))
    assert back.tracked == 0


def test_two_that_move_together_stay_two(stores: Stores) -> None:
    stores.take(("1", NAMELESS, "", None), ("2", NAMELESS, "", None))
    assert stores.take(("3", NAMELESS, "Fabrikam", FABRIKAM), ("4", NAMELESS, "Fabrikam", FABRIKAM)).tracked == 0
    assert stores.about() == [(1, FABRIKAM), (2, FABRIKAM)]


def test_what_folders_lack_is_remembered_until_a_look_ends_well(stores: Stores) -> None:
    attempt = Attempt(mailbox_id="a", at=AT, fingerprint="f", lacking=("Fabrikam: not there",))
    stores.mail.record([attempt])
    assert stores.mail.states()["a"].lacking == ("Fabrikam: not there",)
    stores.mail.record([replace(attempt, error_kind="Unavailable", error="x", lacking=())])
    assert stores.mail.states()["a"].lacking == ("Fabrikam: not there",)
    stores.mail.record([replace(attempt, lacking=())])
    assert stores.mail.states()["a"].lacking == ()
