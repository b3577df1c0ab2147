"""A contact's whole name follows its parts, unless somebody gave it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from reconcile.model.item import Contact, ItemKind, Value
from reconcile.model.item_edit import AddItem, ChangeItem, decided_item

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
