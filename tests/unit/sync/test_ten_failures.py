"""Ten counted failures in a row disable a direction; what is not the mailbox's fault counts for nothing."""

from __future__ import annotations

import pytest

from reconcile.errors import AuthenticationRejected, PermanentError, ReconcileError, Throttled, TimedOut, Unavailable
from reconcile.model.enablement import Direction, Enable, TestEnded
from reconcile.sync.decide.eligible import ReceivingMailbox
from support.mail_fleet import Fleet, fleet_mailbox

SALES = fleet_mailbox("sales")


def always(error: ReconcileError) -> Fleet:
    def failing(_: ReceivingMailbox) -> None:
        raise error

    return Fleet(failing=failing)


def test_the_tenth_disables_the_direction_and_says_why() -> None:
    fleet = always(TimedOut("imap.contoso.example:993 was silent for too long", hint="Look at the mailbox."))
    for number in range(1, 11):
        assert fleet.said(SALES).incoming.enabled is None, number
        fleet.clock.pass_by(minutes=5, seconds=31)
        assert fleet.is_due(SALES)
        fleet.look([SALES])
        assert fleet.state(SALES).failures == number
    leg = fleet.said(SALES).incoming
    assert (leg.enabled, leg.by_failures, leg.hint) == (False, True, "Look at the mailbox.")
    assert leg.why == "it failed 10 times in a row: imap.contoso.example:993 was silent for too long"
    assert fleet.said(SALES).outgoing.enabled is None


def test_a_success_in_between_begins_anew() -> None:
    fleet = always(Unavailable("in use"))
    failing = fleet.failing
    for number in range(19):
        fleet.failing = (lambda _: None) if number == 9 else failing
        fleet.clock.pass_by(minutes=6)
        fleet.look([SALES])
    assert fleet.said(SALES).incoming.enabled is None
    assert fleet.state(SALES).failures == 9


def test_who_was_enabled_again_has_ten_tries_again() -> None:
    fleet = always(Unavailable("in use"))
    for _ in range(10):
        fleet.clock.pass_by(minutes=6)
        fleet.look([SALES])
    assert fleet.said(SALES).incoming.enabled is False
    fleet.clock.pass_by(minutes=1)
    for step in (TestEnded(direction=Direction.INCOMING, ok=True), Enable(direction=Direction.INCOMING, tested=True)):
        fleet.enablements.advance("sales", step, at=fleet.clock.now(), by="me@contoso.example", name="sales")
    assert fleet.is_due(SALES)
    for number in range(1, 10):
        fleet.look([SALES])
        assert (fleet.state(SALES).failures, fleet.said(SALES).incoming.enabled) == (number, True)
        fleet.clock.pass_by(minutes=6)
    fleet.look([SALES])
    assert fleet.said(SALES).incoming.enabled is False


@pytest.mark.parametrize(
    "error",
    [
        Unavailable("no route", about="server"),
        TimedOut("no answer", about="server"),
        PermanentError("the certificate has expired", about="server"),
        Unavailable("the token endpoint is away", about="profile"),
        AuthenticationRejected("the application is not accepted", about="profile"),
        Throttled("slow down", retry_after=60),
    ],
)
def test_an_outage_of_days_disables_nobody_and_reads_nothing_carefully(error: ReconcileError) -> None:
    fleet = always(error)
    for _ in range(300):
        fleet.clock.pass_by(minutes=16)
        assert fleet.is_due(SALES)
        fleet.look([SALES])
    state = fleet.state(SALES)
    assert (state.failures, state.breaks, state.permanent) == (0, 0, False)
    assert fleet.said(SALES).incoming.enabled is None
    fleet.failing = lambda _: None
    fleet.clock.pass_by(minutes=16)
    assert fleet.is_due(SALES)
    fleet.look([SALES])
    assert (fleet.state(SALES).error_kind, fleet.state(SALES).about) == ("", "")


def test_refused_credentials_stall_at_once_and_disable_nobody() -> None:
    fleet = always(AuthenticationRejected("wrong password"))
    fleet.look([SALES])
    assert fleet.state(SALES).permanent
    fleet.clock.pass_by(hours=5)
    assert not fleet.is_due(SALES)
    assert fleet.is_due(fleet_mailbox("sales", fingerprint="new password"))
    for _ in range(12):
        fleet.clock.pass_by(hours=7)
        fleet.look([SALES])
    assert (fleet.said(SALES).incoming.enabled, fleet.state(SALES).failures) == (None, 0)


def test_a_bug_of_ours_counts_so_that_it_does_not_go_on_for_ever() -> None:
    def failing(_: ReceivingMailbox) -> None:
        raise KeyError("x")

    fleet = Fleet(failing=failing)
    for _ in range(10):
        fleet.clock.pass_by(minutes=6)
        fleet.look([SALES])
    assert fleet.said(SALES).incoming.by_failures


def test_one_that_breaks_while_it_is_read_is_read_carefully() -> None:
    """`breaks` counts what came after the inbox was open, and only that."""
    fleet = Fleet()
    fleet.look([SALES])

    box = fleet.servers["sales"]
    box.deliver(b"Message-ID: <1@contoso.example>\r\n\r\nx", fleet.clock.now())
    for number in (1, 2):
        fleet.clock.pass_by(minutes=6)
        box.faults = [None, Unavailable("the connection broke")]
        fleet.look([SALES])
        assert (fleet.state(SALES).breaks, fleet.state(SALES).failures) == (number, number)
    fleet.failing = lambda _: (_ for _ in ()).throw(TimedOut("no login"))
    fleet.clock.pass_by(minutes=6)
    fleet.look([SALES])
    assert (fleet.state(SALES).breaks, fleet.state(SALES).failures) == (2, 3)


def test_who_could_not_sign_in_for_long_leaves_no_message_for_later() -> None:
    fleet = Fleet()
    fleet.look([SALES])
    fleet.failing = lambda _: (_ for _ in ()).throw(TimedOut("no login"))
    for _ in range(9):
        fleet.clock.pass_by(minutes=6)
        fleet.look([SALES])
    assert (fleet.state(SALES).failures, fleet.state(SALES).breaks) == (9, 0)
    fleet.failing = lambda _: None
    fleet.servers["sales"].deliver(b"Message-ID: <1@contoso.example>\r\n\r\nx", fleet.clock.now())
    fleet.clock.pass_by(minutes=6)
    assert fleet.look([SALES])["sales"].received.tracked == 1
    assert fleet.state(SALES).missing == ()
