"""A mailbox whose server Autodiscover finds: asked for a person, pinned, and used by what comes after."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from reconcile.settings import Settings
from reconcile.sync.decide.eligible import IdleMailbox, receiving_mailboxes
from reconcile.wiring.applied import applied_state
from reconcile.wiring.discovering import Discovering
from reconcile.wiring.permits import permits
from reconcile.wiring.state import writable_database
from support.autodiscover_server import Hosts, Says, autodiscover_hosts, soap
from support.mail_estate import MailEstate

EWS = "https://mail.contoso.example/EWS/Exchange.asmx"
HOST = "autodiscover.contoso.example"
PROFILE = """\
apiVersion: reconcile/v1alpha2
kind: EmailServerProfile
metadata: {name: contoso}
spec:
  displayName: Contoso
  serverType: exchange-server
  autodiscover: true
  discovery: {privateNetworks: [127.0.0.0/8]}
  incoming: {caCertificate: "file:ca.pem", authentication: basic}
"""


@pytest.fixture(scope="module")
def hosts() -> Iterator[Hosts]:
    with autodiscover_hosts("*.contoso.example") as served:
        yield served


@pytest.fixture
def estate(tmp_path: Path, hosts: Hosts) -> MailEstate:
    hosts.forget()
    made = MailEstate(folder=tmp_path, imap=9, authority=hosts.authority, password="canary-7391")
    (made.estate / "profile.yaml").write_text(PROFILE)
    made("apply", "--yes")
    return made


@contextmanager
def discovering(estate: MailEstate, hosts: Hosts) -> Iterator[Discovering]:
    settings = Settings(state_directory=estate.state, secrets_directory=estate.secrets, cache_directory=estate.folder / "cache")
    with writable_database(settings, "test") as database:
        yield Discovering(
            settings=settings,
            database=database,
            actor="postmaster@contoso.example",
            resources=applied_state(database).resources(),
            outside=hosts.outside(),
        )


def pinned(of: Discovering) -> dict[str, str]:
    return {one.address: one.url for one in permits(of.settings, of.database, "test")().servers.values()}


def test_what_is_found_is_pinned_and_used(estate: MailEstate, hosts: Hosts) -> None:
    hosts.on(HOST, "autodiscover.svc", soap(EWS))
    with discovering(estate, hosts) as asking:
        (mailbox,) = [one for one in asking.resources if one.kind == "Mailbox"]
        (before,) = receiving_mailboxes(
            asking.resources, now="2026-11-01T08:00:00Z", permits=permits(asking.settings, asking.database, "test")()
        )
        assert isinstance(before, IdleMailbox)
        assert before.conditions[0].reason == "NotDiscovered"

        assert asking.wanted(mailbox)
        step, server = asking.tested(mailbox)
        assert (step.name, step.ok, step.words) == ("discover", True, f"{EWS}, named by https://{HOST}/autodiscover/autodiscover.svc")
        assert server is not None
        assert pinned(asking) == {"sales@contoso.example": EWS}
        (after,) = receiving_mailboxes(
            asking.resources, now="2026-11-01T08:00:00Z", permits=permits(asking.settings, asking.database, "test")()
        )
        assert not isinstance(after, IdleMailbox)
        assert (after.protocol, after.server) == ("ews", "mail.contoso.example")

        moved = "https://new.contoso.example/EWS/Exchange.asmx"
        hosts.on(HOST, "autodiscover.svc", soap(moved))
        step, _ = asking.tested(mailbox)
        assert step.words.startswith(f"{moved}, named by https://{HOST}/autodiscover/autodiscover.svc; before it was {EWS} (")
    shown = [one for one in estate("history", "-o", "json").document["records"] if one["action"] == "discover"]
    assert [one["actor"] for one in shown] == ["postmaster@contoso.example"] * 2
    assert EWS in json.dumps(shown)


def test_what_fails_pins_nothing_and_says_how_far_it_came(estate: MailEstate, hosts: Hosts) -> None:
    hosts.on(HOST, "autodiscover.svc", Says(status=401, headers={"WWW-Authenticate": "Negotiate"}))
    with discovering(estate, hosts) as asking:
        (mailbox,) = [one for one in asking.resources if one.kind == "Mailbox"]
        step, server = asking.tested(mailbox)
        assert (step.ok, server, pinned(asking)) == (False, None, {})
    assert f"{HOST} does not take the account (it offers Negotiate)" in step.words
    assert step.hint == "Check credentials and authentication of the profile."
    assert "canary-7391" not in repr(step)


def test_the_command_tells_it(estate: MailEstate) -> None:
    """Names below .example resolve nowhere, so this ends at DNS, in words and with the next step."""
    shown = estate("test-mailbox", "sales", code=1)
    assert "discover" in shown.out
    assert "autodiscover.contoso.example is not found" in shown.out
    assert "Name the server in incoming.server" in shown.out
    (mailbox,) = estate("mailboxes", "-o", "json").document["mailboxes"]
    assert mailbox["hint"] == "`reconcile test-mailbox sales` asks Autodiscover and remembers the answer."
