"""What there is to alert about, and that green never lies: tables."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from reconcile.model.alert import AlertLevel
from reconcile.model.condition import Condition, Health
from reconcile.model.cursor import Cursor
from reconcile.model.loop_sign import LoopSign
from reconcile.model.mailbox_state import MailboxState, unseen
from reconcile.model.mailbox_status import MailboxStatus
from reconcile.ports.target import AppliedResource
from reconcile.store.memory.alerts import MemoryAlerts
from reconcile.sync.alerting import write_alerts
from reconcile.sync.decide.alerts import AlertRules, Watched, alert_rules, causes
from reconcile.sync.decide.eligible import IdleMailbox
from reconcile.sync.decide.stuck import stuck_since
from reconcile.sync.decide.submission import SilentMailbox
from reconcile.sync.servers import Outage
from reconcile.sync.status import mailbox_statuses
from support.applied import START
from support.mail_fleet import fleet_mailbox

CURSOR = Cursor("memory", "1")
SALES = fleet_mailbox("sales")
SERVER = "imap.contoso.example:993"


def looked(minutes_ago: float, **fields: Any) -> MailboxState:
    at = (START - timedelta(minutes=minutes_ago)).strftime("%Y-%m-%dT%H:%M:%SZ")
    return MailboxState(mailbox_id="sales", **{"last_attempt": at, "fingerprint": "f", "cursor": CURSOR, **fields})


def health(state: MailboxState, *, loop: LoopSign | None = None, away: dict[str, str] | None = None, holder: str = "") -> MailboxStatus:
    holders = {"sales": holder} if holder else {}
    (status,) = mailbox_statuses([SALES], {"sales": state}, holders=holders, outbox={}, now=START, loop=loop, away=away or {})
    return status


WORKS = LoopSign(since=START - timedelta(days=1), seen=START - timedelta(seconds=50))


@pytest.mark.parametrize(
    ("state", "given", "expected", "words"),
    [
        (looked(4, server_messages=7, decided=7), {}, Health.HEALTHY, ""),
        (looked(4, server_messages=7, decided=9), {}, Health.HEALTHY, ""),
        (looked(4, server_messages=7, decided=5), {}, Health.WAITING, "2 messages of 7 at the server not looked at yet"),
        (looked(4, stuck_since="2026-03-01T06:05:00Z"), {}, Health.STALLED, "since 2026-03-01 06:05 its server counts more messages"),
        (looked(14), {"loop": WORKS}, Health.HEALTHY, ""),
        (looked(16), {"loop": WORKS}, Health.STALLED, "not looked at since 2026-03-01 07:44, although `run` works"),
        (looked(6), {"loop": WORKS, "away": {SERVER: "no route"}}, Health.WAITING, "not looked at since 2026-03-01 07:54: no route"),
        (looked(4), {"loop": WORKS, "away": {SERVER: "no route"}}, Health.HEALTHY, ""),
        (looked(16), {"loop": WORKS, "away": {SERVER: "no route"}}, Health.WAITING, "not looked at since 2026-03-01 07:44: no route"),
        (looked(16), {"loop": WORKS, "holder": "process 7"}, Health.HEALTHY, ""),
        # Nobody promised to look: `sync` is run by hand, or the loop has just begun, or ended.
        (looked(16), {}, Health.HEALTHY, ""),
        (looked(16), {"loop": LoopSign(since=START - timedelta(minutes=9), seen=START)}, Health.HEALTHY, ""),
        (looked(16), {"loop": LoopSign(since=START - timedelta(days=1), seen=START - timedelta(minutes=4))}, Health.HEALTHY, ""),
    ],
)
def test_green_never_lies(state: MailboxState, given: dict[str, Any], expected: Health, words: str) -> None:
    status = health(state, **given)
    assert status.health is expected
    assert status.why.startswith(words)
    assert bool(status.why) is bool(words)
    assert bool(status.hint) is (expected is Health.STALLED)


@pytest.mark.parametrize(
    ("before", "moved", "messages", "expected"),
    [
        ({"server_messages": 7}, False, 7, ""),
        ({"server_messages": 7}, True, 9, ""),
        ({"server_messages": 7}, False, 9, "now"),
        ({"server_messages": 9, "stuck_since": "then"}, False, 9, "then"),
        ({"server_messages": 9, "stuck_since": "then"}, False, 11, "then"),
        ({"server_messages": 9, "stuck_since": "then"}, True, 9, ""),
        ({"server_messages": 9}, False, 7, ""),
        ({"server_messages": None}, False, 9, ""),
    ],
)
def test_a_place_that_does_not_move_while_the_count_grows(before: dict[str, Any], moved: bool, messages: int, expected: str) -> None:
    known = looked(4, **before)
    after = replace(known, cursor=Cursor("memory", "2")) if moved else known
    assert stuck_since(known, after, messages, at="now") == expected


def test_what_was_never_read_is_not_unseen() -> None:
    assert unseen(MailboxState(mailbox_id="a", server_messages=9)) == 0


def watched(name: str, fields: dict[str, Any], *, profile: str = "p1", server: str = SERVER) -> Watched:
    state = replace(looked(4, **fields), mailbox_id=name)
    (status,) = mailbox_statuses([fleet_mailbox(name)], {name: state}, holders={}, outbox={}, now=START)
    return Watched(status=status, owner=f"owner of {name}", server=server, profile="contoso", profile_id=profile, profile_owner="boss")


FAILS = {"error_kind": "TimedOut", "error": "silent", "about": "mailbox"}
REFUSED = {"error_kind": "AuthenticationRejected", "error": "refused", "permanent": True, "hint": "mend", "about": "account"}


def brief(found: list[Any]) -> list[tuple[str, str, str]]:
    return [(str(one.level), one.code, one.about) for one in found]


def test_a_mailbox_is_an_error_when_a_person_must_act_and_a_warning_while_it_is_tried() -> None:
    boxes = [watched("a", {}), watched("b", FAILS), watched("c", REFUSED), watched("d", {}), watched("e", {})]
    found = causes(boxes, {}, AlertRules(), now=START)
    assert brief(found) == [("warning", "TimedOut", "b"), ("error", "AuthenticationRejected", "c")]
    assert (found[1].text, found[1].hint, found[1].owner) == ("refused", "mend", "owner of c")


AWAY = {"error_kind": "Unavailable", "error": "no route", "hint": "check it", "about": "server"}


def test_a_server_that_another_process_found_away_is_one_cause() -> None:
    """A `sync` by hand asked twelve mailboxes in vain; this process has not asked yet."""
    old, new = {"last_success": "2026-03-01T07:50:00Z"}, {"last_success": "2026-03-01T07:59:00Z"}
    failed = [watched(f"f{number}", {**AWAY, **old}) for number in range(12)]
    fine = [watched(f"m{number}", old) for number in range(30)]
    (cause,) = causes([*failed, *fine], {}, AlertRules(), now=START)
    assert (cause.code, cause.about) == ("ServerAway", SERVER)
    assert (cause.text, cause.hint) == ("no route; 12 mailboxes wait", "check it")
    # Somebody got through since: what is left of it are mailboxes that are tried again.
    assert brief(causes([*failed, *fine, watched("m", new)], {}, AlertRules(), now=START)) == [
        ("warning", "Unavailable", f"f{number}") for number in range(12)
    ]
    # Of one alone, and of a server that this process knows to be away, as before.
    assert brief(causes([failed[0], *fine], {}, AlertRules(), now=START)) == [("warning", "Unavailable", "f0")]
    known = causes([*failed, *fine], {SERVER: ("no route", "")}, AlertRules(errors=True), now=START)
    assert [one.text for one in known if one.kind == "Server"] == ["no route; 42 mailboxes wait"]
    # A mailbox that fails for another reason is still told.
    assert ("warning", "TimedOut", "x") in brief(causes([*failed, *fine, watched("x", {**FAILS, **old})], {}, AlertRules(), now=START))


@pytest.mark.parametrize(("failing", "of", "alarm"), [(1, 2, False), (2, 3, True), (5, 10, False), (6, 10, True), (1, 1, True)])
def test_more_than_half_of_a_profile_is_an_alarm(failing: int, of: int, alarm: bool) -> None:
    boxes = [watched(f"m{number}", FAILS if number < failing else {}) for number in range(of)]
    found = [one for one in causes(boxes, {}, AlertRules(), now=START) if one.code == "ProfileFailing"]
    assert bool(found) is alarm
    if alarm:
        assert (found[0].about, found[0].owner) == ("p1", "boss")
        assert f"{failing} of {of}" in found[0].text
    other = [*boxes, *(watched(f"o{number}", {}, profile="p2") for number in range(50))]
    assert len([one for one in causes(other, {}, AlertRules(), now=START) if one.code == "ProfileFailing"]) == alarm


def test_an_alarm_says_why_and_where_the_most_frequent_reason_first() -> None:
    own = [watched(f"m{number}", {**REFUSED, "error": f"the server refused m{number}@contoso.example"}) for number in range(4)]
    others = [watched(f"x{number}", {**FAILS, "error": f"\x1b[31mreason {number} {'y' * 300}"}, server="other:993") for number in range(7)]
    (text,) = [one.text for one in causes([*others, *own], {}, AlertRules(), now=START) if one.code == "ProfileFailing"]
    head, first, *more = text.replace(": 4 ×", "; 4 ×").split("; ")
    assert head == "11 of 11 mailboxes of profile contoso failed within an hour"
    assert first == f"4 × the server refused it (server {SERVER})"
    assert len(more) == 5
    assert more[-1] == "3 × something else"
    assert all(one.startswith("1 × ") and one.endswith("… (server other:993)") for one in more[:-1])
    assert "\x1b" not in text
    assert len(text) < 1200
    gone = causes([watched("a", {}), watched("b", {})], {SERVER: ("no route", "")}, AlertRules(), now=START)
    owners = causes([watched("a", FAILS), watched("b", FAILS)], {}, AlertRules(notify_owners=True), now=START)
    assert {"silent" in one.text for one in owners if one.code == "ProfileFailing" and one.kind == "Mailbox"} == {False}
    assert [one.text for one in gone if one.code == "ProfileFailing"] == [
        f"2 of 2 mailboxes of profile contoso failed within an hour: 2 × no route (server {SERVER})"
    ]


def test_who_failed_more_than_an_hour_ago_is_no_part_of_it() -> None:
    boxes = [watched(f"m{number}", {**FAILS, "last_attempt": "2026-03-01T06:59:00Z"}) for number in range(3)]
    assert {one.code for one in causes(boxes, {}, AlertRules(), now=START)} == {"TimedOut"}


def test_owners_are_told_of_the_profile_only_where_it_is_asked_for() -> None:
    boxes = [watched("a", FAILS), watched("b", {})]
    away = {SERVER: ("no route", "")}
    quiet = causes(boxes, away, AlertRules(), now=START)
    told = causes(boxes, away, AlertRules(notify_owners=True), now=START)
    assert [one.owner for one in told if one.code == "ProfileFailing"] == ["boss", "owner of a", "owner of b"]
    assert [one.owner for one in quiet if one.code == "ProfileFailing"] == ["boss"]


def test_a_server_that_is_away_is_one_alert_and_not_ten_thousand() -> None:
    down = {"error_kind": "Unavailable", "error": "no route", "about": "server"}
    boxes = [watched(f"m{number}", down if number < 5 else {"stuck_since": ""}) for number in range(1000)]
    found = causes([*boxes, watched("c", REFUSED)], {SERVER: ("no route", "look")}, AlertRules(), now=START)
    assert brief(found) == [
        ("error", "ServerAway", SERVER),
        ("error", "ProfileFailing", "p1"),
        ("error", "AuthenticationRejected", "c"),
    ]
    assert "1001 mailboxes wait" in found[0].text


class _Walked(list[Watched]):
    walks = 0

    def __iter__(self) -> Iterator[Watched]:
        self.walks += 1
        return super().__iter__()


def test_many_servers_that_are_away_cost_no_walk_over_all_mailboxes_each() -> None:
    """Where our own network fails, every server is away."""
    found = {}
    for count in (1, 30):
        several = _Walked(watched(f"{n}", AWAY, server=f"mail{n % count}:993") for n in range(60))
        causes(several, {}, AlertRules(), now=START)
        found[count] = several.walks
    assert found[1] == found[30]


def test_levels_are_switched_by_the_organization() -> None:
    boxes = [watched("a", {}), watched("b", FAILS), watched("c", REFUSED), watched("w", {"server_messages": 4, "decided": 1})]
    for spec, expected in (
        ({}, {"warning", "error"}),
        ({"alerts.errors": False}, {"warning"}),
        ({"alerts.warnings": False}, {"error"}),
        ({"alerts.information": True}, {"warning", "error", "information"}),
    ):
        rules = alert_rules(spec)
        assert {str(one.level) for one in causes(boxes, {}, rules, now=START)} == expected
    assert alert_rules({"alerts.retention": "7d"}).retention == timedelta(days=7)
    assert [level.number for level in AlertLevel] == [1, 2, 3]


def test_who_waits_for_a_person_is_information_whatever_failed_before() -> None:
    waits = Condition(type="Approved", status=False, reason="WaitingForApproval", message="waits", since="", field="x", origin="o.yaml:1")
    idle = IdleMailbox(mailbox_id="a", name="a", address="a@contoso.example", off=False, waiting=True, conditions=(waits,))
    (status,) = mailbox_statuses([idle], {"a": replace(looked(4, **FAILS), mailbox_id="a")}, holders={}, outbox={}, now=START)
    box = Watched(status=status, owner="", server="", profile="", profile_id="", profile_owner="")
    assert causes([box], {}, AlertRules(), now=START) == []
    assert brief(causes([box], {}, AlertRules(information=True), now=START)) == [("information", "Waiting", "a")]


def test_alerts_begin_and_end_with_what_is_so() -> None:
    alerts = MemoryAlerts()
    resources = [AppliedResource(kind="Mailbox", name="sales", external_id="sales", spec={"owner": "ann"}, origins={})]
    outage = Outage(server=SERVER, since=START, error="no route", hint="", retry_in=30)
    sign = LoopSign(since=START, seen=START)
    write_alerts(alerts, [SALES], {"sales": looked(1, **REFUSED)}, resources, {SERVER: outage}, loop=sign, now=START)
    assert {(one.cause.code, one.cause.owner) for one in alerts.alerts()} >= {("ServerAway", ""), ("AuthenticationRejected", "ann")}
    write_alerts(alerts, [SALES], {"sales": looked(1)}, resources, {}, loop=sign, now=START)
    assert alerts.alerts() == []
    assert alerts.loop() == sign


def test_an_alarm_that_stands_lasts_until_half_of_the_mailboxes_work_again() -> None:
    long_ago = {**FAILS, "last_attempt": "2026-03-01T03:00:00Z"}
    boxes = [watched(f"m{number}", long_ago if number < 6 else {}) for number in range(10)]

    def alarm(found: list[Watched], *lasting: str) -> list[str]:
        return [one.text for one in causes(found, {}, AlertRules(), now=START, lasting=lasting) if one.code == "ProfileFailing"]

    assert alarm(boxes) == []
    assert alarm(boxes, "p1") == [f"6 of 10 mailboxes of profile contoso fail: 6 × silent (server {SERVER})"]
    assert alarm([*boxes[1:], watched("m0", {})], "p1") == []
    alerts, sign, fleet = MemoryAlerts(), LoopSign(since=START, seen=START), [replace(SALES, profile_id="p1", profile="contoso")]
    for hours in (0, 3):
        now = START + timedelta(hours=hours)
        write_alerts(alerts, fleet, {"sales": looked(1, **REFUSED)}, [], {}, loop=sign, now=now)
        assert [one.cause.code for one in alerts.alerts(kind="EmailServerProfile")] == ["ProfileFailing"]


def test_who_cannot_send_and_what_was_given_up_is_an_alert_too() -> None:
    why = Condition(
        type="Ready", status=False, reason="NoServer", message="no outgoing server", since="", field="outgoing.server", origin="p.yaml:3"
    )
    silent = {"sales": SilentMailbox(mailbox_id="sales", name="sales", condition=why, health=Health.STALLED)}
    alerts, sign = MemoryAlerts(), LoopSign(since=START, seen=START)

    def told(**more: Any) -> list[tuple[str, str, str, str]]:
        write_alerts(alerts, [SALES], {"sales": looked(1)}, [], more.pop("away", {}), loop=sign, now=START, **more)
        return [(str(one.cause.level), one.cause.code, one.cause.text, one.cause.hint) for one in alerts.alerts(kind="Mailbox")]

    assert told() == []
    assert told(sending=silent) == [("error", "NoServer", "no outgoing server", "Change outgoing.server (p.yaml:3) and apply.")]
    (given_up,) = told(quarantined={"sales": 3})
    assert given_up[:3] == ("error", "Quarantined", "3 messages in quarantine")
    # That its server is away says nothing of these.
    outage = Outage(server=SERVER, since=START, error="no route", hint="", retry_in=30)
    assert [one[1] for one in told(away={SERVER: outage}, quarantined={"sales": 3})] == ["Quarantined"]
    assert told() == []
