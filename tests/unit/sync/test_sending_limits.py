"""What an account may send in a time, in how many turns a mail goes out, and when a try is the last."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconcile.errors import Throttled
from reconcile.mail.memory_sender import Answer, Drop, MemorySender, MemoryServer
from reconcile.mail.sign_in.configured import ConfiguredSignIns
from reconcile.model.outbox_step import Begin, Claim
from reconcile.model.outgoing import OutboxEntry, OutgoingState
from reconcile.model.sending_limits import DAY, MINUTE, SendingLimits, exhausted, slot
from reconcile.model.sending_report import SendingReport
from reconcile.ports.outbox_store import OutboxStore
from reconcile.store.memory.outbox import MemoryOutbox
from reconcile.store.sqlite.database import Database
from reconcile.store.sqlite.outbox import SqliteOutbox
from reconcile.sync.decide.compose import compose
from reconcile.sync.decide.draft import Draft
from reconcile.sync.decide.outgoing import RetryPolicy
from reconcile.sync.decide.submission import SendingMailbox, sending_setup
from reconcile.sync.outgoing import Outgoing, send_due
from support.applied import START, Passwords, References, StillClock, sending_estate


class Post:
    """An outbox, a server, and one pass after another."""

    def __init__(
        self, outbox: OutboxStore | None = None, *, clock: StillClock | None = None, mailboxes: int = 1, **profile: object
    ) -> None:
        self.outbox = MemoryOutbox() if outbox is None else outbox
        self.clock = StillClock() if clock is None else clock
        self.server = MemoryServer()
        self.applied = sending_estate(mailboxes=mailboxes)
        self.applied.change("EmailServerProfile", **{f"outgoing__{name}": leaf for name, leaf in profile.items()})
        self.policy = RetryPolicy()
        self.runs = 0

    def add(self, count: int = 1, *, box: str = "box1", to: tuple[str, ...] = ("a@contoso.example",), **more: object) -> list[OutboxEntry]:
        mailbox = sending_setup(self.applied.resources(), now="").mailboxes[box]
        assert isinstance(mailbox, SendingMailbox), mailbox
        before = len(self.outbox.entries())
        made = [
            compose(Draft(to=to, text="x", **more), mailbox, key="", token=f"t{before + number}", now=self.clock.now())  # type: ignore[arg-type]
            for number in range(count)
        ]
        return [self.outbox.add(one.entry, one.content).entry for one in made]

    def send(self) -> SendingReport:
        self.runs += 1
        return send_due(
            Outgoing(
                applied=self.applied,
                outbox=self.outbox,
                sender=MemorySender(server=self.server),
                sign_ins=ConfiguredSignIns(Passwords()),
                secrets=References({"file:ca.pem": b"pem"}),
                clock=self.clock,
                owner=f"run-{self.runs}",
                policy=self.policy,
                renew=False,
            )
        )

    @property
    def states(self) -> list[OutgoingState]:
        return [entry.state for entry in self.outbox.entries()]


def test_a_minute_holds_so_many_messages_and_the_rest_wait_their_turn() -> None:
    post = Post(messagesPerMinute=3)
    post.add(8)
    report = post.send()
    assert len(post.server.taken) == 3
    assert report.troubles == ()  # nothing is wrong
    waiting = [entry for entry in post.outbox.entries() if entry.state is OutgoingState.PENDING]
    assert [entry.next_try_at for entry in waiting] == [START + MINUTE] * 3 + [START + 2 * MINUTE] * 2
    assert "3 messages a minute (outgoing.messagesPerMinute) of localhost sales@contoso.example" in waiting[0].reason
    assert waiting[0].reason.endswith("waits until 2026-03-01 08:01:00Z")
    assert [entry.attempts for entry in waiting] == [0] * 5
    for expected in (6, 8):
        post.clock.pass_by(seconds=60)
        post.send()
        assert len(post.server.taken) == expected
    # Each mail that waited was put off once, not once a pass.
    assert [len(post.outbox.events(entry.id)) for entry in waiting] == [4] * 5


def test_a_restart_does_not_forget_what_was_sent(tmp_path: Path) -> None:
    clock = StillClock()
    for round_ in range(3):
        with Database.open(tmp_path / "engine.db") as database:
            post = Post(SqliteOutbox(database), clock=clock, messagesPerDay=2)
            post.add(1)
            post.send()
            assert len(post.server.taken) == (1 if round_ < 2 else 0)
            clock.pass_by(hours=1)
    with Database.open(tmp_path / "engine.db") as database:
        post = Post(SqliteOutbox(database), clock=clock, messagesPerDay=2)
        assert post.outbox.entries()[-1].next_try_at == START + DAY
        clock.at = START + DAY
        post.send()
        assert len(post.server.taken) == 1


def test_mailboxes_that_share_an_account_share_its_limit() -> None:
    post = Post(mailboxes=2, messagesPerMinute=1, credentials="anonymous")
    post.add(1, box="box1")
    post.add(1, box="box2")
    post.send()
    assert len(post.server.taken) == 2  # without signing in, each address is an account
    limits = [one.limits for one in sending_setup(post.applied.resources(), now="").mailboxes.values() if isinstance(one, SendingMailbox)]
    assert len({one.account for one in limits}) == 2
    post.applied.change(
        "EmailServerProfile", outgoing__credentials="profile", outgoing__username="CRM@contoso.example", outgoing__password__ref="env:X"
    )
    limits = [one.limits for one in sending_setup(post.applied.resources(), now="").mailboxes.values() if isinstance(one, SendingMailbox)]
    assert {one.account for one in limits} == {"localhost crm@contoso.example"}


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
def test_the_limit_holds_between_two_runs_at_the_last_moment(kind: str, tmp_path: Path) -> None:
    with Database.open(tmp_path / "engine.db") as database:
        outbox: OutboxStore = MemoryOutbox() if kind == "memory" else SqliteOutbox(database)
        post = Post(outbox, messagesPerMinute=1)
        first, second = post.add(2)
        limits = SendingLimits(account="a", per_minute=1)
        for number, entry in enumerate((first, second)):
            outbox.hold_lease(f"run-{number}", until=START + timedelta(minutes=1))
            outbox.advance(entry.id, Claim(owner=f"run-{number}"), at=START)
        outbox.advance(first.id, Begin(owner="run-0", recipients=("a@contoso.example",), limits=limits), at=START)
        with pytest.raises(Throttled) as caught:
            outbox.advance(
                second.id, Begin(owner="run-1", recipients=("a@contoso.example",), limits=limits), at=START + timedelta(seconds=20)
            )
        assert caught.value.retry_after == 40
        kept = outbox.entry(second.id)
        assert kept is not None
        assert kept.state is OutgoingState.PENDING
        assert outbox.handed_over("a", 1) == START
        assert outbox.handed_over("a", 2) is None


def test_a_mail_to_many_goes_out_in_turns() -> None:
    post = Post(recipientsPerMessage=2)
    people = tuple(f"{name}@contoso.example" for name in "abcde")
    (entry,) = post.add(to=people)
    report = post.send()
    assert [taken.recipients for taken in post.server.taken] == [people[:2], people[2:4], people[4:]]
    assert post.states == [OutgoingState.SENT]
    assert [one.id for one in report.settled] == [entry.id]
    assert len({taken.content for taken in post.server.taken}) == 1


def test_a_turn_that_fails_does_not_hold_the_others() -> None:
    post = Post(recipientsPerMessage=1)
    post.add(to=("a@contoso.example", "b@contoso.example"))
    post.server.plan("rcpt", Answer(451, "later"))
    post.send()
    (entry,) = post.outbox.entries()
    assert entry.next_try_at == START + timedelta(minutes=1)
    post.clock.pass_by(minutes=1)
    post.send()
    assert post.states == [OutgoingState.SENT]
    assert sorted(one for taken in post.server.taken for one in taken.recipients) == ["a@contoso.example", "b@contoso.example"]


def test_greylisting_is_met_with_a_short_wait_and_other_delays_with_longer_ones() -> None:
    post = Post()
    post.add()
    waits = []
    for _ in range(6):
        post.server.plan("rcpt", Answer(450, "4.2.0 <a@contoso.example>: Recipient address rejected: Greylisted, see postgrey"))
        post.send()
        (entry,) = post.outbox.entries()
        assert entry.next_try_at is not None
        waits.append(entry.next_try_at - post.clock.now())
        post.clock.at = entry.next_try_at
    assert waits == [timedelta(minutes=5)] * 6


def test_where_passes_are_rare_age_ends_it() -> None:
    post = Post()
    post.add()
    for _ in range(6):
        post.server.plan("rcpt", Answer(450))
        post.send()
        post.clock.pass_by(days=1)
    (entry,) = post.outbox.entries()
    assert entry.state is OutgoingState.FAILED
    assert "given up after 5 days and 6 tries: 450 planned" in entry.recipients[0].reason


def test_a_wait_for_the_mailbox_does_not_age_a_mail() -> None:
    post = Post()
    post.add()
    post.applied.change("EmailServerProfile", state="inactive")
    for _ in range(10):
        post.send()
        post.clock.pass_by(days=1)
    post.applied.change("EmailServerProfile", state="active")
    post.server.plan("connect", Drop())
    post.send()
    assert post.states == [OutgoingState.PENDING]
    post.clock.pass_by(hours=2)
    post.send()
    assert post.states == [OutgoingState.SENT]


def test_nothing_goes_out_before_its_time() -> None:
    post = Post()
    (entry,) = post.add(postponed_until=START + timedelta(hours=1))
    assert entry.reason == "postponed until 2026-03-01 09:00:00Z"
    for _ in range(60):
        assert post.send() == SendingReport()
        post.clock.pass_by(minutes=1)
    post.clock.pass_by(seconds=0)
    post.send()
    assert post.states == [OutgoingState.SENT]
    assert post.add(postponed_until=START)[0].postponed_until is None  # that time has passed


def test_an_apply_does_not_wake_what_is_postponed() -> None:
    post = Post()
    post.add(postponed_until=START + timedelta(hours=1))
    outgoing = Outgoing(
        applied=post.applied,
        outbox=post.outbox,
        sender=MemorySender(server=post.server),
        sign_ins=ConfiguredSignIns(Passwords()),
        secrets=References({"file:ca.pem": b"pem"}),
        clock=post.clock,
        owner="run",
        renew=False,
        last_applied=lambda: START + timedelta(minutes=1),
    )
    post.clock.pass_by(minutes=2)
    send_due(outgoing)
    assert post.server.taken == []
    post.clock.pass_by(hours=1)
    send_due(replace(outgoing, owner="later"))
    assert len(post.server.taken) == 1


moments = st.lists(st.integers(min_value=0, max_value=3 * 86_400), min_size=1, max_size=40)


@given(moments, st.integers(min_value=1, max_value=5), st.integers(min_value=1, max_value=8))
def test_no_minute_and_no_day_ever_holds_more(gaps: list[int], per_minute: int, per_day: int) -> None:
    limits = SendingLimits(account="a", per_minute=per_minute, per_day=per_day)
    sent: list[datetime] = []
    now = START

    def newest(number: int) -> datetime | None:
        return sent[-number] if len(sent) >= number else None

    for gap in gaps:
        now += timedelta(seconds=gap % 97 if gap % 2 else gap)
        found = exhausted(limits, newest, now=now)
        if found is None:
            sent.append(now)
        else:
            assert found.until > now
    for moment in sent:
        assert sum(moment - MINUTE < one <= moment for one in sent) <= per_minute
        assert sum(moment - DAY < one <= moment for one in sent) <= per_day


def test_a_clock_that_was_set_back_does_not_stop_an_account() -> None:
    limits = SendingLimits(account="a", per_minute=1)
    found = exhausted(limits, lambda _: START + timedelta(days=365), now=START)
    assert found is not None
    assert found.until == START + MINUTE


def test_places_in_the_queue() -> None:
    limits = SendingLimits(account="a", per_minute=10, per_day=25)
    assert [slot(limits, place, START) - START for place in (0, 9, 10, 24, 25, 60)] == [
        timedelta(), timedelta(), MINUTE, 2 * MINUTE, DAY, 2 * DAY + MINUTE,
    ]  # fmt: skip
