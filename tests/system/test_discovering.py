"""A mailbox whose server Autodiscover finds: asked for a person, pinned, and used by what comes after."""

from __future__ import annotations

import contextlib
import io
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from reconcile.cli import main
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


@pytest.fixture(scope="module")
def applied(tmp_path_factory: pytest.TempPathFactory, hosts: Hosts) -> Path:
    """An estate that was applied once, for all tests to take a copy of."""
    made = MailEstate(folder=tmp_path_factory.mktemp("applied"), imap=9, authority=hosts.authority, password="canary-7391")
    (made.estate / "profile.yaml").write_text(PROFILE)
    made("apply", "--yes")
    return made.folder


@pytest.fixture
def estate(tmp_path: Path, hosts: Hosts, applied: Path) -> MailEstate:
    hosts.forget()
    made = MailEstate(folder=tmp_path, imap=9, authority=hosts.authority, password="canary-7391")
    shutil.copytree(applied, tmp_path, dirs_exist_ok=True)
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
    assert "discovery.hosts" not in shown.out
    for command in ("status", "sync"):
        after = estate(command, code=None)
        assert "its last test failed at discover (20" in after.out, command
        assert "nobody has asked" not in after.out
    refused = estate("outbox", "add", "--from", "sales", "--to", "support@contoso.example", "--subject", "Hello", "--text", "x", code=1)
    assert "`reconcile test-mailbox sales " in refused.err
    (mailbox,) = estate("mailboxes", "-o", "json").document["mailboxes"]
    assert mailbox["hint"] == (
        "Name the server in incoming.server, with autodiscover: false. "
        "`reconcile test-mailbox sales` asks Autodiscover and remembers the answer."
    )


def lint(estate: MailEstate, hosts: Hosts, monkeypatch: pytest.MonkeyPatch, *words: str) -> list[dict[str, object]]:
    """In this process, where names resolve as the test says."""
    from reconcile.wiring import online_findings

    monkeypatch.setattr(online_findings, "online_findings", partial(online_findings.online_findings, outside=hosts.outside()))
    for name, value in estate.environment().items():
        if name.startswith("RECONCILE_"):
            monkeypatch.setenv(name, value)
    places = ["-C", str(estate.estate), "--state-dir", str(estate.state), "--secrets-dir", str(estate.secrets)]
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        main.run(["lint", *places, "-o", "json", *words])
    return [one for one in json.loads(out.getvalue())["findings"] if one["rule"].startswith("autodiscover/")]


def test_lint_tells_what_changed_and_writes_what_is_one_for_all(estate: MailEstate, hosts: Hosts, monkeypatch: pytest.MonkeyPatch) -> None:
    profile = estate.estate / "profile.yaml"
    hosts.on(HOST, "autodiscover.svc", soap(EWS))
    with discovering(estate, hosts) as asking:
        asking.tested(next(one for one in asking.resources if one.kind == "Mailbox"))
    asked = len(hosts.seen)
    assert lint(estate, hosts, monkeypatch) == []
    assert len(hosts.seen) == asked, "nobody is asked unless --online says so"

    (one,) = lint(estate, hosts, monkeypatch, "--online")
    assert (one["rule"], one["severity"], one["path"]) == ("autodiscover/one-server", "information", "spec.autodiscover")
    assert one["file"] == "profile.yaml"

    moved = "https://new.contoso.example/EWS/Exchange.asmx"
    hosts.on(HOST, "autodiscover.svc", soap(moved))
    changed, again = sorted(lint(estate, hosts, monkeypatch, "--online"), key=lambda one: str(one["rule"]))
    assert (changed["rule"], changed["severity"], changed["file"]) == ("autodiscover/changed", "warning", "sales.yaml")
    assert str(changed["message"]).startswith(f"Autodiscover names {moved} now, {EWS} is pinned since ")
    assert again["rule"] == "autodiscover/one-server"
    with discovering(estate, hosts) as asking:
        assert pinned(asking) == {"sales@contoso.example": EWS}, "lint pins nothing"

    before = profile.read_text()
    left = lint(estate, hosts, monkeypatch, "--online", "--fix")
    assert [one["rule"] for one in left] == ["autodiscover/changed"]
    after = profile.read_text()
    assert before != after
    assert f'incoming: {{server: "{moved}", caCertificate' in after
    assert "autodiscover: false" in after
    assert "discovery: {privateNetworks: [127.0.0.0/8]}" in after, "what was not asked for stays"


def test_lint_tells_where_autodiscover_names_nothing(estate: MailEstate, hosts: Hosts, monkeypatch: pytest.MonkeyPatch) -> None:
    (one,) = lint(estate, hosts, monkeypatch, "--online")
    assert (one["rule"], one["severity"]) == ("autodiscover/nothing", "warning")
    assert "autodiscover.contoso.example is not found" in str(one["message"])
    assert "incoming.server" in str(one["hint"])


def test_lint_names_whom_it_did_not_ask_for_and_why(estate: MailEstate, hosts: Hosts, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is declared and not applied has not been agreed to: no account is shown for it."""
    hosts.on(HOST, "autodiscover.svc", soap(EWS))
    profile = (estate.estate / "profile.yaml").read_text().replace("name: contoso", "name: other")
    (estate.estate / "other.yaml").write_text(profile.replace("displayName: Contoso", "displayName: Other"))
    sales = (estate.estate / "sales.yaml").read_text()
    for name in ("desk-1", "desk-2"):
        text = sales.replace("name: sales", f"name: {name}").replace("sales@", f"{name}@").replace("profile: contoso", "profile: other")
        (estate.estate / f"{name}.yaml").write_text(text)
    (one,) = [one for one in lint(estate, hosts, monkeypatch, "--online") if one["rule"] == "autodiscover/not-asked"]
    assert (one["severity"], one["file"], one["resource"]) == ("information", "other.yaml", "EmailServerProfile/other")
    assert str(one["message"]).startswith("Autodiscover was not asked for 2 mailboxes (desk-1, desk-2): nothing is applied yet")
    assert "plan --online" in str(one["hint"])
    assert {each.host for each in hosts.seen} == {HOST}
    shutil.rmtree(estate.state)
    found = lint(estate, hosts, monkeypatch, "--online")
    assert sorted(str(one["message"]).partition(":")[0] for one in found) == [
        "Autodiscover was not asked for 1 mailbox (sales)",
        "Autodiscover was not asked for 2 mailboxes (desk-1, desk-2)",
    ]
