"""Asking mail servers for a plan: once each, within its time, with what is applied, and never failing the plan."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime

import pytest

from reconcile.errors import AuthenticationRejected, SettingsError, TimedOut
from reconcile.model.canonical import Leaf
from reconcile.ports.mail import MessageCounter
from reconcile.ports.target import AppliedResource
from reconcile.sync.decide.eligible import IdleMailbox, ReceivingMailbox
from reconcile.sync.decide.reachable import reachable
from reconcile.sync.online_count import OnlineCount
from support.specs import FixedClock

NOW = "2026-03-01T00:00:00Z"
PROFILE: Mapping[str, Leaf] = {
    "serverType": "imap-smtp",
    "incoming.server": "imap.contoso.example",
    "incoming.protocol": "imap",
    "incoming.port": 993,
}
MAILBOX: Mapping[str, Leaf] = {
    "emailAddress": "a@contoso.example",
    "profile": "p",
    "incoming": "none",
    "credentials.allowUse": True,
    "credentials.password.ref": "file:x",
}


def applied(
    *, profile: Mapping[str, Leaf] = PROFILE, mailbox: Mapping[str, Leaf] = MAILBOX, organization: Mapping[str, Leaf] | None = None
) -> list[AppliedResource]:
    rows = [
        AppliedResource(kind="EmailServerProfile", name="p", external_id="p-1", spec=profile),
        AppliedResource(kind="Mailbox", name="a", external_id="m-1", spec=mailbox),
    ]
    rows.append(AppliedResource(kind="Mailbox", name="b", external_id="m-2", spec={**MAILBOX, "emailAddress": "b@contoso.example"}))
    if organization is not None:
        rows.append(AppliedResource(kind="Organization", name="o", external_id="o-1", spec=organization))
    return rows


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"mailbox": {**MAILBOX, "state": "inactive"}},
        {"mailbox": {**MAILBOX, "filter": "replies"}},
        {"profile": {**PROFILE, "state": "inactive"}},
        {"organization": {"approval.requireForUsers": True, "tracking.doNotAutoTrackEmail": True}},
        {
            "profile": {**PROFILE, "incoming.tls": "none"},
            "organization": {"deployment": "on-premises", "deploymentSettings.allowNonSslEmail": True},
        },
    ],
)
def test_a_mailbox_is_reached_whether_it_receives_or_not(more: dict[str, Mapping[str, Leaf]]) -> None:
    found = reachable(applied(**more), "m-1", now=NOW)
    assert isinstance(found, ReceivingMailbox)
    assert (found.server, found.sign_in.username, found.sign_in.password) == (
        "imap.contoso.example",
        "a@contoso.example",
        ("m-1", "credentials.password"),
    )


def test_what_cannot_be_reached_is_not_made_up() -> None:
    assert reachable(applied(), "m-9", now=NOW) is None
    assert isinstance(reachable(applied(profile={**PROFILE, "incoming.tls": "none"}), "m-1", now=NOW), IdleMailbox)
    assert isinstance(reachable(applied(mailbox={"emailAddress": "a@contoso.example", "profile": "p"}), "m-1", now=NOW), IdleMailbox)


class State:
    def __init__(self, rows: list[AppliedResource]) -> None:
        self.rows, self.read = rows, 0

    def resources(self) -> list[AppliedResource]:
        self.read += 1
        return self.rows


class Counter:
    def __init__(self, answer: Callable[[], int]) -> None:
        self.answer = answer
        self.asked: list[tuple[datetime | None, datetime | None]] = []

    def count(self, since: datetime | None, before: datetime | None) -> int:
        self.asked.append((since, before))
        return self.answer()


def raising(error: Exception) -> Callable[[], int]:
    def answer() -> int:
        raise error

    return answer


def test_each_question_is_asked_once_with_its_bounds() -> None:
    state, counter = State(applied()), Counter(lambda: 7)
    count = OnlineCount(state, lambda mailbox: counter, FixedClock())
    assert [
        count("m-1", "2026-01-01T00:00:00Z", ""),
        count("m-1", "2026-01-01T00:00:00Z", ""),
        count("m-1", "", "2026-02-01T00:00:00Z"),
    ] == [7, 7, 7]
    assert counter.asked == [(datetime(2026, 1, 1, tzinfo=UTC), None), (None, datetime(2026, 2, 1, tzinfo=UTC))]
    assert (state.read, count.notes, count("m-9", "", "")) == (1, (), None)
    assert OnlineCount(state, None, FixedClock())("m-1", "", "") is None


@pytest.mark.parametrize("error", [TimedOut("silent"), AuthenticationRejected("wrong password"), SettingsError("no password was applied")])
def test_a_server_that_does_not_answer_costs_a_number_and_says_why(error: Exception) -> None:
    count = OnlineCount(State(applied()), lambda mailbox: Counter(raising(error)), FixedClock())
    assert count("m-1", "", "") is None
    assert count.notes == (f"messages of Mailbox/a were not counted: {error}",)

    def refuse(mailbox: ReceivingMailbox) -> MessageCounter:
        raise error

    later = OnlineCount(State(applied()), refuse, FixedClock())
    assert (later("m-1", "", ""), len(later.notes)) == (None, 1)


def test_one_reason_of_many_mailboxes_is_one_sentence() -> None:
    count = OnlineCount(State(applied()), lambda mailbox: Counter(raising(TimedOut("silent"))), FixedClock())
    for question in (("m-1", "", ""), ("m-2", "", ""), ("m-2", "2026-01-01T00:00:00Z", "")):
        assert count(*question) is None
    assert count.notes == ("messages of 2 mailboxes (a, b) were not counted: silent",)


def test_a_bug_is_let_out() -> None:
    with pytest.raises(ZeroDivisionError):
        OnlineCount(State(applied()), lambda mailbox: Counter(lambda: 1 // 0), FixedClock())("m-1", "", "")


def test_the_time_of_a_whole_plan_is_limited() -> None:
    clock = FixedClock()
    count = OnlineCount(State(applied()), lambda mailbox: Counter(lambda: 3), clock, whole=0.0)
    assert (count("m-1", "", ""), count("m-2", "", "")) == (None, None)
    assert count.notes == ("2 mailboxes were not asked for their messages: the 0 s for that were over",)
