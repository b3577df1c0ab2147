"""What changes mean for the mail: a table."""

from __future__ import annotations

import pytest

from reconcile.model.canonical import Leaf
from reconcile.model.key import Key
from reconcile.plan.consequences.table import of_change, of_delete, of_lost_profile
from reconcile.plan.consequences.words import Surroundings

AROUND = Surroundings(
    mailboxes={"one": 3, "solo": 1},
    profiles={"one": {"processEmailFrom": "2026-03-01T00:00:00Z"}, "two": {}, "neu": {}},
    renamed_profiles={"neu": "alt"},
)
MAILBOX, ONE, SOLO = Key("Mailbox", "m"), Key("EmailServerProfile", "one"), Key("EmailServerProfile", "solo")
JAN, JUN = "2026-01-01T00:00:00Z", "2026-06-01T00:00:00Z"
BASE: dict[str, Leaf] = {"emailAddress": "m@contoso.example", "profile": "one", "incoming": "none", "outgoing": "none", "state": "active"}
MAIL_PROFILE: dict[str, Leaf] = {"incoming.tls": "implicit", "incoming.port": 993, "state": "active"}

CASES: list[tuple[Key, dict[str, Leaf], dict[str, Leaf], tuple[str, ...]]] = [
    (MAILBOX, {"incoming": "none"}, {"incoming": "server-side"}, ("incoming mail starts from 2026-03-01T00:00:00Z",)),
    (MAILBOX, {"incoming": "none", "profile": "two"}, {"incoming": "server-side"}, ("incoming mail starts from the oldest message",)),
    (
        MAILBOX,
        {"incoming": "none", "processEmailFrom": JUN},
        {"incoming": "server-side"},
        ("incoming mail starts from 2026-06-01T00:00:00Z",),
    ),
    (MAILBOX, {"incoming": "server-side"}, {"incoming": "none"}, ("incoming mail stops",)),
    (MAILBOX, {"incoming": "server-side"}, {"incoming": "outlook"}, ("incoming mail stops here; outlook takes over",)),
    (MAILBOX, {"incoming": "outlook"}, {"incoming": "none"}, ("incoming mail by outlook ends",)),
    (MAILBOX, {"incoming": "none"}, {"incoming": "forward-mailbox"}, ("incoming mail comes by forward-mailbox",)),
    (MAILBOX, {"outgoing": "none"}, {"outgoing": "server-side"}, ("outgoing mail starts",)),
    (MAILBOX, {"outgoing": "server-side"}, {"outgoing": "none"}, ("outgoing mail stops",)),
    (MAILBOX, {"state": "inactive"}, {"outgoing": "server-side"}, ()),
    (MAILBOX, {"state": "active", "incoming": "server-side"}, {"state": "inactive"}, ("incoming and outgoing mail stop",)),
    (MAILBOX, {"state": "inactive"}, {"state": "active"}, ("incoming and outgoing mail start again",)),
    (
        MAILBOX,
        {"profile": "one"},
        {"profile": "two"},
        (
            "moves to the server and credentials of profile two (was one); mail from the oldest message is read again: unknown number of messages",
        ),
    ),
    (MAILBOX, {"profile": "two"}, {"profile": "one"}, ("moves to the server and credentials of profile one (was two)",)),
    (MAILBOX, {"profile": "alt"}, {"profile": "neu"}, ("same server and credentials: profile alt is now called neu",)),
    (MAILBOX, {"profile": "one"}, {"profile": None}, ("no profile: incoming and outgoing mail stop",)),
    (MAILBOX, {}, {"emailAddress": "M@contoso.example"}, ("its address is spelled M@contoso.example; it is the same mailbox",)),
    (MAILBOX, {}, {"emailAddress": "n@contoso.example"}, ("mail of n@contoso.example is read and sent instead of m@contoso.example",)),
    (MAILBOX, {"credentials.password.generation": 1}, {"credentials.password.generation": 2}, ("connects with other credentials",)),
    (MAILBOX, {"credentials.password.ref": "env:A"}, {"credentials.password.ref": "env:B"}, ("connects with other credentials",)),
    (MAILBOX, {"credentials.password.expires": JAN}, {"credentials.password.expires": JUN}, ()),
    (
        MAILBOX,
        {"processEmailFrom": JUN},
        {"processEmailFrom": JAN},
        ("mail from 2026-01-01T00:00:00Z is read again: unknown number of messages",),
    ),
    (MAILBOX, {"processEmailFrom": JAN}, {"processEmailFrom": JUN}, ("mail before 2026-06-01T00:00:00Z is no longer read",)),
    (MAILBOX, {}, {"processEmailFrom": JUN}, ("mail before 2026-06-01T00:00:00Z is no longer read",)),
    (
        MAILBOX,
        {"processEmailFrom": JAN},
        {"processEmailFrom": None},
        ("mail from before 2026-01-01T00:00:00Z is read again: unknown number of messages",),
    ),
    (MAILBOX, {"deleteAfterProcessing": False}, {"deleteAfterProcessing": True}, ("mail is deleted at the server once it is tracked",)),
    (MAILBOX, {"filter": "all"}, {"filter": "replies"}, ("tracks replies instead of all",)),
    (MAILBOX, {"displayName": "A"}, {"displayName": "B"}, ()),
    (
        MAILBOX,
        {"appointmentsContactsTasks": "server-side"},
        {"appointmentsContactsTasks": "none"},
        ("appointments, contacts and tasks stop",),
    ),
    (ONE, {"incoming.server": "a"}, {"incoming.server": "b"}, ("3 mailboxes connect to another server or port",)),
    (SOLO, {"incoming.port": 993}, {"incoming.port": 1993}, ("1 mailbox connects to another server or port",)),
    (ONE, {"incoming.password.ref": "env:A"}, {"incoming.password.ref": "env:B"}, ("3 mailboxes connect with other credentials",)),
    (ONE, {"oauth.clientId": "a"}, {"oauth.clientId": "b"}, ("3 mailboxes connect with other credentials",)),
    (ONE, {"incoming.tls": "implicit"}, {"incoming.tls": "none"}, ("incoming mail and passwords of 3 mailboxes travel unencrypted",)),
    (ONE, {"incoming.tls": "implicit"}, {"incoming.tls": "starttls"}, ("incoming TLS is weaker (implicit → starttls) for 3 mailboxes",)),
    (ONE, {"outgoing.tls": "none"}, {"outgoing.tls": "starttls"}, ("outgoing TLS is stronger (none → starttls) for 3 mailboxes",)),
    (ONE, {"state": "active"}, {"state": "inactive"}, ("incoming and outgoing mail of 3 mailboxes stop",)),
    (
        ONE,
        {"processEmailFrom": JUN},
        {"processEmailFrom": JAN},
        ("mail from 2026-01-01T00:00:00Z is read again in 3 mailboxes: unknown number of messages",),
    ),
    (ONE, {"minPollingInterval": "5m"}, {"minPollingInterval": "10m"}, ("new mail is looked for every 10m instead of every 5m",)),
    (ONE, {"maxConcurrentConnections": 10}, {"maxConcurrentConnections": 2}, ("at most 2 connections at a time instead of 10",)),
    (ONE, {"incoming.useImpersonation": False}, {"incoming.useImpersonation": True}, ("3 mailboxes are opened by impersonation",)),
    (
        Key("Organization", "o"),
        {"fips": False},
        {"approval.requireForUsers": True},
        ("mail of users waits until their address is approved",),
    ),
    (
        Key("Organization", "o"),
        {"deploymentSettings.allowNonSslEmail": False},
        {"deploymentSettings.allowNonSslEmail": True},
        ("profiles may connect without encryption",),
    ),
    (
        Key("Environment", "dev"),
        {"allowedRecipients": ("a@contoso.example",)},
        {"allowedRecipients": ("a@contoso.example", "@fabrikam.example")},
        ("mail may now reach @fabrikam.example",),
    ),
    (
        Key("Environment", "dev"),
        {"allowedRecipients": ("*",)},
        {"allowedRecipients": ("a@contoso.example",)},
        ("mail may now reach a@contoso.example; mail may no longer reach everybody",),
    ),
    (Key("Environment", "dev"), {"allowedRecipients": ()}, {"allowedRecipients": ("*",)}, ("mail may now reach everybody",)),
    (
        Key("Environment", "dev"),
        {"allowedRecipients": ("a@contoso.example",)},
        {"allowedRecipients": None},
        ("mail may no longer reach a@contoso.example; nobody may be mailed",),
    ),
]


@pytest.mark.parametrize(("key", "before", "declared", "words"), CASES)
def test_of_change(key: Key, before: dict[str, Leaf], declared: dict[str, Leaf], words: tuple[str, ...]) -> None:
    base = BASE if key.kind == "Mailbox" else MAIL_PROFILE if key.kind == "EmailServerProfile" else {"timeZone": "UTC"}
    old = {**base, **before}
    assert of_change(key, old, {**old, **declared}, declared.keys(), AROUND) == words


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        (
            {"incoming": "server-side", "outgoing": "server-side", "profile": "one"},
            ("incoming mail starts from 2026-03-01T00:00:00Z", "outgoing mail starts"),
        ),
        ({"incoming": "outlook", "profile": "one"}, ()),
        ({"incoming": "server-side", "state": "inactive"}, ("inactive: no mail comes in or goes out",)),
    ],
)
def test_of_create(spec: dict[str, Leaf], words: tuple[str, ...]) -> None:
    assert of_change(MAILBOX, {}, spec, spec.keys(), AROUND) == words


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ({}, {"enabled": True}, "subjects of outgoing mail end with a tracking token"),
        ({"enabled": True}, {"enabled": False}, "subjects get no tracking token, and none is read"),
        (
            {"enabled": True},
            {"enabled": True, "prefix": "Case:"},
            "replies are no longer recognised by tokens with CRM:; tracking.token.formerPrefixes would keep them",
        ),
        ({"enabled": True}, {"enabled": True, "prefix": "Case:", "formerPrefixes": ("CRM:",)}, ""),
        ({"enabled": True}, {"enabled": True, "userDigits": 9, "baseNumber": 500}, ""),
        ({}, {"prefix": "Case:"}, ""),
    ],
)
def test_of_a_changed_token(before: dict[str, Leaf], after: dict[str, Leaf], words: str) -> None:
    key = Key("Organization", "contoso")
    old, new = ({"timeZone": "UTC", **{f"tracking.token.{name}": leaf for name, leaf in some.items()}} for some in (before, after))
    attached = "which mail is tracked, and to what it is attached, changes from now on"
    expected = (attached, words) if words else (attached,)
    assert of_change(key, old, new, ["tracking.token.prefix"], Surroundings(engine=True)) == expected
    # Another target keeps its former prefixes by itself.
    assert of_change(key, old, new, ["tracking.token.prefix"], AROUND) == (attached,)


def test_of_delete() -> None:
    assert of_delete(MAILBOX, BASE) == ("incoming and outgoing mail of m@contoso.example stop; already tracked mail stays",)
    assert of_delete(ONE, {}) == ()
    assert of_lost_profile(1) == ("1 mailbox loses the profile: incoming and outgoing mail stop",)
    assert of_lost_profile(2) == ("2 mailboxes lose the profile: incoming and outgoing mail stop",)
