"""Flagging an item of the sandbox's Exchange: by the element, by the property tag, and by an element without its status."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from reconcile.sandbox.accounts import PostOffice
from reconcile.sandbox.ews.assign import assign
from reconcile.sandbox.ews.mailbox import Mailbox
from reconcile.sandbox.ews.node import Node
from reconcile.sandbox.ews.stored import Item
from reconcile.sandbox.ews.values import value

NOW = datetime(2026, 3, 10, 9, 0, tzinfo=UTC)
FLAGGED = Node("t:Flag", children=(Node("t:FlagStatus", "Flagged"),))
#: As Thunderbird 153 sends it.
WITHOUT_STATUS = Node("t:Flag", children=(Node("m:FlagStatus", "Flagged"),))


def by_tag(number: str) -> Node:
    field = Node("t:ExtendedFieldURI", attributes={"PropertyTag": "4240", "PropertyType": "Integer"})
    return Node("t:ExtendedProperty", children=(field, Node("t:Value", number)))


@pytest.mark.parametrize(
    ("given", "status"),
    [
        ([FLAGGED], "Flagged"),
        ([by_tag("2")], "Flagged"),
        ([by_tag("1")], "Complete"),
        ([FLAGGED, by_tag("0")], "NotFlagged"),
        ([WITHOUT_STATUS], "NotFlagged"),
        ([WITHOUT_STATUS, by_tag("2")], "Flagged"),
        ([by_tag("2"), WITHOUT_STATUS], "Flagged"),
    ],
)
def test_flag_status(given: list[Node], status: str) -> None:
    post_office = PostOffice()
    post_office.open_account("sales@contoso.example", "secret")
    mailbox = Mailbox(1, "sales@contoso.example", "Sales", post_office, lambda: NOW)
    item = Item(number=100, mailbox=1, folder=3, kind="Message", created=NOW, modified=NOW)
    for node in given:
        assign(mailbox, item, node)
    found = value(mailbox, item, "Flag")
    assert found is not None
    assert [(child.name, child.text) for child in found.children] == [("t:FlagStatus", status)]
