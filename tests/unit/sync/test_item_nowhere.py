"""A record that is in no mailbox says which one, and what stands in the way."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from reconcile.model.canonical import Leaf
from reconcile.model.item import Appointment, Item, Task
from reconcile.model.item_record import ItemState, Record
from reconcile.sync.decide.item_mailboxes import item_mailboxes
from reconcile.sync.decide.item_nowhere import why_nowhere
from unit.sync.test_item_mailboxes import EWS, NOW, exchange, mailbox

ANNA, BOB = "anna@contoso.example", "bob@contoso.example"
NINE = datetime(2026, 3, 10, 9, 0, tzinfo=UTC)


def meeting(organizer: str) -> Appointment:
    return Appointment(scheduledstart=NINE, scheduledend=NINE, organizer=organizer)


@pytest.mark.parametrize(
    ("item", "owner", "state", "more", "words"),
    [
        (Task(), ANNA, ItemState.OPEN, {}, "with the next look of `reconcile sync` to anna,"),
        (meeting(ANNA), ANNA, ItemState.OPEN, {}, "with the next look of `reconcile sync` to anna,"),
        (meeting(BOB), ANNA, ItemState.OPEN, {}, f"{BOB} organizes it"),
        (meeting(""), ANNA, ItemState.OPEN, {}, "it has no organizer"),
        (Task(), ANNA, ItemState.COMPLETED, {}, "no filter wants it in anna"),
        (Task(), BOB, ItemState.OPEN, {}, "no applied mailbox with the address of its owner"),
        (Task(), ANNA, ItemState.OPEN, {"type": "queue"}, "anna is not kept in step: a queue mailbox has no appointments"),
    ],
)
def test_the_reason_is_named(item: Item, owner: str, state: ItemState, more: dict[str, Leaf], words: str) -> None:
    record = Record(id=1, item=item, owner=owner, state=state, version=1, created_at=NOW, edited_at=NOW, edited_by="crm")
    asked = item_mailboxes([exchange(), mailbox(**more)], now=NOW, capable=EWS)
    assert words in why_nowhere(record, asked)


def test_an_owner_in_the_other_spelling_of_the_domain_is_the_same_one() -> None:
    read, punycode = "anna@müller.example", "anna@xn--mller-kva.example"
    for owner, address in ((read, punycode), (punycode, read)):
        asked = item_mailboxes([exchange(), mailbox(emailAddress=address)], now=NOW, capable=EWS)
        for item in (Task(), meeting(owner)):
            record = Record(id=1, item=item, owner=owner, state=ItemState.OPEN, version=1, created_at=NOW, edited_at=NOW, edited_by="crm")
            assert "with the next look of `reconcile sync` to anna," in why_nowhere(record, asked)
