"""Which mailboxes are due in a pass, when the next one is, and what is said about it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from reconcile.controller.mail import answered_elsewhere, due_mailboxes, told, until_next
from reconcile.controller.recoveries import Recovered, Recoveries, over
from reconcile.errors import Unavailable
from reconcile.model import instant
from reconcile.model.alert import Alert, AlertLevel, Cause, Mailed
from reconcile.model.condition import Condition
from reconcile.model.exit_code import ExitCode
from reconcile.model.mailbox_state import MailboxState
from reconcile.model.sending_report import MailboxTrouble, SendingReport
from reconcile.sync.alarm_mailing import AlarmMail
from reconcile.sync.decide.alert_mail import AlarmLetter
from reconcile.sync.decide.alerts import PROFILE_FAILING
from reconcile.sync.decide.draft import Draft
from reconcile.sync.decide.eligible import ReceivingMailbox
from reconcile.sync.run import MailboxRun
from reconcile.sync.servers import Outage, Servers
from support.applied import START, StillClock
from support.mail_fleet import fleet_mailbox

LONGEST = timedelta(seconds=15)


def mailbox(name: str, minutes: int = 5) -> ReceivingMailbox:
    return fleet_mailbox(name, polling_interval=timedelta(minutes=minutes))


def looked(name: str, minutes_ago: float) -> MailboxState:
    return MailboxState(mailbox_id=name, last_attempt=instant.text(START - timedelta(minutes=minutes_ago)), fingerprint="f")


def test_due_is_whose_polling_interval_is_over_the_longest_waiting_first() -> None:
    boxes = [mailbox("fresh"), mailbox("old"), mailbox("older"), mailbox("slow", minutes=60)]
    states = {"fresh": looked("fresh", 4), "old": looked("old", 6), "older": looked("older", 9), "slow": looked("slow", 30)}
    assert [one.name for one in due_mailboxes(boxes, states, START)] == ["older", "old"]
    assert [one.name for one in due_mailboxes([*boxes, mailbox("new")], states, START)] == ["older", "old", "new"]


def test_the_next_pass_is_when_something_is_due_but_not_at_once_and_not_too_late() -> None:
    def after(minutes_ago: float) -> float:
        return until_next([mailbox("a")], {"a": looked("a", minutes_ago)}, START, LONGEST).total_seconds()

    assert after(0) == 15
    assert 6 <= after(4.9) <= 15
    assert after(9) == 1
    assert until_next([], {}, START, LONGEST) == LONGEST


def test_a_pass_that_did_nothing_is_quiet_and_one_that_failed_is_not() -> None:
    assert told([], SendingReport(), again_after=LONGEST).quiet
    idle = told([MailboxRun(mailbox=mailbox("a"))], SendingReport(), again_after=LONGEST)
    assert idle.quiet
    assert idle.code is ExitCode.NOTHING_TO_DO
    failed = told([MailboxRun(mailbox=mailbox("a"), error=Unavailable("nobody answers"))], SendingReport(), again_after=LONGEST)
    assert not failed.quiet
    assert failed.code is ExitCode.FAILURE
    assert "nobody answers" in failed.message
    condition = Condition(type="Ready", status=False, reason="X", message="wrong password", since="")
    trouble = MailboxTrouble(mailbox_id="a", name="a", condition=condition, waiting=3)
    assert told([], SendingReport(troubles=(trouble,)), again_after=LONGEST).message == "a: 3 mails wait: wrong password"


def test_a_server_that_is_away_is_told_once_and_not_by_each_of_its_mailboxes() -> None:
    server = "imap.contoso.example:993"
    outage = Outage(server=server, since=START, error="nobody answers", hint="", retry_in=30)
    runs = [MailboxRun(mailbox=mailbox(f"m{number}"), error=Unavailable("nobody answers", about="server")) for number in range(5)]
    first = told(runs, SendingReport(), again_after=LONGEST, outages=[outage], fresh=frozenset({server}), waiting={server: 9995})
    assert first.message.endswith("nobody answers; 9995 mailboxes wait, tried again in 30 s and then at a rate")
    assert "m0" not in first.message
    later = told(runs[:1], SendingReport(), again_after=LONGEST, outages=[outage], waiting={server: 9999})
    assert (first.quiet, later.quiet, later.code) == (False, True, ExitCode.FAILURE)
    assert later.detail["away"] == [{"server": server, "since": "2026-03-01T08:00:00Z", "waiting": 9999}]


def test_what_works_again_is_told_once() -> None:
    recoveries = Recoveries()
    recoveries.begin(lambda: {"a": replace(looked("a", 9), error_kind="TimedOut", error="silent"), "b": looked("b", 9)})
    fine = [MailboxRun(mailbox=mailbox(name)) for name in "ab"]
    again = Recovered(mailboxes=recoveries.mailboxes(fine))
    assert again.mailboxes == ("a",)
    report = told(fine, SendingReport(), again_after=LONGEST, recovered=again)
    assert (report.quiet, report.message) == (False, "0 e-mails tracked from 2 mailboxes; a works again")
    assert report.detail["recovered"] == {"mailboxes": ["a"], "servers": [], "profiles": []}
    assert recoveries.mailboxes(fine) == ()
    failed = [MailboxRun(mailbox=mailbox(name), error=Unavailable("nobody answers")) for name in "ab"]
    assert [recoveries.mailboxes(runs) for runs in (failed, failed, fine, fine)] == [(), (), ("a", "b"), ()]
    # Another process works on it: that says nothing.
    assert recoveries.mailboxes(failed) == ()
    assert recoveries.mailboxes([MailboxRun(mailbox=mailbox("a"), skipped="another process works on it")]) == ()
    assert [recoveries.servers(away) for away in ((), ("x:1", "y:1"), ("y:1",), ("y:1",), ())] == [(), (), ("x:1",), (), ("y:1",)]
    assert Recovered(servers=("x:1",), profiles=("contoso",), mailboxes=("a", "b")).words == [
        "server x:1 answers again",
        "the alarm of profile contoso is over",
        "a, b work again",
    ]
    assert told([], SendingReport(), again_after=LONGEST, recovered=Recovered()).quiet


def test_an_alarm_that_is_over_is_told_by_the_name_of_its_profile() -> None:
    def alarm(about: str, code: str = PROFILE_FAILING) -> Alert:
        cause = Cause(level=AlertLevel.ERROR, code=code, text="", hint="", kind="EmailServerProfile", about=about, name=f"name of {about}")
        return Alert(id=1, cause=cause, since="", seen="", count=1)

    assert over([alarm("p"), alarm("q"), alarm("r", "Other")], [alarm("q")]) == ("name of p",)
    assert over([alarm("p")], [alarm("p")]) == ()


def test_what_became_of_an_alarm_is_told() -> None:
    letter = AlarmLetter(
        alert_id=1, what=Mailed.BEGAN, key="k", mailbox="alarm", draft=Draft(to=("boss@contoso.example",), subject="Alarm: contoso")
    )
    sent = told([], SendingReport(), again_after=LONGEST, mailed=[AlarmMail(letter=letter, entry=7)])
    assert (sent.quiet, sent.message) == (False, "alarm: mail 7 to boss@contoso.example: Alarm: contoso")
    refused = told([], SendingReport(), again_after=LONGEST, mailed=[AlarmMail(letter=letter, refused="nobody knows them")])
    assert refused.message == "alarm: the mail 'Alarm: contoso' could not be written: nobody knows them"
    assert refused.detail["alarms"] == [{"key": "k", "mail": None, "subject": "Alarm: contoso", "refused": "nobody knows them"}]


def test_a_server_is_asked_again_once_another_process_got_through_to_it() -> None:
    clock = StillClock()
    servers = Servers(clock=clock, full=4)

    def unread() -> dict[str, MailboxState]:
        raise AssertionError("states are read while no server is away")

    answered_elsewhere([mailbox("a")], unread, servers)
    for _ in range(5):
        servers.ended("imap.contoso.example:993", "a", Unavailable("no route", hint="", about="server"), asked=True)
    states = {"a": replace(looked("a", 0), last_success=instant.text(START - timedelta(minutes=1)))}
    answered_elsewhere([mailbox("a"), mailbox("new")], lambda: states, servers)
    assert set(servers.outages()) == {"imap.contoso.example:993"}
    clock.pass_by(minutes=2)
    states["a"] = replace(states["a"], last_success=instant.text(START + timedelta(minutes=1)))
    answered_elsewhere([mailbox("a"), mailbox("new")], lambda: states, servers)
    assert servers.outages() == {}
    assert servers.left_alone() == []
