"""Approve, test, enable and disable from the command line, on real servers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.dovecot import PASSWORD, Dovecot, running
from support.mail_estate import MailEstate
from support.postfix import Postfix
from support.postfix import running as postfix_running

pytestmark = pytest.mark.servers

ORGANIZATION = """\
apiVersion: reconcile/v1alpha2
kind: Organization
metadata: {name: organization}
spec: {approval: {requireForUsers: true, requireTest: true}}
"""
STAGING = """\
apiVersion: reconcile/v1alpha2
kind: Environment
metadata: {name: staging}
spec: {allowedRecipients: ["@contoso.example"]}
"""
MAIL = b"Message-ID: <1@contoso.example>\r\nSubject: one\r\n\r\nhello\r\n"


@pytest.fixture(scope="module")
def dovecot() -> Iterator[Dovecot]:
    with running(users={"sales@contoso.example": PASSWORD}) as server:
        yield server


@pytest.fixture(scope="module")
def postfix() -> Iterator[Postfix]:
    with postfix_running() as server:
        yield server


@pytest.fixture
def estate(tmp_path: Path, dovecot: Dovecot, postfix: Postfix) -> MailEstate:
    made = MailEstate(
        folder=tmp_path,
        imap=dovecot.imaps,
        authority=dovecot.authority,
        smtp=postfix.submission,
        smtp_authority=postfix.authority,
        password=PASSWORD,
        variables={"RECONCILE_ACTOR": "postmaster@contoso.example"},
    )
    (made.estate / "organization.yaml").write_text(ORGANIZATION)
    return made


def status(estate: MailEstate) -> dict[str, str]:
    (mailbox,) = json.loads(estate("mailboxes", "-o", "json").out)["mailboxes"]
    return {"health": mailbox["health"], "why": mailbox["why"], "hint": mailbox["hint"]}


def tracked(estate: MailEstate) -> int:
    return len(estate("activities", "list", "-o", "json").out.splitlines())


def test_the_whole_way(estate: MailEstate, dovecot: Dovecot, postfix: Postfix) -> None:
    dovecot.deliver("sales@contoso.example", MAIL)
    shown = estate("plan").out
    assert shown.count("the address waits for approval: nothing is received or sent: 1 mailbox (sales)") == 1
    estate("apply", "--yes")
    estate("sync")
    assert tracked(estate) == 0
    assert status(estate) == {
        "health": "waiting",
        "why": "the address waits for approval",
        "hint": "Somebody who may approve addresses runs `reconcile approve sales`.",
    }
    # Mail is taken in while it waits, and waits with it.
    estate("outbox", "add", "--from", "sales", "--to", "info@contoso.example", "--subject", "early", "--text", "x")
    estate("sync", code=None)
    assert postfix.delivered() == []

    assert estate("approve", "sales@contoso.example").out == "sales: sales@contoso.example is approved, by postmaster@contoso.example\n"
    assert status(estate)["why"] == "waits for its test"
    glance = estate("status").out
    assert glance.count("waits for its test") == 1
    assert "waits for approval" not in glance.split("outgoing mail")[0]
    assert "nothing acts on it" not in glance
    estate("sync", code=None)
    assert tracked(estate) == 0

    enabled = estate("enable", "sales").out
    assert [line.split()[1] for line in enabled.splitlines() if line.startswith("  ok")] == [
        *("resolve", "connect", "tls", "sign-in", "inbox", "quota"),
        *("resolve", "connect", "sign-in"),
    ]
    assert "1 message at the server" in enabled
    assert enabled.splitlines()[-2:] == ["sales: incoming is enabled", "sales: outgoing is enabled"]
    # Neither a test nor enabling changed anything at the server, or sent anything.
    assert postfix.delivered() == []
    estate("sync")
    assert tracked(estate) == 1
    assert len(postfix.wait(1)) == 1

    assert status(estate)["health"] == "healthy"
    estate("disable", "sales", "--only", "outgoing", "--reason", "on leave")
    assert status(estate)["health"] == "off"
    assert "on leave (postmaster@contoso.example)" in status(estate)["why"]
    assert "off: sales" in estate("status").out
    estate("enable", "sales", "--only", "outgoing")
    estate("disable", "sales", "--only", "incoming", "--reason", "too\nmuch   mail")
    assert status(estate)["health"] == "off"
    assert "too much mail (postmaster@contoso.example)" in status(estate)["why"]
    dovecot.deliver("sales@contoso.example", MAIL.replace(b"one", b"two").replace(b"<1@", b"<2@"))
    estate("sync")
    assert tracked(estate) == 1
    estate("enable", "sales", "--only", "incoming")
    estate("sync")
    assert tracked(estate) == 2
    told = [record["action"] for record in json.loads(estate("history", "-o", "json").out)["records"]]
    assert [action for action in told if action in ("approve", "test", "enable", "disable")][::-1] == [
        *("approve", "test", "test", "enable", "enable"),
        *("disable", "test", "enable"),
        *("disable", "test", "enable"),
    ]


@pytest.mark.slow
def test_a_test_says_where_it_ends_and_enables_nothing(estate: MailEstate, dovecot: Dovecot) -> None:
    estate.secret("password", b"wrong")
    estate("apply", "--yes")
    estate("approve", "sales")
    failed = estate("test-mailbox", "sales", "--only", "incoming", "-o", "json", code=1).document["tests"][0]
    assert [(step["name"], step["ok"]) for step in failed["steps"]] == [
        *(("resolve", True), ("connect", True), ("tls", True)),
        ("sign-in", False),
    ]
    assert failed["steps"][-1]["hint"]
    assert "enabled" not in estate("enable", "sales", "--only", "incoming", code=1).out.splitlines()[-1]
    assert "failed at sign-in" in status(estate)["why"]
    assert "wrong" not in json.dumps(failed)


@pytest.mark.slow
def test_a_message_goes_out_only_when_asked_and_only_where_allowed(estate: MailEstate, postfix: Postfix) -> None:
    estate("apply", "--yes")
    estate("approve", "sales")
    estate("enable", "sales", "--only", "outgoing")
    before = len(postfix.delivered())
    assert "is sent" in estate("test-mailbox", "sales", "--only", "outgoing", "--send-to", "info@contoso.example").out
    assert len(postfix.wait(before + 1)) == before + 1
    refused = estate("test-mailbox", "sales", "--only", "outgoing", "--send-to", "info@fabrikam.example", code=1).out
    assert "allowedRecipients" in refused


@pytest.mark.slow
def test_one_mailbox_belongs_to_one_environment(estate: MailEstate, dovecot: Dovecot) -> None:
    (estate.estate / "organization.yaml").unlink()
    estate("apply", "--yes")
    estate("sync")
    before = tracked(estate)
    (estate.estate / "environment.yaml").write_text(STAGING)
    estate("apply", "--yes")
    dovecot.deliver("sales@contoso.example", MAIL.replace(b"<1@", b"<3@"))
    estate("sync", "-e", "staging")
    assert estate("activities", "list", "-o", "json", "-e", "staging").out == ""
    (mailbox,) = json.loads(estate("mailboxes", "-o", "json", "-e", "staging").out)["mailboxes"]
    assert (mailbox["health"], mailbox["why"]) == (
        "stalled",
        "environment test synchronises this address, and a mailbox belongs to one environment",
    )
    assert "--take-over" in mailbox["hint"]
    estate("enable", "sales", "--only", "incoming", "--take-over", "-e", "staging")
    estate("sync", "-e", "staging")
    assert len(estate("activities", "list", "-o", "json", "-e", "staging").out.splitlines()) >= before + 1
    estate("sync", "-e", "test")
    assert len(estate("activities", "list", "-o", "json", "-e", "test").out.splitlines()) == before


@pytest.mark.slow
def test_nobody_approves_what_is_their_own_where_that_is_asked_for(estate: MailEstate) -> None:
    (estate.estate / "organization.yaml").write_text(ORGANIZATION.replace("requireTest: true", "requirePrivilegeForOwnAddress: true"))
    estate("apply", "--yes")
    estate.variables["RECONCILE_ACTOR"] = "Sales@contoso.example"
    assert "your own mailbox" in estate("approve", "sales", code=1).err
    estate.variables["RECONCILE_ACTOR"] = "postmaster@contoso.example"
    estate("approve", "sales")


def test_what_makes_no_sense_is_said(estate: MailEstate) -> None:
    estate("apply", "--yes")
    assert "name mailboxes" in estate("enable", code=64).err
    assert "no mailbox 'sale'" in estate("approve", "sale", code=1).err
    assert "no applied mailbox uses profile 'other'" in estate("test-mailbox", "--profile", "other", code=1).err
    assert "1 to 500" in estate("disable", "sales", "--reason", "  ", code=64).err
    assert "1 to 500" in estate("disable", "sales", "--reason", "x" * 501, code=64).err


def test_who_left_is_stopped_and_purged(estate: MailEstate, dovecot: Dovecot, postfix: Postfix) -> None:
    (estate.estate / "organization.yaml").unlink()
    dovecot.deliver("sales@contoso.example", MAIL.replace(b"<1@", b"<9@"))
    estate("apply", "--yes")
    estate("sync")
    assert tracked(estate) > 0
    estate("outbox", "add", "--from", "sales", "--to", "info@contoso.example", "--subject", "late", "--text", "x")
    before = len(postfix.delivered())
    shown = estate("offboard", "sales", "--purge").out
    assert shown.startswith("sales: would be: both directions disabled, 1 waiting mail taken back, ")
    assert tracked(estate) > 0
    done = estate("offboard", "sales", "--purge", "--yes", "-o", "json").document
    assert (done["done"], done["disabled"], done["withdrawn"]) == (True, ["incoming", "outgoing"], [1])
    dovecot.deliver("sales@contoso.example", MAIL.replace(b"<1@", b"<10@"))
    estate("sync", code=None)
    assert (tracked(estate), len(postfix.delivered())) == (0, before)
    again = estate("offboard", "sales", "--yes", "-o", "json").document
    assert (again["disabled"], again["withdrawn"]) == ([], [])
