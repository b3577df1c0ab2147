"""The alarm of a profile, mailed: by the command line, against a mail server that is not there; and with the process killed."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.dovecot import free_port
from support.mail_estate import MailEstate, end
from support.smtp_fault import FaultServer

pytestmark = pytest.mark.slow

_ORGANIZATION = """\
apiVersion: reconcile/v1alpha2
kind: Organization
metadata: {name: contoso}
spec: {alerts: {sender: SENDER, recipients: [admin@contoso.example, far@elsewhere.example]}}
"""


@pytest.fixture
def server() -> Iterator[FaultServer]:
    with FaultServer() as running:
        yield running


@pytest.fixture
def estate(tmp_path: Path, server: FaultServer) -> MailEstate:
    """Mailboxes whose server for incoming mail is away, and an owner who wants to know."""
    made = MailEstate(
        folder=tmp_path,
        imap=free_port(),
        smtp=server.port,
        authority=server.authority,
        password="x",
        names=("alarm", "info", "sales", "help", "jobs", "press"),
    )
    profile = made.estate / "profile.yaml"
    profile.write_text(profile.read_text() + "  sendEmailAlert: true\n  ownerEmailAddress: owner@contoso.example\n")
    return made


def organization(estate: MailEstate, sender: str) -> None:
    (estate.estate / "organization.yaml").write_text(_ORGANIZATION.replace("SENDER", sender))


def test_the_alarm_is_mailed_once_and_status_says_why_it_is_not(estate: MailEstate, server: FaultServer) -> None:
    assert "alerts.sender of the Organization names no mailbox" in estate("plan").out
    estate("apply", "--yes")
    words = "EmailServerProfile/contoso: sendEmailAlert (profile.yaml:10): nobody is mailed: alerts.sender of the Organization names no"
    assert words in estate("status").out
    organization(estate, "alarm")
    told = estate("run", "--once", code=1).out
    assert "alarm: mail 1 to owner@contoso.example, admin@contoso.example: Alarm: more than half of the mailboxes of profile" in told
    shown = estate("status", "--output", "json").document
    counted = {"mailboxes": 6, "failing": 6, "waiting": 0, "leftAlone": 6, "disabled": 0, "tracked": 0, "sent": 0}
    assert shown["profiles"] == [{"profile": "contoso", **counted}]
    (away,) = shown["leftAlone"]
    assert (away["kind"], away["name"]) == ("server", f"localhost:{estate.imap}")
    assert away["askedAgainAt"] > away["since"]
    text = estate("status").out
    assert f"server localhost:{estate.imap} since " in text
    assert ": asked again " in text
    assert "far@elsewhere.example gets no mail: not in allowedRecipients" in estate("status").out
    for _ in range(2):
        estate("run", "--once", code=None)
    (taken,) = server.taken
    assert (taken.sender, taken.recipients) == ("alarm@contoso.example", ("owner@contoso.example", "admin@contoso.example"))
    assert b"\r\nAuto-Submitted: auto-generated\r\n" in taken.content
    assert b"6 of 6 mailboxes of profile contoso failed within an hour: 6 =C3=97 " in taken.content.replace(b"=\r\n", b"")
    (mail,) = estate("outbox", "list", "--output", "json").document["mails"]
    assert (mail["id"], mail["state"]) == (1, "sent")


def test_whenever_it_is_killed_the_alarm_is_mailed_once(estate: MailEstate, server: FaultServer) -> None:
    organization(estate, "alarm")
    estate("apply", "--yes")
    chance = random.Random(7)
    started = time.monotonic()
    for _ in range(20):
        running = estate.start("run", "--once")
        time.sleep(chance.uniform(0.3, 2.5))
        end(running)
    for _ in range(3):
        estate("run", "--once", code=None)
    mails = estate("outbox", "list", "--output", "json").document["mails"]
    alarms = [mail for mail in mails if "Alarm" in mail["subject"]]
    assert len(alarms) == 1, mails
    assert len(server.taken) == 1 or alarms[0]["state"] == "uncertain"
    assert time.monotonic() - started < 120
