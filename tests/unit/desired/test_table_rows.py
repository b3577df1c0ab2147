"""Tables as people export them: headers in three languages, words, numbers and labels, and what cannot be used."""

from __future__ import annotations

import pytest

from reconcile.desired.table_rows import NoTable, table_rows
from reconcile.model.canonical import Leaf

SALES: dict[str, Leaf] = {"displayName": "Verkauf", "emailAddress": "Sales@contoso.example", "incoming": "server-side", "state": "inactive"}


def rows(text: str, delimiter: str | None = None) -> list[dict[str, Leaf]]:
    return [dict(row.spec) for row in table_rows(text.encode(), delimiter=delimiter, time_zone="Europe/Berlin").observed.rows]


@pytest.mark.parametrize(
    "text",
    [
        "name,emailaddress,incomingemaildeliverymethod,statecode\nVerkauf,Sales@Contoso.example,2,1\n",
        "\ufeffdisplayName;emailAddress;incoming;state\r\nVerkauf;Sales@Contoso.example;server-side;inactive\r\n",
        "Name\tE-Mail-Adresse\tIncoming Email\tstate\nVerkauf\tSales@CONTOSO.example\tServer-Side Synchronization\tinactive",
        '"Name"|"Email Address"|"Incoming Email"|"statecode"\n"Verkauf"|"Sales@contoso.example"|"2"|"1"\n',
    ],
)
def test_the_same_in_all_its_spellings(text: str) -> None:
    assert rows(text) == [SALES]


def test_cells_of_every_kind() -> None:
    text = (
        "emailaddress;processanddeleteemails;processEmailFrom;credentials.username;facts.groups;actdeliverymethod;type\n"
        "a@x.example;ja;2026-03-01;007;b|a;2;queue\n"
        "b@x.example;FALSE;1900-01-01T00:00:00Z;;;1;user\n"
    )
    assert rows(text) == [
        {
            "emailAddress": "a@x.example",
            "deleteAfterProcessing": True,
            "processEmailFrom": "2026-02-28T23:00:00Z",
            "credentials.username": "007",
            "facts.groups": ("a", "b"),
            "appointmentsContactsTasks": "none",
            "type": "queue",
        },
        {
            "emailAddress": "b@x.example",
            "deleteAfterProcessing": False,
            "processEmailFrom": None,
            "appointmentsContactsTasks": "server-side",
            "type": "user",
        },
    ]


def test_profiles_are_told_by_their_server_type() -> None:
    assert rows("name,servertype,incomingusessl,minpollingintervalinminutes\nHosted,4,true,15\n") == [
        {"displayName": "Hosted", "serverType": "imap-smtp", "incoming.tls": "implicit", "minPollingInterval": "15m"}
    ]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("a@x.example,9", "column incoming: '9' is none of forward-mailbox, none, outlook, server-side"),
        ("a@x.example", "it has 1 cell, the header has 2"),
        ("a@x.example,a,b", "it has 3 cells, the header has 2"),
    ],
)
def test_a_row_that_means_nothing_is_unknown(line: str, why: str) -> None:
    found = table_rows(f"emailAddress,incoming\nb@x.example,none\n{line}\n".encode(), delimiter=None, time_zone="UTC").observed
    assert found.unknown_rows == {"on line 3": why}
    assert len(found.rows) == 1


def test_columns_that_are_not_used_are_named_and_secrets_not_read() -> None:
    found = table_rows(b"emailAddress,Shoe size,Password\na@x.example,42,hunter2\n", delimiter=None, time_zone="UTC")
    assert (found.unused, found.secret) == (("Shoe size",), ("Password",))
    assert "hunter2" not in repr(found)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "the table is empty"),
        (b"a,b\n1,2\n", "no column gives an address"),
        (b"emailAddress,E-Mail\na@x.example,b@x.example\n", "gives what another column gives already"),
        (b'emailAddress\n"a@x.example\n', "line 2: a quote that opens in this record is never closed"),
        ("Straße".encode("cp1252"), "line 1: byte 0xDF is not UTF-8"),
        ("emailAddress".encode("utf-16"), "line 1: the file is encoded in UTF-16"),
    ],
)
def test_what_is_no_table(content: bytes, why: str) -> None:
    with pytest.raises(NoTable, match=why) as caught:
        table_rows(content, delimiter=None, time_zone="UTC")
    assert caught.value.hint
