"""The table of product columns: complete, and the same in both directions where the column can hold it."""

from __future__ import annotations

from itertools import product

import pytest

from reconcile.model import columns, kinds
from reconcile.model.canonical import Leaf
from reconcile.model.column_values import Cell
from reconcile.model.columns import COLUMNS, FieldRole

#: Fields without any column: facts, and what only our own engine knows.
WITHOUT_COLUMN = {
    "EmailServerProfile": {
        "provider",
        *(
            f"{direction}.{field}"
            for direction in ("incoming", "outgoing")
            for field in ("protocol", "caCertificate", "clientCertificate", "certificateSignIn")
        ),
        *(f"incoming.{field}" for field in ("idle", "compression", "keywords")),
        *(f"discovery.{field}" for field in ("hosts", "privateNetworks", "rootDomain", "plainHttp")),
        *(
            f"outgoing.{field}"
            for field in ("sentCopy", "deliveryReports", "messagesPerMinute", "messagesPerDay", "recipientsPerMessage", "messageSize")
        ),
        *(
            f"oauth.{field}"
            for field in (
                "grant",
                "tokenEndpoint",
                "authorizationEndpoint",
                "deviceEndpoint",
                "revocationEndpoint",
                "scopes",
                "caCertificate",
            )
        ),
    },
    "Mailbox": {"type", "sendAs", "trackedFolders"},
    "Organization": {
        "deployment",
        "edition",
        "cloud",
        "fips",
        "fipsEdition",
        "ownedDomains",
        "alerts.recipients",
        "alerts.sender",
        "approval.requireTest",
        "processing.advancingDate",
        "tracking.token.enabled",
        "tracking.token.formerPrefixes",
        "tracking.token.messageDigits",
        "tracking.correlateByReferences",
        "tracking.ignoreAutomaticReplies",
        "linkedItems.filters",
        "linkedItems.directions",
        "linkedItems.trackCategorizedContacts",
    },
}


@pytest.mark.parametrize("kind", WITHOUT_COLUMN)
def test_every_field_has_a_column_or_is_known_to_have_none(kind: str) -> None:
    without = {info.path for info in kinds.fields(kind) if not info.column and not info.path.startswith("facts.")}
    assert without == WITHOUT_COLUMN[kind]


@pytest.mark.parametrize("kind", COLUMNS)
def test_every_path_of_the_table_is_a_field(kind: str) -> None:
    assert {column.path for column in COLUMNS[kind] if column.path} <= {info.path for info in kinds.fields(kind)}


@pytest.mark.parametrize("kind", COLUMNS)
def test_every_column_stands_once(kind: str) -> None:
    names = [column.name for column in COLUMNS[kind]]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("kind", COLUMNS)
def test_what_is_not_declared_says_why(kind: str) -> None:
    for column in COLUMNS[kind]:
        if not column.path and column.role is not FieldRole.STATUS:
            assert column.note, column.name
        assert column.path or column.role is not FieldRole.DESIRED, column.name


def test_roles() -> None:
    assert {column.name for column in COLUMNS["Mailbox"] if column.role is FieldRole.COMMAND} == {
        "testemailconfigurationscheduled",
        "orgmarkedasprimaryforexchangesync",
        "officeappsdeploymentscheduled",
        "verboseloggingenabled",
    }
    assert {column.name for column in COLUMNS["Mailbox"] if column.role is FieldRole.WATERMARK} == {
        "processemailreceivedafter",
        "tagemailsafter",
    }
    secrets = {column.name for kind in COLUMNS for column in COLUMNS[kind] if column.role is FieldRole.SECRET}
    assert secrets == {"incomingpassword", "outgoingpassword", "oauthclientsecret", "password", "oauthaccesstoken", "oauthrefreshtoken"}
    # The reference of both tables was compared name by name: 74 and 107 columns, and the filter, which is in another table.
    assert (len(COLUMNS["EmailServerProfile"]), len(COLUMNS["Mailbox"])) == (74, 107 + 1)


# kind, flat spec, row
BOTH_WAYS: list[tuple[str, dict[str, Leaf], dict[str, Cell]]] = [
    ("Mailbox", {"appointmentsContactsTasks": "outlook"}, {"actdeliverymethod": 0}),
    ("Mailbox", {"appointmentsContactsTasks": "server-side"}, {"actdeliverymethod": 1}),
    ("Mailbox", {"appointmentsContactsTasks": "none"}, {"actdeliverymethod": 2}),
    ("Mailbox", {"incoming": "none"}, {"incomingemaildeliverymethod": 0}),
    ("Mailbox", {"incoming": "server-side"}, {"incomingemaildeliverymethod": 2}),
    ("Mailbox", {"incoming": "forward-mailbox"}, {"incomingemaildeliverymethod": 3}),
    ("Mailbox", {"outgoing": "server-side"}, {"outgoingemaildeliverymethod": 2}),
    ("Mailbox", {"state": "inactive"}, {"statecode": 1, "statuscode": 2}),
    ("Mailbox", {"state": "active"}, {"statecode": 0, "statuscode": 1}),
    ("Mailbox", {"filter": "none"}, {"filter/incomingemailfilteringmethod": 4}),
    ("Mailbox", {"deleteAfterProcessing": True}, {"processanddeleteemails": True}),
    ("Mailbox", {"profile": None}, {"emailserverprofile": None}),
    ("EmailServerProfile", {"minPollingInterval": "1h"}, {"minpollingintervalinminutes": 60}),
    ("EmailServerProfile", {"timeoutMailboxConnectionAfter": "1500ms"}, {"timeoutmailboxconnectionafteramount": 1500}),
    ("EmailServerProfile", {"processEmailFrom": "2026-01-01T00:00:00Z"}, {"processemailsreceivedafter": "2026-01-01T00:00:00Z"}),
    ("EmailServerProfile", {"incoming.tls": "none"}, {"incomingusessl": False}),
    ("EmailServerProfile", {"incoming.tls": "implicit", "incoming.port": 993}, {"incomingusessl": True, "incomingportnumber": 993}),
    ("EmailServerProfile", {"incoming.tls": "starttls", "incoming.port": 143}, {"incomingusessl": True, "incomingportnumber": 143}),
    ("EmailServerProfile", {"outgoing.tls": "starttls", "outgoing.port": 587}, {"outgoingusessl": True, "outgoingportnumber": 587}),
    ("EmailServerProfile", {"outgoing.credentials": "entra-oauth"}, {"outgoingcredentialretrieval": 7}),
    ("EmailServerProfile", {"exchangeVersion": "exchange-2013"}, {"exchangeversion": 5}),
    ("Organization", {"alerts.retention": "30d"}, {"orgdborgsettings/TraceLogPersistenceTimeInDays": 30}),
    ("Organization", {"tracking.forceFilterForUsers": "off"}, {"orgdborgsettings/SSSForceFilteringMethodForUserMailboxes": -1}),
    ("Organization", {"attachments.blockedExtensions": ("exe", "js")}, {"blockedattachments": "exe;js"}),
    ("Organization", {"defaults.appointmentsContactsTasks": "none"}, {"defaultemailsettings/ACTDeliveryMethod": 2}),
]


@pytest.mark.parametrize(("kind", "spec", "row"), BOTH_WAYS)
def test_both_ways(kind: str, spec: dict[str, Leaf], row: dict[str, Cell]) -> None:
    assert columns.to_columns(kind, spec) == row
    assert columns.from_columns(kind, row) == spec


def test_the_server_type_carries_the_protocols() -> None:
    assert columns.from_columns("EmailServerProfile", {"servertype": 1}) == {
        "incoming.protocol": "pop3",
        "outgoing.protocol": "smtp",
        "serverType": "pop3-smtp",
    }


# What a column cannot hold: written, then read back as something else.
LOSSY: list[tuple[str, dict[str, Leaf], dict[str, Leaf]]] = [
    ("EmailServerProfile", {"incoming.tls": "starttls", "incoming.port": 1143}, {"incoming.tls": "implicit", "incoming.port": 1143}),
    ("EmailServerProfile", {"incoming.tls": "starttls"}, {"incoming.tls": "implicit"}),
    ("EmailServerProfile", {"facts.serverVersion": "exchange-se"}, {}),
    ("EmailServerProfile", {"incoming.caCertificate": "file:ca.pem"}, {}),
    ("EmailServerProfile", {"incoming.password.ref": "env:X", "incoming.password.generation": 1}, {}),
    ("Mailbox", {"processEmailFrom": "2026-01-01T00:00:00Z"}, {}),
    ("Mailbox", {"type": "queue"}, {}),
]


@pytest.mark.parametrize(("kind", "spec", "back"), LOSSY)
def test_what_a_column_cannot_hold(kind: str, spec: dict[str, Leaf], back: dict[str, Leaf]) -> None:
    assert columns.from_columns(kind, columns.to_columns(kind, spec)) == back


@pytest.mark.parametrize("unset", ["1900-01-01T00:00:00Z", "1900-01-01"])
def test_the_date_that_stands_for_none(unset: str) -> None:
    assert columns.from_columns("EmailServerProfile", {"processemailsreceivedafter": unset}) == {"processEmailFrom": None}


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"servertype": 9}, "column servertype: the number 9 is unknown"),
        ({"servertype": True}, "column servertype: the number True is unknown"),
        ({"servertype": "Exchange Server"}, "column servertype: the number Exchange Server is unknown"),
        ({"sendemailalert": 1}, "column sendemailalert: expected bool, not int"),
        ({"name": 7}, "column name: expected str, not int"),
        ({"processemailsreceivedafter": "soon"}, "column processemailsreceivedafter: 'soon' is no RFC 3339 instant"),
        ({"incomingusessl": "yes"}, "column incomingusessl: expected true or false"),
        ({"minpollingintervalinminutes": True}, "column minpollingintervalinminutes: expected a number"),
    ],
)
def test_a_value_nobody_knows_is_an_error_not_a_guess(row: dict[str, Cell], words: str) -> None:
    with pytest.raises(ValueError) as caught:
        columns.from_columns("EmailServerProfile", row)
    assert words in str(caught.value)


def test_a_leaf_without_a_form_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"minPollingInterval: 90s is no multiple"):
        columns.to_columns("EmailServerProfile", {"minPollingInterval": "90s"})


def test_unknown_columns_are_ignored() -> None:
    assert columns.from_columns("Mailbox", {"newcolumnof2030": 1, "lastsyncerror": "x", "password": "?"}) == {}


@pytest.mark.parametrize(
    ("kind", "info"), [(kind, info) for kind in COLUMNS for info in kinds.fields(kind) if info.column and "`" in info.type]
)
def test_every_word_has_its_own_number(kind: str, info: object) -> None:
    words = [word.strip("` ") for word in info.type.split(",")]  # type: ignore[attr-defined]
    cells = [columns.by_path(kind)[info.path].values.write(word) for word in words]  # type: ignore[attr-defined]
    for (word, cell), (other, same) in product(zip(words, cells, strict=True), repeat=2):
        assert (cell == same) == (word == other) or {word, other} == {"implicit", "starttls"}
