"""What is not asked for a while and counters of profiles, as people and programs see them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from reconcile.errors import HeldBack, Throttled, Unavailable
from reconcile.model.condition import Condition, Health
from reconcile.model.left_alone import LeftAlone, still_away
from reconcile.model.mailbox_state import MailboxState
from reconcile.model.mailbox_status import MailboxStatus
from reconcile.model.profile_counters import profile_counters
from reconcile.report.left_alone import counters_json, counters_lines, left_alone_json, left_alone_lines
from reconcile.report.sync_text import status_text
from reconcile.sync.servers import Servers
from support.applied import START, StillClock

SERVER = "imap.contoso.example:993"


def status(name: str, health: Health, *, error: str = "", profile: str = "contoso", tracked: int = 0, sent: int = 0) -> MailboxStatus:
    return MailboxStatus(
        mailbox_id=name,
        name=name,
        address=f"{name}@contoso.example",
        health=health,
        why="",
        server=SERVER.upper(),
        state=MailboxState(mailbox_id=name, error_kind=error, tracked=tracked),
        outbox={"sent": sent, "failed": 4},
        profile=profile,
    )


def test_mailboxes_are_counted_by_profile() -> None:
    off = Condition(type="Enabled", status=False, reason="Disabled", message="x", since="", field="", origin="")
    boxes = [
        status("a", Health.HEALTHY, tracked=3, sent=2),
        status("b", Health.WAITING, error="TimedOut", tracked=4),
        status("c", Health.WAITING),
        status("d", Health.STALLED),
        replace(status("e", Health.OFF), conditions=(off,), server=""),
        status("f", Health.HEALTHY, profile=""),
        status("g", Health.HEALTHY, profile="alpha"),
    ]
    found = profile_counters(boxes, {SERVER})
    assert [one.name for one in found] == ["alpha", "contoso", ""]
    contoso = found[1]
    assert (contoso.mailboxes, contoso.failing, contoso.waiting, contoso.left_alone, contoso.disabled) == (5, 2, 1, 4, 1)
    assert (contoso.tracked, contoso.sent) == (7, 2)
    assert profile_counters(boxes, ())[1].left_alone == 0
    assert counters_json(found)[2]["profile"] is None
    assert counters_lines(found)[2].split() == ["contoso", "5", "2", "1", "4", "1", "7", "2"]
    assert counters_lines([]) == []
    assert "left alone" in counters_lines(found)[0]
    narrow = counters_lines(found, fit=60)
    assert max(map(len, narrow)) <= 60
    assert narrow[0].split() == ["profile", "mailboxes", "failing", "waiting", "tracked", "sent"]


def test_when_a_server_or_an_account_is_asked_again() -> None:
    clock = StillClock()
    servers = Servers(clock=clock, full=4)
    assert servers.left_alone() == []
    for _ in range(5):
        servers.ended(SERVER, "a", Unavailable("no route", hint="look", about="server"), asked=True)
    servers.ended("other:993", "x/sales", Throttled("too many", retry_after=90), asked=True)
    account, server = servers.left_alone()
    assert (account.kind, account.name, account.again_at) == ("account", "x/sales", START + timedelta(seconds=90))
    assert (server.kind, server.name, server.why, server.again_at) == ("server", SERVER, "no route", START + timedelta(seconds=30))
    clock.pass_by(seconds=10)
    assert servers.left_alone()[1].again_at == server.again_at
    lines = left_alone_lines([server, account], now=clock.now())
    assert lines == [
        f"server {SERVER} since 2026-03-01 08:00: asked again in 20 s (2026-03-01 08:00:30 UTC): no route",
        "  next: look",
        "account x/sales: asked again in 80 s (2026-03-01 08:01:30 UTC): its server asked for a pause",
    ]
    assert "left alone by `run`:" in status_text("prod", [], now=START, beside={"left alone by `run`": lines, "nothing": []})
    assert "nothing" not in status_text("prod", [], now=START, beside={"nothing": []})
    assert left_alone_json([server])[0]["askedAgainAt"] == "2026-03-01T08:00:30Z"
    clock.pass_by(seconds=100)
    (late,) = servers.left_alone()
    assert "asked again now" in left_alone_lines([late], now=clock.now())[0]
    servers.started(SERVER)
    servers.ended(SERVER, "a", None, asked=True)
    assert servers.left_alone() == []


def test_a_pause_that_a_server_asked_for_is_no_outage_and_is_told() -> None:
    clock = StillClock()
    servers = Servers(clock=clock, full=4)
    servers.ended(SERVER, "a", Throttled("busy", retry_after=60, about="server"), asked=True)
    (one,) = servers.left_alone()
    assert one == LeftAlone(
        kind="server", name=SERVER, why="it asked for a pause", hint="", since="", again_at=START + timedelta(seconds=60)
    )
    assert servers.outages() == {}


def test_an_account_that_we_leave_alone_says_why_and_what_to_do() -> None:
    servers = Servers(clock=StillClock(), full=4)
    servers.ended(SERVER, "sales", HeldBack("sales is not signed in now", retry_after=60, hint="Check its password."), asked=True)
    (one,) = servers.left_alone()
    assert (one.kind, one.name, one.why, one.hint) == ("account", "sales", "sales is not signed in now", "Check its password.")


def test_a_success_of_another_process_ends_what_is_left_alone() -> None:
    clock = StillClock()
    servers = Servers(clock=clock, full=4)
    for name in (SERVER, "other:993"):
        for _ in range(5):
            servers.ended(name, "a", Unavailable("no route", hint="", about="server"), asked=True)
    found = servers.left_alone()
    at = {"before": "2026-03-01T07:59:59Z", "same": "2026-03-01T08:00:00Z", "after": "2026-03-01T08:05:00Z", "never": ""}
    boxes = {when: status(when, Health.HEALTHY) for when in at}
    looked = {when: replace(box, state=replace(box.state, last_success=at[when])) for when, box in boxes.items()}
    assert still_away(found, [looked["before"], looked["same"], looked["never"]]) == found
    assert [one.name for one in still_away(found, looked.values())] == ["other:993"]
    assert still_away(found, []) == found
    pause = LeftAlone(kind="server", name=SERVER, why="it asked for a pause", hint="", since="", again_at=START)
    assert still_away([pause], looked.values()) == [pause]
    # The loop itself reads it before it waits on.
    servers.answered(SERVER, START)
    assert set(servers.outages()) == {SERVER, "other:993"}
    clock.pass_by(seconds=1)
    servers.answered(SERVER, clock.now())
    assert set(servers.outages()) == {"other:993"}
    assert servers.recovered(SERVER) == clock.now()
    assert (servers.admits(SERVER, running=0), servers.admits(SERVER, running=1)) == (True, False)
    servers.answered(SERVER, clock.now())
    assert servers.admits(SERVER, running=1) is False


def test_what_we_leave_alone_ends_no_longer_pause_that_the_server_asked_for() -> None:
    clock = StillClock()
    servers = Servers(clock=clock, full=4)
    servers.ended("mail:443", "service", Throttled("slow down", retry_after=600), asked=True)
    servers.ended("mail:443", "service", HeldBack("others sign in", retry_after=60), asked=False)
    servers.meets("service", "sales", "one")
    servers.meets("service", "sales", "another")
    clock.pass_by(seconds=599)
    assert servers.rests("service")
    clock.pass_by(seconds=1)
    assert not servers.rests("service")
