"""`plan --online` shows which server Autodiscover names, without showing credentials, and `apply` of its file pins it."""

from __future__ import annotations

import contextlib
import io
import json
import sqlite3
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from reconcile.cli import main
from reconcile.model.discovered_server import DiscoveredServer
from reconcile.settings import Settings
from reconcile.wiring import plan_discovering
from reconcile.wiring.applied import applied_state
from reconcile.wiring.permits import discovered_servers
from reconcile.wiring.state import writable_database
from support.autodiscover_server import Hosts, Says, autodiscover_hosts, redirect, soap
from support.mail_estate import MailEstate

EWS = "https://mail.contoso.example/EWS/Exchange.asmx"
MOVED = "https://new.contoso.example/EWS/Exchange.asmx"
HOST = "autodiscover.contoso.example"
PROFILE = """\
apiVersion: reconcile/v1alpha2
kind: EmailServerProfile
metadata: {name: contoso}
spec:
  displayName: Contoso
  serverType: exchange-server
  autodiscover: true
  discovery: {privateNetworks: [127.0.0.0/8], plainHttp: true}
  incoming:
    caCertificate: "file:ca.pem"
    authentication: basic
    credentials: profile
    useImpersonation: true
    username: crm-service
    password: {ref: "file:password", generation: 1}
"""
MAILBOX = """\
apiVersion: reconcile/v1alpha2
kind: Mailbox
metadata: {name: NAME}
spec: {emailAddress: NAME@contoso.example, profile: contoso, incoming: server-side, outgoing: none, filter: all}
"""


@pytest.fixture(scope="module")
def hosts() -> Iterator[Hosts]:
    with autodiscover_hosts("*.contoso.example") as served:
        yield served


@pytest.fixture
def estate(tmp_path: Path, hosts: Hosts) -> MailEstate:
    hosts.forget()
    made = MailEstate(folder=tmp_path / "one", imap=9, authority=hosts.authority, password="canary-7391", names=())
    (made.estate / "profile.yaml").write_text(PROFILE)
    declare(made, "sales")
    return made


@pytest.fixture
def run(estate: MailEstate, hosts: Hosts, monkeypatch: pytest.MonkeyPatch) -> partial[tuple[int, str]]:
    """A command of ours in this process, so that names resolve to the hosts of the test."""
    monkeypatch.setattr(plan_discovering, "PlanDiscovering", partial(plan_discovering.PlanDiscovering, outside=hosts.outside()))
    return partial(command, estate)


def command(estate: MailEstate, *words: str) -> tuple[int, str]:
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        code = main.run(estate.arguments(*words)[3:])
    assert "canary-7391" not in out.getvalue()
    return int(code), out.getvalue()


def shown(file: Path) -> str:
    """What `reconcile show` says, either way."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        main.run(["show", str(file)])
    return out.getvalue()


def declare(estate: MailEstate, *names: str) -> None:
    for name in names:
        (estate.estate / f"{name}.yaml").write_text(MAILBOX.replace("NAME", name))


def as_json(url: str) -> Says:
    return Says(content=json.dumps({"Protocol": "EWS", "Url": url}).encode())


def plan_of(run: partial[tuple[int, str]], *words: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run("plan", *words, "-o", "json")[1])["plan"]
    return found


def pinned(estate: MailEstate) -> dict[str, str]:
    with contextlib.closing(sqlite3.connect(estate.state / "test" / "engine.db")) as database:
        return dict(database.execute("SELECT address, url FROM discovered_server"))


def test_what_is_named_stands_beside_the_change_and_is_pinned_by_the_apply(
    estate: MailEstate, hosts: Hosts, run: partial[tuple[int, str]]
) -> None:
    hosts.on(HOST, "autodiscover.json", as_json(EWS))
    file = str(estate.folder / "plan.json")
    _, plain = run("plan")
    assert not hosts.seen, "a plan asks nobody unless --online says so"
    assert "nobody has asked Autodiscover for the mailbox's server yet" in plain

    _, shown = run("plan", "--online", "--out", file)
    _, sales = shown.split("+ Mailbox/sales", 1)
    assert f"→ Autodiscover names {EWS}\n" in sales
    assert "1 server that Autodiscover named is pinned when this plan is applied from its file" in shown
    assert "nobody has asked" not in shown
    assert not (estate.state / "test" / "engine.db").exists(), "a plan creates no store"

    code, applied = run("apply", file)
    assert (code, pinned(estate)) == (0, {"sales@contoso.example": EWS})
    assert f"i Mailbox/sales: its server is {EWS}, pinned as Autodiscover named it" in applied
    assert hosts.signed_in_at() == set()
    assert "NotDiscovered" not in run("status", "-o", "json")[1]
    (record,) = [one for one in json.loads(run("history", "-o", "json")[1])["records"] if one["action"] == "discover"]
    assert EWS in json.dumps(record)
    assert run("apply", file)[0] == 0, "once more does no harm"
    assert pinned(estate) == {"sales@contoso.example": EWS}
    assert not plan_of(run, "--online").get("discovered"), "nothing changes, so nobody is asked"


def test_another_server_than_is_pinned_is_a_finding_and_stays_out(estate: MailEstate, hosts: Hosts, run: partial[tuple[int, str]]) -> None:
    file = str(estate.folder / "plan.json")
    hosts.on(HOST, "autodiscover.json", as_json(EWS))
    run("plan", "--online", "--out", file)
    run("apply", file)
    hosts.on(HOST, "autodiscover.json", as_json(MOVED))
    (estate.estate / "sales.yaml").write_text(MAILBOX.replace("NAME", "sales").replace("filter: all", "filter: replies"))
    declare(estate, "office")
    plan = plan_of(run, "--online", "--out", file)
    (finding,) = plan["judgement"]["findings"]
    assert (finding["rule"], finding["severity"], finding["resource"]) == ("autodiscover/changed", "warning", "Mailbox/sales")
    assert finding["message"].startswith(f"Autodiscover names {MOVED} now, {EWS} is pinned since ")
    assert "`reconcile test-mailbox sales` tries the new one" in finding["hint"]
    assert finding["position"]["file"] == "sales.yaml"
    assert {one["key"]: one["before"] for one in plan["discovered"]} == {"Mailbox/office": "", "Mailbox/sales": EWS}
    _, applied = run("apply", file)
    assert f"Mailbox/sales: {MOVED} is not pinned: {EWS} is pinned; `reconcile test-mailbox sales " in applied
    assert "` tries the new one" in applied
    assert pinned(estate) == {"sales@contoso.example": EWS, "office@contoso.example": MOVED}

    settings = "apiVersion: reconcile/v1alpha2\nkind: PolicySettings\nmetadata: {name: strict}\nspec: {failOn: warning}\n"
    (estate.estate / "settings.yaml").write_text(settings)
    (estate.estate / "sales.yaml").write_text(MAILBOX.replace("NAME", "sales"))
    code, shown = run("plan", "--online")
    assert code == 3, shown
    assert "rule autodiscover/changed" in shown


def test_what_was_pinned_since_the_plan_was_made_is_kept_and_told(estate: MailEstate, hosts: Hosts, run: partial[tuple[int, str]]) -> None:
    file = str(estate.folder / "plan.json")
    hosts.on(HOST, "autodiscover.json", as_json(EWS))
    run("apply", "--yes")
    (estate.estate / "sales.yaml").write_text(MAILBOX.replace("NAME", "sales").replace("filter: all", "filter: replies"))
    run("plan", "--online", "--out", file)
    settings = Settings(state_directory=estate.state, secrets_directory=estate.secrets, cache_directory=estate.folder / "cache")
    with writable_database(settings, "test") as database:
        (mailbox,) = [one for one in applied_state(database).resources() if one.kind == "Mailbox"]
        other = DiscoveredServer(
            mailbox_id=mailbox.external_id,
            address="sales@contoso.example",
            url=MOVED,
            method="soap",
            at="2026-11-23T08:00:00Z",
            by="postmaster",
        )
        discovered_servers(database).pin(other, name="sales")
    document = json.loads(run("apply", file, "-o", "json")[1])
    (told,) = document["discovered"]
    assert (told["key"], told["pinned"]) == ("Mailbox/sales", False)
    assert told["why"].startswith(f"{MOVED} was pinned by postmaster since the plan was made")
    assert [one["result"] for one in document["outcomes"]] == ["applied"]
    assert pinned(estate) == {"sales@contoso.example": MOVED}


def test_an_apply_that_died_before_it_pinned_is_made_good_by_the_same_file(
    estate: MailEstate, hosts: Hosts, run: partial[tuple[int, str]]
) -> None:
    hosts.on(HOST, "autodiscover.json", as_json(EWS))
    file = str(estate.folder / "plan.json")
    run("plan", "--online", "--out", file)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("reconcile.apply.pinning.pin_discovered", died)
        with pytest.raises(SystemExit, match="9"):
            run("apply", file)
    assert pinned(estate) == {}
    assert "nobody has asked Autodiscover" in run("status")[1]
    code, told = run("apply", file)
    assert (code, pinned(estate)) == (0, {"sales@contoso.example": EWS})
    assert "applied by an earlier run" in told


def died(*_: object, **__: object) -> None:
    raise SystemExit(9)


def test_the_address_that_was_asked_for_must_be_the_one_that_is_applied(
    estate: MailEstate, hosts: Hosts, run: partial[tuple[int, str]]
) -> None:
    hosts.on(HOST, "autodiscover.json", as_json(EWS))
    file = estate.folder / "plan.json"
    run("plan", "--online", "--out", str(file))
    run("apply", "--yes")
    (estate.estate / "sales.yaml").write_text(MAILBOX.replace("NAME", "sales").replace("sales@", "orders@"))
    run("apply", "--yes")
    code, told = run("apply", str(file))
    assert code == 6, "the change of the mailbox is void"
    assert f"{EWS} is not pinned: it was named for sales@contoso.example, which is not the mailbox's address now" in told
    assert pinned(estate) == {}


def test_in_vain_is_told_with_the_next_step(estate: MailEstate, hosts: Hosts, run: partial[tuple[int, str]]) -> None:
    hosts.on(HOST, "autodiscover.svc", soap(EWS))
    hosts.on(HOST, "autodiscover.xml", redirect(f"https://{HOST}/autodiscover/autodiscover.svc"))
    _, shown = run("plan", "--online")
    assert "without credentials Autodiscover names no server (" in shown
    assert "answers 404" in shown
    assert "` asks with credentials after the apply" in shown
    assert "incoming mail is asked for and will not start: see the notes" in shown
    assert hosts.signed_in_at() == set(), "a plan shows nobody an account"
    assert all(one.secure for one in hosts.seen), "nor asks without TLS"
    hosts.forget()
    _, nowhere = run("plan", "--online")
    assert f"{HOST} is not found" in nowhere
    assert "nobody has asked" not in nowhere


def test_only_so_many_are_asked_for_and_not_for_ever(
    estate: MailEstate, hosts: Hosts, run: partial[tuple[int, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    hosts.on(HOST, "autodiscover.json", as_json(EWS))
    declare(estate, *(f"desk-{number}" for number in range(9)))
    monkeypatch.setattr(plan_discovering, "MOST", 4)
    plan = plan_of(run, "--online")
    assert len(plan["discovered"]) == 4
    notes = [one["message"] for one in plan["notes"] if "Autodiscover" in one["message"]]
    assert [one for one in notes if "was not asked: a plan asks for 4 mailboxes at most" in one and ": 6 mailboxes (" in one], notes
    assert not [one for one in notes if "nobody has asked" in one]
    monkeypatch.setattr(plan_discovering, "_WHOLE", -1.0)
    plan = plan_of(run, "--online")
    assert "discovered" not in plan
    (note,) = [one for one in plan["notes"] if "s for that were over" in one["message"]]
    assert "nothing is received: 4 mailboxes (desk-0, " in note["message"]


def test_what_does_not_change_itself_is_noted(estate: MailEstate, hosts: Hosts, run: partial[tuple[int, str]]) -> None:
    """The profile says where to look from now on; its mailboxes stay as they are."""
    named = PROFILE.replace("autodiscover: true", "autodiscover: false").replace(
        "  incoming:\n", "  incoming:\n    server: https://old.contoso.example/EWS/Exchange.asmx\n"
    )
    (estate.estate / "profile.yaml").write_text(named)
    declare(estate, "office")
    run("apply", "--yes")
    (estate.estate / "profile.yaml").write_text(PROFILE)
    hosts.on(HOST, "autodiscover.json", as_json(EWS))
    file = str(estate.folder / "plan.json")
    _, shown = run("plan", "--online", "--out", file)
    assert f"i Autodiscover names {EWS}: 2 mailboxes (office, sales)" in shown
    run("apply", file)
    assert pinned(estate) == {"sales@contoso.example": EWS, "office@contoso.example": EWS}


def test_a_plan_file_that_names_something_else_than_a_server_is_refused(
    estate: MailEstate, hosts: Hosts, run: partial[tuple[int, str]]
) -> None:
    hosts.on(HOST, "autodiscover.json", as_json(EWS))
    file = estate.folder / "plan.json"
    run("plan", "--online", "--out", str(file))
    text = file.read_text()
    assert '"formatVersion": "1.3"' in text
    file.write_text(text.replace(EWS, EWS.replace("https", "http")))
    assert "the plan file is damaged: discovered.0.url: " in shown(file)
    file.write_text(text.replace(EWS, MOVED))
    assert "its checksum does not fit" in shown(file)
    file.write_text(text)
    assert f"→ Autodiscover names {EWS}\n" in shown(file)
