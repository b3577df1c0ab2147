"""The canonical form, and what the rest of the house asks about a kind."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from reconcile.model import kinds
from reconcile.model.canonical import Leaf
from reconcile.model.key import KINDS, Key
from reconcile.model.resource import Lifecycle
from reconcile.model.secret import SecretRef

Build = Callable[..., dict[str, Any]]

PROFILE = {"displayName": "Exchange", "serverType": "exchange-server"}
MAILBOX = {"emailAddress": "sales@contoso.example"}

CANONICAL: list[tuple[str, str, dict[str, object], dict[str, Leaf]]] = [
    ("only what was declared", "Mailbox", {}, MAILBOX),
    ("a declared default stays", "Mailbox", {"incoming": "none"}, {**MAILBOX, "incoming": "none"}),
    ("null clears", "Mailbox", {"profile": None}, {**MAILBOX, "profile": None}),
    (
        "the domain has no case, the local part has",
        "Mailbox",
        {"emailAddress": "Sales@Contoso.EXAMPLE"},
        {"emailAddress": "Sales@contoso.example"},
    ),
    ("instants are UTC", "Mailbox", {"processEmailFrom": "2026-07-01"}, {**MAILBOX, "processEmailFrom": "2026-06-30T22:00:00Z"}),
    ("durations have one text", "EmailServerProfile", {"minPollingInterval": "1h30m"}, {**PROFILE, "minPollingInterval": "90m"}),
    (
        "a secret has a generation",
        "EmailServerProfile",
        {"incoming.password": "env:X"},
        {**PROFILE, "incoming.password.ref": "env:X", "incoming.password.generation": 1},
    ),
    (
        "a secret in full",
        "EmailServerProfile",
        {"oauth.clientSecret": {"ref": "file:a/b", "generation": 2, "expires": "2027-01-01"}},
        {
            **PROFILE,
            "oauth.clientSecret.ref": "file:a/b",
            "oauth.clientSecret.generation": 2,
            "oauth.clientSecret.expires": "2026-12-31T23:00:00Z",
        },
    ),
    (
        "a cleared secret has nothing left",
        "Mailbox",
        {"credentials.password": None},
        {**MAILBOX, "credentials.password.ref": None, "credentials.password.generation": None, "credentials.password.expires": None},
    ),
    (
        "a certificate is a reference",
        "EmailServerProfile",
        {"incoming.caCertificate": "file:ca.pem"},
        {**PROFILE, "incoming.caCertificate": "file:ca.pem"},
    ),
    ("an empty group is nothing", "EmailServerProfile", {"incoming": {}}, PROFILE),
    (
        "sets are sorted, without doubles",
        "Organization",
        {"ownedDomains": ["b.example", "A.example", "a.example"]},
        {"ownedDomains": ("a.example", "b.example")},
    ),
    (
        "extensions have no dot",
        "Organization",
        {"attachments.blockedExtensions": [".EXE", "exe"]},
        {"attachments.blockedExtensions": ("exe",)},
    ),
    (
        "recipients",
        "Environment",
        {"allowedRecipients": ["B@Contoso.example", "@Contoso.example"]},
        {"allowedRecipients": ("@contoso.example", "B@contoso.example")},
    ),
    ("folders keep their order", "Environment", {"layers": ["z/", "a"]}, {"layers": ("z", "a")}),
    ("variables keep their types", "Environment", {"variables": {"b": 1, "a": True}}, {"variables.a": True, "variables.b": 1}),
    (
        "a secret's generation has its place",
        "Mailbox",
        {"credentials.refreshToken": {"ref": "env:X", "expires": "2027-01-01"}},
        {
            "credentials.refreshToken.expires": "2026-12-31T23:00:00Z",
            "credentials.refreshToken.generation": 1,
            "credentials.refreshToken.ref": "env:X",
            "emailAddress": "sales@contoso.example",
        },
    ),
    (
        "ids have no case",
        "Environment",
        {"tenantId": "AAAAAAAA-2222-4333-8444-555555555555"},
        {"tenantId": "aaaaaaaa-2222-4333-8444-555555555555"},
    ),
]


@pytest.mark.parametrize(("_", "kind", "fields", "expected"), CANONICAL)
def test_canonical(_: str, kind: str, fields: dict[str, object], expected: dict[str, Leaf], document: Build) -> None:
    canonical = kinds.canonical(kinds.decode(kind, document(kind, fields), time_zone="Europe/Berlin"))
    assert canonical == expected
    assert list(canonical) == sorted(canonical)


def test_kinds_are_those_of_keys() -> None:
    assert set(kinds.MODELS) == set(KINDS)


@pytest.mark.parametrize(
    ("declared", "expected"),
    [
        (
            {"serverType": "imap-smtp"},
            {"incoming.protocol": "imap", "incoming.port": 993, "outgoing.port": 587, "outgoing.tls": "starttls"},
        ),
        ({"serverType": "imap-smtp", "incoming.tls": "starttls"}, {"incoming.port": 143}),
        ({"serverType": "imap-smtp", "outgoing.tls": "implicit"}, {"outgoing.port": 465}),
        ({"serverType": "imap-smtp", "outgoing.tls": "none"}, {"outgoing.port": 25}),
        ({"serverType": "pop3-smtp"}, {"incoming.protocol": "pop3", "incoming.port": 995, "outgoing.protocol": "smtp"}),
        ({"serverType": "exchange-server"}, {"incoming.protocol": "ews", "incoming.port": 443, "outgoing.tls": "implicit"}),
        ({"serverType": "imap-smtp", "useSameSettingsForOutgoing": False}, {"outgoing.credentials": "user-or-queue"}),
        ({}, {"maxConcurrentConnections": 10, "minPollingInterval": "5m", "state": "active", "useSameSettingsForOutgoing": True}),
    ],
)
def test_defaults_of_a_profile(declared: dict[str, Leaf], expected: dict[str, Leaf]) -> None:
    assert kinds.defaults("EmailServerProfile", declared).items() >= expected.items()


def test_defaults_of_a_mailbox() -> None:
    assert kinds.defaults("Mailbox", {"emailAddress": "a@b.example", "incoming": "server-side", "state": None}) == {
        "appointmentsContactsTasks": "none",
        "credentials.allowUse": False,
        "deleteAfterProcessing": False,
        "displayName": "a@b.example",
        "outgoing": "none",
        "type": "user",
    }


@pytest.mark.parametrize("kind", KINDS)
def test_defaults_never_touch_what_was_declared(kind: str) -> None:
    everything = {info.path: None for info in kinds.fields(kind)}
    assert kinds.defaults(kind, everything) == {}


def test_a_typed_spec_has_defaults_and_real_types() -> None:
    spec = kinds.typed(
        "EmailServerProfile",
        {
            "displayName": "x",
            "serverType": "imap-smtp",
            "processEmailFrom": "2026-01-01T00:00:00Z",
            "incoming.server": "imap.contoso.example",
            "incoming.password.ref": "env:X",
            "incoming.password.generation": 2,
            "owner": None,
        },
    )
    assert spec.process_email_from == datetime(2026, 1, 1, tzinfo=UTC)
    assert spec.min_polling_interval == timedelta(minutes=5)
    assert spec.incoming.password.ref == SecretRef("env", "X")
    assert (spec.incoming.protocol, spec.incoming.port, spec.outgoing.port) == ("imap", 993, 587)
    assert spec.owner is None


@pytest.mark.parametrize(
    ("kind", "spec"),
    [
        ("Mailbox", {"emailAddress": "a@b.example", "credentials.password.ref": None, "credentials.password.generation": None}),
        ("Mailbox", {"emailAddress": "a@b.example", "state": None}),
        ("Organization", {"ownedDomains": ("a.example",)}),
        ("Environment", {"variables.a": 1, "layers": ("b", "a"), "allowedRecipients": ("*",)}),
    ],
)
def test_typed_takes_what_stores_and_targets_hold(kind: str, spec: dict[str, Leaf]) -> None:
    assert isinstance(kinds.typed(kind, spec), kinds.spec_model(kind))


def test_typed_refuses_what_does_not_fit() -> None:
    with pytest.raises(ValidationError):
        kinds.typed("Mailbox", {"emailAddress": "a@b.example", "incoming": "carrier-pigeon"})
    with pytest.raises(ValidationError):
        kinds.typed("Mailbox", {})


@pytest.mark.parametrize(
    ("kind", "spec", "expected"),
    [
        ("Mailbox", {"profile": "exchange"}, (Key("EmailServerProfile", "exchange"),)),
        ("Mailbox", {"profile": None}, ()),
        ("Mailbox", {}, ()),
        ("Organization", {"defaults.profile": "exchange"}, (Key("EmailServerProfile", "exchange"),)),
        ("Organization", {"profile": "exchange"}, ()),
        ("EmailServerProfile", {"displayName": "x"}, ()),
        ("Environment", {}, ()),
    ],
)
def test_references(kind: str, spec: dict[str, Leaf], expected: tuple[Key, ...]) -> None:
    assert kinds.references(kind, spec) == expected


@pytest.mark.parametrize(
    ("kind", "spec", "expected"),
    [
        ("Mailbox", {"emailAddress": "Sales@Contoso.example"}, "sales@contoso.example"),
        ("Mailbox", {"emailAddress": "Sales@Müller.example"}, "sales@xn--mller-kva.example"),
        ("Mailbox", {"displayName": "x"}, None),
        ("Mailbox", {"emailAddress": None}, None),
        ("EmailServerProfile", {"displayName": "GRÖSSE"}, "grösse"),
        ("EmailServerProfile", {"displayName": "Straße"}, "strasse"),
        ("Organization", {}, "Organization"),
        ("Environment", {}, "Environment"),
    ],
)
def test_natural_identity(kind: str, spec: dict[str, Leaf], expected: str | None) -> None:
    assert kinds.natural_identity(kind, spec) == expected


def test_lifecycle() -> None:
    assert {kind: kinds.lifecycle(kind) for kind in KINDS} == {
        "Environment": Lifecycle.SINGLETON,
        "EmailServerProfile": Lifecycle.MANAGED,
        "Organization": Lifecycle.SINGLETON,
        "MailboxAssignment": Lifecycle.MANAGED,
        "MailboxList": Lifecycle.MANAGED,
        "Mailbox": Lifecycle.MANAGED,
    }


@pytest.mark.parametrize("kind", KINDS)
def test_secret_paths_are_those_of_the_model(kind: str) -> None:
    assert kinds.secret_paths(kind) == tuple(info.path for info in kinds.fields(kind) if info.type == "secret")
    assert bool(kinds.secret_paths(kind)) == (kind in ("EmailServerProfile", "Mailbox"))


@pytest.mark.parametrize("kind", KINDS)
def test_every_field_says_what_it_is(kind: str) -> None:
    for info in kinds.fields(kind):
        assert info.description.endswith("."), info.path
        assert info.type, info.path
        # Null and a default would be two ways to say "not set".
        assert info.required or info.nullable != (info.value is not None) or info.type == "map", info.path


def test_the_form_of_the_profile_and_the_mailbox_is_covered() -> None:
    """The fields of the product's two profile forms and of its mailbox form (Power Platform, pages on profiles and mailboxes)."""
    profile = {info.path for info in kinds.fields("EmailServerProfile")}
    directions = ("server", "port", "tls", "authentication", "credentials", "username", "password", "useImpersonation")
    assert profile >= {f"{direction}.{name}" for direction in ("incoming", "outgoing") for name in directions}
    assert profile >= {
        "displayName",
        "description",
        "autodiscover",
        "useSameSettingsForOutgoing",
        "moveUndeliveredEmails",
        "processEmailFrom",
        "maxConcurrentConnections",
        "minPollingInterval",
    }
    assert {info.path for info in kinds.fields("Mailbox")} >= {
        "displayName",
        "emailAddress",
        "owner",
        "profile",
        "incoming",
        "outgoing",
        "appointmentsContactsTasks",
        "deleteAfterProcessing",
        "credentials.allowUse",
        "credentials.username",
        "credentials.password",
    }
