"""Who receives, from where; and who does not, with the field and place that say why."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from reconcile.errors import PermanentError
from reconcile.model.canonical import Leaf
from reconcile.ports.target import AppliedResource
from reconcile.sync.decide.eligible import IdleMailbox, ReceivingMailbox, receiving_mailboxes
from reconcile.sync.decide.permitted import NOTHING_SAID, Permits

NOW = "2026-03-01T08:00:00Z"
PROFILE: dict[str, Leaf] = {"displayName": "Contoso", "serverType": "imap-smtp", "incoming.server": "imap.contoso.example"}
MAILBOX: dict[str, Leaf] = {
    "emailAddress": "sales@contoso.example",
    "profile": "contoso",
    "incoming": "server-side",
    "credentials.allowUse": True,
    "credentials.password.ref": "env:SALES",
}


def decide(
    mailbox: dict[str, Leaf] | None = None,
    profile: dict[str, Leaf] | None = None,
    organization: dict[str, Leaf] | None = None,
    environment: dict[str, Leaf] | None = None,
    permits: Permits = NOTHING_SAID,
    written: str = "",
) -> ReceivingMailbox | IdleMailbox:
    def row(kind: str, name: str, spec: dict[str, Leaf]) -> AppliedResource:
        return AppliedResource(
            kind=kind,
            name=name,
            external_id=f"id-{name}",
            spec=spec,
            origins={path: f"{name}.yaml:{line}" for line, path in enumerate(spec, 3)},
            written="second" if kind == written else "first",
        )

    rows = [row("EmailServerProfile", "contoso", {**PROFILE, **(profile or {})}), row("Mailbox", "sales", {**MAILBOX, **(mailbox or {})})]
    if organization is not None:
        rows.append(row("Organization", "org", organization))
    if environment is not None:
        rows.append(row("Environment", "test", environment))
    (found,) = receiving_mailboxes(rows, now=NOW, permits=permits)
    return found


def test_what_is_plain_receives_with_the_defaults() -> None:
    found = decide()
    assert isinstance(found, ReceivingMailbox)
    assert (found.server, found.port, found.tls, found.sign_in.username) == (
        "imap.contoso.example",
        993,
        "implicit",
        "sales@contoso.example",
    )
    assert (found.sign_in.password, found.connections, found.polling_interval) == (
        ("id-sales", "credentials.password"),
        10,
        timedelta(minutes=5),
    )
    assert (found.floor, found.conditions) == (None, ())


@pytest.mark.parametrize("chosen", [None, "all", "replies", "known-senders", "email-enabled", "none"])
def test_every_filter_receives(chosen: Leaf) -> None:
    assert isinstance(decide({"filter": chosen}), ReceivingMailbox)


@pytest.mark.parametrize(("tls", "port"), [("implicit", 995), ("starttls", 110)])
def test_pop3_receives_over_its_own_port(tls: str, port: int) -> None:
    found = decide(profile={"serverType": "pop3-smtp", "incoming.tls": tls})
    assert isinstance(found, ReceivingMailbox)
    assert (found.protocol, found.port) == ("pop3", port)


NOT_BUILT = [
    ("profile", {"autodiscover": True}, "autodiscover"),
    ("profile", {"incoming.authentication": "negotiate"}, "incoming.authentication"),
    ("profile", {"incoming.credentials": "profile"}, "incoming.credentials"),
    ("profile", {"incoming.credentials": "anonymous"}, "incoming.credentials"),
    ("profile", {"incoming.credentials": "server-to-server"}, "incoming.credentials"),
    ("profile", {"incoming.useImpersonation": True}, "incoming.useImpersonation"),
]


@pytest.mark.parametrize(("where", "spec", "field"), NOT_BUILT)
def test_what_is_not_built_is_told_with_its_place_and_does_not_run(where: str, spec: dict[str, Leaf], field: str) -> None:
    found = decide(**{where: spec})
    assert isinstance(found, IdleMailbox)
    assert not found.off
    (condition,) = found.conditions
    assert (condition.type, condition.field) == ("Unsupported", field)
    assert condition.origin.split(":")[0] == {"mailbox": "sales.yaml", "profile": "contoso.yaml", "organization": "org.yaml"}[where]


def test_what_harms_nobody_is_told_and_mail_runs() -> None:
    found = decide(profile={"incoming.protocol": "pop3", "moveUndeliveredEmails": True})
    assert isinstance(found, ReceivingMailbox)
    assert [(condition.type, condition.field) for condition in found.conditions] == [("Unsupported", "moveUndeliveredEmails")]


@pytest.mark.parametrize(
    ("where", "spec", "reason", "off"),
    [
        ("mailbox", {"state": "inactive"}, "Inactive", True),
        ("mailbox", {"incoming": "none"}, "NotServerSide", True),
        ("mailbox", {"incoming": "outlook"}, "NotServerSide", True),
        ("mailbox", {"incoming": "forward-mailbox"}, "ForwardMailbox", True),
        ("profile", {"state": "inactive"}, "ProfileInactive", True),
        ("organization", {"processing.connectionChannel": "email-router"}, "EmailRouter", True),
        ("mailbox", {"profile": None}, "NoProfile", False),
        ("mailbox", {"profile": "other"}, "NoProfile", False),
        ("profile", {"incoming.server": None}, "NoServer", False),
        ("mailbox", {"credentials.allowUse": False}, "NoConsent", False),
        ("mailbox", {"credentials.password.ref": None}, "NoCredentials", False),
        ("profile", {"incoming.tls": "none"}, "TlsRequired", False),
    ],
)
def test_off_or_something_to_do(where: str, spec: dict[str, Leaf], reason: str, off: bool) -> None:
    found = decide(**{where: spec})
    assert isinstance(found, IdleMailbox)
    assert (found.conditions[0].reason, found.off) == (reason, off)


@pytest.mark.parametrize(
    ("organization", "runs"),
    [
        ({"deployment": "on-premises", "deploymentSettings.allowNonSslEmail": True}, True),
        ({"deployment": "online", "deploymentSettings.allowNonSslEmail": True}, False),
        ({"deployment": "on-premises"}, False),
    ],
)
def test_clear_text_only_where_the_organization_allows_it(organization: dict[str, Leaf], runs: bool) -> None:
    assert isinstance(decide(profile={"incoming.tls": "none"}, organization=organization), ReceivingMailbox) is runs


def test_the_organization_gives_what_a_mailbox_leaves_out() -> None:
    found = decide({"profile": None, "incoming": None}, organization={"defaults.profile": "contoso", "defaults.incoming": "server-side"})
    assert isinstance(found, ReceivingMailbox)


def test_approval_counts_for_the_kind_of_mailbox() -> None:
    assert isinstance(decide({"type": "queue"}, organization={"approval.requireForUsers": True}), ReceivingMailbox)
    assert isinstance(decide({"type": "queue"}, organization={"approval.requireForQueues": True}), IdleMailbox)


def test_the_later_date_is_the_floor() -> None:
    found = decide({"processEmailFrom": "2026-02-01T00:00:00Z"}, {"processEmailFrom": "2026-01-01T00:00:00Z"})
    assert isinstance(found, ReceivingMailbox)
    assert found.floor == datetime(2026, 2, 1, tzinfo=UTC)


def test_a_target_that_synchronises_itself_is_refused() -> None:
    with pytest.raises(PermanentError, match="synchronises mail itself"):
        decide(environment={"target.type": "dataverse"})
    assert isinstance(decide(environment={"target.type": "engine"}), ReceivingMailbox)


def test_the_fingerprint_moves_with_configuration_and_credentials() -> None:
    prints = [
        decide(mailbox, profile).fingerprint
        for mailbox, profile in (({}, {}), ({"credentials.password.generation": 2}, {}), ({}, {"incoming.port": 1993}), ({}, {}))
    ]  # type: ignore[union-attr]
    assert len(set(prints)) == 3
    assert prints[0] == prints[3]


def test_a_password_that_is_new_behind_its_reference_moves_the_fingerprint() -> None:
    """The spec is the same then: all there is to see is that the row was written."""
    prints = [decide(written=kind).fingerprint for kind in ("", "Mailbox", "EmailServerProfile", "")]  # type: ignore[union-attr]
    assert len(set(prints)) == 3
    assert prints[0] == prints[3]


def test_what_else_is_left_out_is_told_where_no_mail_comes_in_too() -> None:
    asked: dict[str, Leaf] = {"incoming": "none"}
    pop3: dict[str, Leaf] = {"incoming.protocol": "pop3", "moveUndeliveredEmails": True}
    found = decide(asked, pop3)
    assert isinstance(found, IdleMailbox)
    assert [(one.type, one.field) for one in found.conditions] == [("Off", "incoming"), ("Unsupported", "moveUndeliveredEmails")]
    assert len(decide({**asked, "state": "inactive"}, pop3).conditions) == 1


def test_a_persons_sign_in_ends_what_failed_before() -> None:
    """So a mailbox that waited for it is looked at at once, and not hours later."""
    token: dict[str, Leaf] = {
        "incoming.authentication": "oauth",
        "oauth.clientId": "id",
        "oauth.tokenEndpoint": "https://login.contoso.example/token",
    }
    permits = Permits(signed_in={"id-sales": "2026-03-01T08:00:00Z"})
    for profile, expected in ((token, "2026-03-01T08:00:00Z"), ({}, "")):
        found = decide(profile=profile, permits=permits)
        assert isinstance(found, ReceivingMailbox), found
        assert found.enabled_at == expected
