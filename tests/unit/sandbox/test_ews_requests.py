"""What the sandbox's Exchange answers to requests that are odd, and how it writes odd moments."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from reconcile.sandbox.accounts import PostOffice
from reconcile.sandbox.ews.call import Call
from reconcile.sandbox.ews.dispatch import OPERATIONS, answer_to
from reconcile.sandbox.ews.faults import EwsFaults
from reconcile.sandbox.ews.node import Node
from reconcile.sandbox.ews.organization import Caller, Organization
from reconcile.sandbox.ews.response_codes import EwsError
from reconcile.sandbox.ews.times import moment, stamp

SALES = "sales@contoso.example"
NOW = datetime(2026, 3, 10, 9, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("when", "text"),
    [
        (NOW, "2026-03-10T09:00:00Z"),
        (datetime(2026, 3, 10, 9, 0, 0, 999_999, tzinfo=timezone(timedelta(hours=2))), "2026-03-10T07:00:00Z"),
        (datetime(1, 1, 1, tzinfo=UTC), "0001-01-01T00:00:00Z"),
        (datetime(999, 12, 31, 23, 59, 59, tzinfo=UTC), "0999-12-31T23:59:59Z"),
    ],
)
def test_a_moment_is_written_with_four_digits_of_year_and_whole_seconds(when: datetime, text: str) -> None:
    assert stamp(when) == text
    assert moment(text) == when.replace(microsecond=0)


@pytest.mark.parametrize("name", ["m:GetItem", "m:DeleteItem", "m:MoveItem", "m:CreateItem", "m:UpdateItem", "m:GetFolder", "m:SendItem"])
def test_a_request_that_names_nothing_is_a_schema_violation(name: str) -> None:
    assert name in OPERATIONS
    post_office = PostOffice()
    post_office.open_account(SALES, "secret")
    target = Node("m:ToFolderId", children=(Node("t:DistinguishedFolderId", attributes={"Id": "inbox"}),))
    lists = [Node(f"m:{one}") for one in ("ItemIds", "FolderIds", "Items", "ItemChanges")]
    call = Call(
        organization=Organization(post_office, lambda: NOW),
        faults=EwsFaults(),
        caller=Caller(username=SALES, address=SALES),
        acting_as=SALES,
        header=Node("soap:Header"),
        request=Node(name, children=(target, *lists)),
    )
    with pytest.raises(EwsError, match="names nothing") as caught:
        answer_to(call)
    assert caught.value.code == "ErrorSchemaValidation"
