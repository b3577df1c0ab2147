"""What an edit makes of a record: whole names that follow their parts, and files that are handed back."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from reconcile.model.activity_edit import EditResult
from reconcile.model.item import Appointment, Attachment, Contact, ItemKind, Value
from reconcile.model.item_edit import AddItem, ChangeItem, ItemEditOutcome, ItemEditRefused, decided_item
from reconcile.model.item_json import dumped, loaded_columns
from reconcile.model.item_record import Record
from reconcile.sync.decide.item_line import item_edit

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("given", "columns", "expected"),
    [
        (Contact(firstname="Ada", lastname="Byron"), {"lastname": "King"}, "Ada King"),
        (Contact(firstname="Ada", lastname="Byron"), {"lastname": "", "jobtitle": "Countess"}, "Ada"),
        (Contact(firstname="Ada", lastname="Byron"), {"firstname": "", "lastname": ""}, ""),
        (Contact(firstname="Ada", lastname="Byron"), {"lastname": "King", "fullname": "The Countess"}, "The Countess"),
        (Contact(firstname="Ada", lastname="Byron", fullname="The Countess"), {"lastname": "King"}, "The Countess"),
        (Contact(firstname="Ada", lastname="Byron", fullname="The Countess"), {"lastname": "King", "fullname": ""}, "Ada King"),
        (Contact(firstname="Ada", lastname="Byron"), {"jobtitle": "Countess"}, "Ada Byron"),
    ],
)
def test_the_name_as_a_whole_follows_its_parts_where_nobody_gave_it(given: Contact, columns: dict[str, Value], expected: str) -> None:
    added = decided_item(AddItem(item=given, owner="anna@contoso.example"), None, None, at=NOW, by="crm").record
    assert added is not None
    edited = decided_item(ChangeItem(item_id=0, kind=ItemKind.CONTACT, columns=columns), added, None, at=NOW, by="crm").record
    assert edited is not None
    assert isinstance(edited.item, Contact)
    assert edited.item.fullname == expected


DIGEST = "ab" * 32
FILES = (
    Attachment(filename="", mimetype="text/plain", filesize=3, digest=DIGEST),
    Attachment(filename="a/b\nc" + "x" * 5_000, mimetype="text/plain\n", filesize=3, digest=DIGEST),
    Attachment(filename="agenda.txt", mimetype="text/plain", filesize=3, digest=DIGEST),
)
MEETING = Appointment(scheduledstart=NOW, scheduledend=NOW, attachments=FILES)


def record() -> Record:
    found = decided_item(AddItem(item=MEETING, owner="anna@contoso.example", files={DIGEST: b"abc"}), None, None, at=NOW, by="crm").record
    assert found is not None
    return found


def handed_back(written: object, before: Record) -> ItemEditOutcome:
    edit = item_edit({"id": before.id + 1, "kind": "appointment", "set": {"attachments": written}})
    return decided_item(edit, before, None, at=NOW, by="crm").outcome


def test_attachments_may_be_handed_back_as_they_were_handed_out() -> None:
    before = record()
    written = dumped(before.item)["attachments"]
    assert "filename" not in written[0], "a mailbox may have files without a name"
    assert handed_back(json.loads(json.dumps(written)), before).result is EditResult.UNCHANGED  # type: ignore[union-attr]
    shorter = [{"filename": "agenda.txt", "digest": DIGEST}]
    edited = decided_item(
        ChangeItem(item_id=1, kind=ItemKind.APPOINTMENT, columns=loaded_columns(ItemKind.APPOINTMENT, {"attachments": shorter})),
        before,
        None,
        at=NOW,
        by="crm",
    )
    assert edited.record is not None
    assert isinstance(edited.record.item, Appointment)
    assert edited.record.item.attachments == FILES[2:], "what is known of it stays"


@pytest.mark.parametrize("name", ["", "..", "a/b", "a\nb", "x" * 256])
def test_a_name_that_is_none_is_given_to_no_file(name: str) -> None:
    before = record()
    before = replace(before, item=replace(MEETING, attachments=FILES[2:]))
    refused = handed_back([{"filename": name, "digest": DIGEST}], before)
    assert isinstance(refused, ItemEditRefused)
    assert (refused.field, refused.message[:22]) == ("set.attachments", "an attachment's name: ")
