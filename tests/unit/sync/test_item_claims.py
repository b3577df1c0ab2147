"""A mailbox of which only appointments, contacts and tasks are synchronised belongs to one environment, too."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from reconcile.ports.target import AppliedResource
from reconcile.sync.claiming import admitted
from reconcile.sync.decide.item_mailboxes import KeptInStep, NotKept, item_mailboxes
from reconcile.sync.decide.permitted import Permits

NOW = "2026-03-10T12:00:00Z"
PROFILE = AppliedResource(
    kind="EmailServerProfile",
    name="exchange",
    external_id="p",
    spec={
        "serverType": "exchange-server",
        "incoming.protocol": "ews",
        "incoming.server": "https://mail.contoso.example/EWS/Exchange.asmx",
        "incoming.credentials": "profile",
        "incoming.username": "svc@contoso.example",
        "incoming.password.ref": "env:PASSWORD",
        "incoming.useImpersonation": True,
        "incoming.authentication": "basic",
    },
)
MAILBOX = AppliedResource(
    kind="Mailbox",
    name="anna",
    external_id="m",
    spec={
        "emailAddress": "anna@contoso.example",
        "type": "user",
        "profile": "exchange",
        "incoming": "none",
        "outgoing": "none",
        "appointmentsContactsTasks": "server-side",
    },
)


def test_it_is_claimed_and_left_alone_where_somebody_else_has_it() -> None:
    asked: list[Collection[str]] = []

    def claim(addresses: Collection[str]) -> Mapping[str, str]:
        asked.append(sorted(addresses))
        return {"anna@contoso.example": "staging"}

    permits = Permits()
    found = admitted([PROFILE, MAILBOX], permits, claim, now=NOW)
    assert asked == [["anna@contoso.example"]]
    (mine,) = item_mailboxes([PROFILE, MAILBOX], now=NOW, permits=permits)
    assert isinstance(mine, KeptInStep)
    (held,) = item_mailboxes([PROFILE, MAILBOX], now=NOW, permits=replace(permits, held=found.permits.held))
    assert isinstance(held, NotKept)
    assert "environment staging" in held.condition.message
