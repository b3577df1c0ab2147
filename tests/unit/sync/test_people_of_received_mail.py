"""Mail comes into several mailboxes of one estate, and the directory says whose it is: store, inboxes, decisions together."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from reconcile.mail.memory_inbox import MemoryInbox, MemoryMailbox
from reconcile.model.party import PartyRow
from reconcile.ports.target import AppliedResource
from reconcile.store.sqlite.correlation import SqliteCorrelation
from reconcile.store.sqlite.database import Database
from reconcile.store.sqlite.decisions import SqliteDecisions
from reconcile.store.sqlite.mail import SqliteMailStore
from reconcile.store.sqlite.parties import SqliteParties
from reconcile.store.sqlite.queue_items import SqliteQueueItems
from reconcile.sync.deciding import Deciders
from reconcile.sync.incoming import Received, receive
from support.applied import START, Applied, StillClock
from support.parties import party

SALES, SUPPORT, DESK = "sales@contoso.example", "support@contoso.example", "desk@contoso.example"


def resource(kind: str, name: str, **spec: object) -> AppliedResource:
    return AppliedResource(external_id=f"id-{name}", kind=kind, name=name, spec=spec, origins={})  # type: ignore[arg-type]


class Office:
    """A user (sales) and two queues (support, desk), all of whom take all mail."""

    def __init__(self, folder: Path) -> None:
        self.database = Database.open(folder / "engine.db")
        self.store = SqliteMailStore(self.database, folder)
        self.parties = SqliteParties(self.database)
        self.applied = Applied(
            [
                resource("Organization", "contoso"),
                resource("Mailbox", "sales", emailAddress=SALES, filter="all"),
                resource("Mailbox", "support", emailAddress=SUPPORT, type="queue", filter="all"),
                resource("Mailbox", "desk", emailAddress=DESK, type="queue", filter="all"),
            ]
        )
        self.boxes = {name: MemoryMailbox() for name in ("sales", "support", "desk")}

    def knows(self, *rows: PartyRow) -> None:
        self.parties.take_in(rows, whole=lambda: True, at="2026-03-01T08:00:00Z")

    def deliver(self, box: str, *, sender: str, to: str = "", cc: str = "", number: int = 1) -> None:
        lines = [
            f"Message-ID: <{number}@fabrikam.example>",
            f"From: Who <{sender}>",
            f"To: {to}",
            f"Cc: {cc}",
            "Subject: x",
            "",
            "body",
            "",
        ]
        self.boxes[box].deliver("\r\n".join(lines).encode(), START)

    def sync(self, box: str) -> Received:
        deciders = Deciders(applied=self.applied, parties=self.parties, correlation=SqliteCorrelation(self.database), clock=StillClock())
        progress = Received()
        with self.store.receive(f"id-{box}") as receiving:
            receive(
                MemoryInbox(self.boxes[box]),
                receiving,
                floor=None,
                clock=StillClock(),
                progress=progress,
                decider=lambda: deciders(f"id-{box}"),
            )
        return progress

    def items(self) -> list[str]:
        return [f"{each.activity_id} {each.queue.id} {each.why}" for each in reversed(SqliteQueueItems(self.database).items())]

    def people(self, activity: int = 1) -> dict[str, list[str]]:
        tracking = SqliteDecisions(self.database).tracking(activity)
        assert tracking is not None
        found = {f"{each.field} {each.address}": [f"{row.type}:{row.id}" for row in each.rows] for each in tracking.addresses}
        owner = tracking.owner
        return {**found, "owner": [f"{owner.type}:{owner.id}"] if owner else []}


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    made = Office(tmp_path)
    yield made
    made.store.close()
    made.database.close()


def test_sender_recipients_and_owner_are_rows_of_the_directory(office: Office) -> None:
    office.knows(
        party("user:u-sales", addresses=(SALES,)),
        party("user:u-other", addresses=("other@contoso.example",)),
        party("contact:c1", addresses=("info@xn--bcher-kva.example",), owner="u-other"),
        party("account:a1", addresses=("info@xn--bcher-kva.example",)),
    )
    office.deliver("sales", sender="Info@bücher.example", to=f"{SALES}, other@contoso.example", cc="nobody@fabrikam.example")
    office.sync("sales")
    assert office.people() == {
        "from Info@bücher.example": ["contact:c1"],
        f"to {SALES}": ["user:u-sales"],
        "to other@contoso.example": ["user:u-other"],
        "cc nobody@fabrikam.example": [],
        "owner": ["user:u-other"],
    }


def test_without_a_directory_mailboxes_are_users_and_queues(office: Office) -> None:
    office.deliver("sales", sender="who@fabrikam.example", to=SALES)
    office.sync("sales")
    assert office.people() == {"from who@fabrikam.example": [], f"to {SALES}": ["user:id-sales"], "owner": ["user:id-sales"]}


def test_every_queue_among_the_recipients_gets_an_item_once(office: Office) -> None:
    for box in office.boxes:
        office.deliver(box, sender="who@fabrikam.example", to=f"{SALES}, {SUPPORT}", cc=DESK)
    assert [office.sync(box).tracked for box in office.boxes] == [1, 0, 0]
    assert office.items() == ["1 id-support recipient", "1 id-desk recipient"]


def test_a_queue_behind_a_list_gets_an_item_for_its_mailbox(office: Office) -> None:
    office.deliver("desk", sender="who@fabrikam.example", to="list@contoso.example")
    office.sync("desk")
    assert office.items() == ["1 id-desk accepted"]


@pytest.mark.parametrize(("declared", "expected"), [(None, []), (True, ["1 id-desk tracked-before"])])
def test_a_queue_in_bcc_of_a_tracked_mail_gets_one_where_that_is_asked_for(
    office: Office, declared: bool | None, expected: list[str]
) -> None:
    office.applied.change("Organization", queues__additionalItemsForTrackedEmail=declared)
    for box in ("sales", "desk"):
        office.deliver(box, sender="who@fabrikam.example", to=SALES)
        office.sync(box)
    assert office.items() == expected
    queues = SqliteDecisions(office.database).tracking(1)
    assert queues is not None
    assert [queue.id for queue in queues.queue_items] == [item.split()[1] for item in expected]


def test_a_contact_is_made_once_for_an_unknown_sender_and_known_from_then_on(office: Office) -> None:
    office.applied.change("Organization", addressResolution__createContactForUnknownSender=True)
    for number in (1, 2):
        office.deliver("sales", sender="New@Fabrikam.example", to=SALES, number=number)
    office.deliver("sales", sender=DESK, to=SALES, number=3)
    office.sync("sales")
    (made,) = office.parties.parties()
    assert (made.ref.name, made.addresses, made.origin) == ("Who", ("new@fabrikam.example",), "mail")
    assert office.people(1)["from New@fabrikam.example"] == office.people(2)["from New@fabrikam.example"] == [f"contact:{made.ref.id}"]
    office.deliver("sales", sender="new@fabrikam.example", to=SALES, number=4)
    office.sync("sales")
    assert office.people(4)["from new@fabrikam.example"] == [f"contact:{made.ref.id}"]
    assert len(office.parties.parties()) == 1


def test_nobody_is_made_for_mail_that_is_not_tracked(office: Office) -> None:
    office.applied.change("Organization", addressResolution__createContactForUnknownSender=True)
    office.applied.change("Mailbox", filter="known-senders")
    office.deliver("sales", sender="new@fabrikam.example", to=SALES)
    assert office.sync("sales").tracked == 0
    assert office.parties.parties() == []


def test_mail_between_our_own_is_tracked_twice_unless_that_is_ignored(office: Office) -> None:
    office.deliver("sales", sender=DESK, to=SALES)
    assert office.sync("sales").tracked == 1
    office.applied.change("Organization", tracking__ignoreInternalEmail=True, tracking__improvedInternalEmailDetection=False)
    office.deliver("sales", sender=DESK, to=SALES, number=2)
    office.deliver("support", sender=SALES, to=SUPPORT, number=3)
    assert office.sync("sales").tracked == 0
    # To queues it stays accepted.
    assert office.sync("support").tracked == 1
