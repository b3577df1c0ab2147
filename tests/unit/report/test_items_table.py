"""Items for people: what a list keeps where there is little room, and what is not shown as JSON."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from reconcile.model.item import Appointment, Attachment, Attendee, Contact, Item, ItemKind, Task, TaskType
from reconcile.model.item_conflict import ItemConflict
from reconcile.model.item_record import ItemState, Record
from reconcile.report.item_fate import conflict_json, listed_conflict
from reconcile.report.items import conflict_words, item_text, items_table
from reconcile.report.safe_text import width

AT = "2026-03-01T00:00:00Z"
MEETING = Appointment(
    subject="A meeting with a subject of some length that goes on",
    scheduledstart=datetime(2026, 3, 1, tzinfo=UTC),
    scheduledend=datetime(2026, 3, 1, 1, tzinfo=UTC),
    requiredattendees=(Attendee(address="bob@contoso.example", name="Bob"), Attendee(address="eve@contoso.example")),
    attachments=(Attachment(filename="\u202efdp.exe", mimetype="x/y", filesize=1234, digest="0" * 64),),
)


def record(number: int, item: Item) -> Record:
    return Record(
        id=number, item=item, owner="anna@contoso.example", state=ItemState.OPEN, version=1, created_at=AT, edited_at=AT, edited_by="crm"
    )


ITEMS = [record(1, MEETING), record(2, Contact(fullname="Ada", emailaddress1="ada@fabrikam.example")), record(3, Task(subject="x"))]


@pytest.mark.parametrize("fit", [60, 80, 120])
def test_a_list_fits_and_says_what_things_are_called(fit: int) -> None:
    text = items_table(ITEMS, fit=fit)
    assert max(map(width, text.splitlines())) <= fit
    assert "A meeting" in text
    assert ("anna" in text) == (fit >= 100)


def test_what_nobody_has_is_no_column() -> None:
    assert "address" not in items_table(ITEMS[2:], fit=None)
    call = items_table([record(4, Task(subject="x", activitytypecode=TaskType.PHONE_CALL))], fit=None)
    assert "phonecall" in call


def test_people_and_files_are_read_at_a_glance() -> None:
    text = item_text(ITEMS[0], [])
    assert "requiredattendees: Bob <bob@contoso.example>, eve@contoso.example" in text
    assert "attachments: \\u202efdp.exe (1,234 octets)" in text


def test_who_saw_to_a_conflict_is_listed_and_leaves_the_shape_of_the_feed_alone() -> None:
    kept = ItemConflict(
        id=1,
        record_id=3,
        kind=ItemKind.CONTACT,
        mailbox_id="m",
        field="jobtitle",
        ours="[]",
        theirs="[]",
        ours_wins=False,
        at="",
        resolved_at="2026-03-01T08:00:00Z",
        resolved_by="anna@contoso.example",
    )
    assert listed_conflict(kept, {}) == {**conflict_json(kept, {}), "resolvedBy": "anna@contoso.example"}
    assert "resolvedBy" not in conflict_json(kept, {})


def test_a_conflict_shows_both_versions() -> None:
    conflict = {"id": 1, "item": 3, "field": "jobtitle", "ours": ["Queen"], "theirs": ["Countess"], "oursWins": False, "resolvedAt": None}
    assert conflict_words(conflict) == '1  item 3  jobtitle: ours "Queen", the mailbox\'s "Countess"; the mailbox\'s was taken'
    seen_to = conflict_words({**conflict, "resolvedAt": "2026-03-01T08:00:00Z"})
    assert seen_to.endswith("the mailbox's was taken, somebody saw to it 2026-03-01 08:00")
    seen_to = conflict_words({**conflict, "resolvedAt": "2026-03-01T08:00:00Z", "resolvedBy": "anna@contoso.example"})
    assert seen_to.endswith("the mailbox's was taken, anna@contoso.example saw to it 2026-03-01 08:00")
