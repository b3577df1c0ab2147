"""An account that is refused between two steps of a new appointment: its credential is not shown once more, and nothing is left half made."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from reconcile.errors import AuthenticationRejected, Unavailable
from reconcile.model.item import Appointment, Attachment, Attendee, ItemKind
from reconcile.model.item_edit import AddItem
from reconcile.ports.collection import RemoteItem
from reconcile.sandbox.ews.faults import EwsFault, FaultKind
from reconcile.store.memory.items import MemoryItemStore
from reconcile.sync.decide.two_way_rules import TwoWayRules
from reconcile.sync.items.look import look_at_items
from reconcile.sync.items.mailbox import ItemCounts, ItemMailbox, ItemTools
from support.ews_items import ADDRESS, ExchangeItems, exchange_items
from support.items import StandingClock

SOON = datetime(2090, 3, 6, 9, 0, tzinfo=UTC)
PLAN = b"the plan"
FILE = Attachment(filename="plan.txt", mimetype="text/plain", filesize=len(PLAN), digest=hashlib.sha256(PLAN).hexdigest())
MEETING = Appointment(
    subject="Budget",
    scheduledstart=SOON,
    scheduledend=SOON + timedelta(hours=1),
    requiredattendees=(Attendee(address="alice@contoso.example"),),
    attachments=(FILE,),
)
CONTENTS = {FILE.digest: PLAN}.__getitem__


@pytest.fixture
def there() -> Iterator[ExchangeItems]:
    with exchange_items() as found:
        yield found


def refuse(there: ExchangeItems, *operations: str) -> None:
    """From now on each of them is answered with 401."""
    for operation in operations:
        there.exchange.faults.add(EwsFault(kind=FaultKind.HTTP, status=401, operation=operation, times=None))


def shown_in_vain(there: ExchangeItems) -> list[str]:
    return [one.operation for one in there.exchange.recorder.kept if one.status == 401]


def begun(there: ExchangeItems) -> RemoteItem:
    found = there.collection(ItemKind.APPOINTMENT).find("t1")
    assert found is not None
    return found


def test_a_new_appointment_stays_to_be_finished_and_nothing_more_is_asked(there: ExchangeItems) -> None:
    refuse(there, "CreateAttachment", "DeleteItem")
    with pytest.raises(AuthenticationRejected):
        there.collection(ItemKind.APPOINTMENT).create("t1", MEETING, invite=True, contents=CONTENTS)
    assert shown_in_vain(there) == ["CreateAttachment"]
    assert begun(there).unfinished
    assert not there.posted()


def test_finishing_stops_where_the_account_is_refused_and_is_done_later(there: ExchangeItems) -> None:
    there.exchange.faults.add(EwsFault(kind=FaultKind.HTTP, status=503, operation="CreateAttachment"))
    collection = there.collection(ItemKind.APPOINTMENT)
    with pytest.raises(Unavailable):
        collection.create("t1", MEETING, invite=True, contents=CONTENTS)
    remote_id = begun(there).listed.remote_id
    refuse(there, "CreateAttachment", "DeleteItem")
    with pytest.raises(AuthenticationRejected):
        collection.finish(remote_id, MEETING, invite=True, contents=CONTENTS)
    assert shown_in_vain(there) == ["CreateAttachment"]
    there.exchange.faults.clear()
    collection.finish(remote_id, MEETING, invite=True, contents=CONTENTS)
    assert not begun(there).unfinished
    assert [what for what, _ in there.posted()] == ["invitation"]


def test_an_account_that_is_refused_while_something_is_taken_back_is_told_as_that(there: ExchangeItems) -> None:
    there.exchange.faults.refuse("ErrorAttachmentSizeLimitExceeded", "CreateAttachment")
    refuse(there, "DeleteItem")
    with pytest.raises(Unavailable, match="could not be taken back") as caught:
        there.collection(ItemKind.APPOINTMENT).create("t1", MEETING, invite=True, contents=CONTENTS)
    # What asks for the other folders next would show it again.
    assert caught.value.about == "account"


def test_the_look_that_comes_after_the_refusal_finishes_what_was_begun(there: ExchangeItems) -> None:
    store, clock = MemoryItemStore(), StandingClock()
    mailbox = ItemMailbox(mailbox_id="m1", name="user", address=ADDRESS, rules=TwoWayRules(attachments=True), fingerprint="1")
    tools = ItemTools(store=store, connect=lambda _, kind: there.collection(kind), clock=clock, mint=iter(("t1", "t2")).__next__)
    store.edit([AddItem(item=MEETING, owner=ADDRESS, files={FILE.digest: PLAN})], at=clock.now(), by="crm")
    refuse(there, "CreateAttachment", "DeleteItem")
    with pytest.raises(AuthenticationRejected):
        look_at_items(mailbox, ItemKind.APPOINTMENT, tools, ItemCounts())
    assert begun(there).unfinished
    there.exchange.faults.clear()
    for _ in range(2):
        look_at_items(mailbox, ItemKind.APPOINTMENT, tools, ItemCounts())
        clock.at += timedelta(hours=12)
        assert there.exchange.subjects("calendar", ADDRESS) == ["Budget"]
        assert [what for what, _ in there.posted()] == ["invitation"]
    assert not begun(there).unfinished
