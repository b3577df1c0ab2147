"""Clocks that are wrong, set back and forward, changed for summer, and at the end of what they can say: mail comes and goes once all the
same, and nothing waits for a moment that was written down by a clock which was wrong.

What is due when, tokens and limits for sending have tests of their own with the same subject (test_due.py, test_access_tokens.py,
test_sending_limits.py), the lock of apply has one in tests/contract/test_apply_lock.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from reconcile.errors import Unavailable
from reconcile.mail.imap.replies import internal_date
from reconcile.mail.memory_inbox import MemoryInbox, MemoryMailbox
from reconcile.mail.memory_sender import Answer, MemorySender, MemoryServer
from reconcile.mail.sign_in.configured import ConfiguredSignIns
from reconcile.model import instant
from reconcile.model.outbox_step import Begin, Claim
from reconcile.model.sign_in_try import WITHIN, SignInTry, held_until
from reconcile.ports.outbox_store import LONGEST_LEASE, OutboxStore
from reconcile.store.memory.outbox import MemoryOutbox
from reconcile.store.sqlite.database import Database
from reconcile.store.sqlite.mail import SqliteMailStore
from reconcile.store.sqlite.outbox import SqliteOutbox
from reconcile.sync.decide import describe
from reconcile.sync.decide.compose import compose
from reconcile.sync.decide.draft import Draft
from reconcile.sync.decide.floor import floor, is_wanted
from reconcile.sync.decide.header import scan
from reconcile.sync.decide.submission import SendingMailbox, sending_setup
from reconcile.sync.incoming import Received, receive
from reconcile.sync.outgoing import Outgoing, send_due
from reconcile.sync.servers import Servers
from reconcile.sync.settling import recover
from support.applied import START, Applied, Passwords, References, StillClock, sending_estate

BERLIN = "Europe/Berlin"
YEAR = timedelta(days=365)
JUMPS = [-YEAR, -timedelta(hours=3), -timedelta(minutes=1), timedelta(hours=1), YEAR, 80 * YEAR]


def mail(number: int) -> bytes:
    return b"Message-ID: <%d@contoso.example>\r\nSubject: %d\r\n\r\nbody" % (number, number)


@dataclass
class World:
    """A mailbox at a server with a clock of its own, and the store of a host with another."""

    store: SqliteMailStore
    server: MemoryMailbox = field(default_factory=MemoryMailbox)
    clock: StillClock = field(default_factory=StillClock)

    def look(self, *, lowest: datetime | None = None) -> Received:
        progress = Received()
        with self.store.receive("box") as receiving:
            receive(MemoryInbox(self.server), receiving, floor=lowest, clock=self.clock, progress=progress, beside=False)
        return progress

    def subjects(self) -> list[str]:
        return sorted(one.header.subject for one in self.store.activities(mailbox_id=None, since=None, limit=None))


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with Database.open(tmp_path / "engine.db") as database:
        store = SqliteMailStore(database, tmp_path)
        yield World(store)
        store.close()


# The floor, and dates as people write them.


@pytest.mark.parametrize(
    ("written", "utc"),
    [
        # The day on which the clocks go forward begins before the change and lasts 23 hours, the other 25.
        ("2026-03-29", "2026-03-28T23:00:00Z"),
        ("2026-03-30", "2026-03-29T22:00:00Z"),
        ("2026-10-25", "2026-10-24T22:00:00Z"),
        ("2026-10-26", "2026-10-25T23:00:00Z"),
        ("2026-03-29T03:00", "2026-03-29T01:00:00Z"),
        ("2026-10-25T03:00", "2026-10-25T02:00:00Z"),
        ("2026-10-25T02:30:00+01:00", "2026-10-25T01:30:00Z"),
        ("2028-02-29", "2028-02-28T23:00:00Z"),
        ("9999-12-31", "9999-12-30T23:00:00Z"),
    ],
)
def test_a_floor_without_offset_is_of_the_declared_zone(written: str, utc: str) -> None:
    lowest = floor(instant.text(instant.parse(written, BERLIN)))
    assert lowest == datetime.fromisoformat(utc)
    assert is_wanted(lowest, lowest)
    assert not is_wanted(lowest - timedelta(seconds=1), lowest)


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("2026-03-29T02:30", "the clocks skip it"),
        ("2026-10-25T02:30", "happens twice"),
        ("2027-02-29", "no date of the calendar"),
        ("9999-12-31T23:59:59-14:00", "outside the years"),
        ("2026-12-31T23:59:60", "no date of the calendar"),
    ],
)
def test_a_moment_that_is_none_or_two_is_refused_not_guessed(written: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        instant.parse(written, BERLIN)


# What servers and senders say about time.


@pytest.mark.parametrize(
    ("said", "utc"),
    [
        (b"29-Mar-2026 02:30:00 +0100", "2026-03-29T01:30:00+00:00"),
        (b"29-Feb-2028 23:59:60 -0000", "2028-02-29T23:59:59+00:00"),
        (b"31-Dec-9999 23:59:59 +0000", "9999-12-31T23:59:59+00:00"),
        (b"31-Dec-9999 23:59:59 -0100", None),
        (b" 1-Jan-0001 00:00:00 +0100", None),
        (b"29-Feb-2027 00:00:00 +0000", None),
        (b"01-Jan-1970 00:00:00 +9900", None),
    ],
)
def test_a_servers_date_is_an_instant_or_none(said: bytes, utc: str | None) -> None:
    assert internal_date(said) == (datetime.fromisoformat(utc) if utc else None)


@pytest.mark.parametrize(
    "date",
    [
        b"Sun, 29 Mar 2026 02:30:00",
        b"Fri, 31 Dec 9999 23:59:59 -1200",
        b"Mon, 1 Jan 0001 00:00:00 +1400",
        b"Tue, 29 Feb 2028 10:00:00 CET",
        b"never",
    ],
)
def test_no_date_of_a_sender_is_fatal_or_decides_anything(world: World, date: bytes) -> None:
    header = b"Message-ID: <x@contoso.example>\r\nSubject: x\r\nDate: " + date + b"\r\n\r\n"
    sent = scan(header).sent
    assert sent == "" or datetime.fromisoformat(sent).tzinfo is not None
    world.server.deliver(header, START)
    assert world.look(lowest=START).tracked == 1


@pytest.mark.parametrize("ahead", [-timedelta(days=2), timedelta(), timedelta(days=2), 100 * YEAR])
def test_the_servers_clock_decides_what_the_floor_lets_in(world: World, ahead: timedelta) -> None:
    """Whatever this host takes the time for: what came after the floor by the server's dates is taken, once."""
    world.clock.at = START - ahead
    for number, received in enumerate((START - timedelta(seconds=1), START, START + timedelta(days=1))):
        world.server.deliver(mail(number), received)
    assert world.look(lowest=START).tracked == 2
    assert world.look(lowest=START).tracked == 0
    assert world.subjects() == ["1", "2"]


def test_a_message_that_seems_to_come_late_is_not_lost(world: World) -> None:
    """The server's clock went back between two messages: the number decides, not the date."""
    world.server.deliver(mail(1), START + timedelta(days=3))
    world.look(lowest=START)
    world.server.deliver(mail(2), START + timedelta(hours=1))
    world.look(lowest=START)
    assert world.subjects() == ["1", "2"]


@pytest.mark.parametrize("jump", JUMPS)
def test_a_clock_set_between_two_passes_loses_and_repeats_nothing(world: World, jump: timedelta) -> None:
    for number in range(4):
        world.server.deliver(mail(number), START)
        world.look()
        world.clock.at += jump if number == 1 else timedelta(minutes=5)
    world.clock.at -= jump
    world.look()
    assert world.subjects() == ["0", "1", "2", "3"]


@pytest.mark.parametrize("jump", [-YEAR, -timedelta(hours=1)])
def test_a_message_that_waits_for_its_next_try_waits_no_longer_after_the_clock_was_set_back(
    world: World, jump: timedelta, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.server.deliver(mail(1), START)
    with monkeypatch.context() as patch:
        patch.setattr(describe, "scan", lambda *_, **__: (_ for _ in ()).throw(KeyError("a bug")))
        assert world.look().tracked == 0
    world.clock.at += jump
    world.look()
    world.clock.at += timedelta(minutes=20)
    world.look()
    assert world.subjects() == ["1"]


# Mail on its way out.


@pytest.fixture(params=["memory", "sqlite"])
def outbox(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[OutboxStore]:
    if request.param == "memory":
        yield MemoryOutbox()
        return
    with Database.open(tmp_path / "engine.db") as database:
        yield SqliteOutbox(database)


@dataclass
class Office:
    """One mailbox that sends."""

    outbox: OutboxStore
    applied: Applied = field(default_factory=sending_estate)
    server: MemoryServer = field(default_factory=MemoryServer)
    clock: StillClock = field(default_factory=StillClock)

    def add(self, number: int = 1) -> int:
        mailbox = sending_setup(self.applied.resources(), now="").mailboxes["box1"]
        assert isinstance(mailbox, SendingMailbox)
        made = compose(Draft(to=("a@contoso.example",), text="x"), mailbox, key="", token=f"t{number}", now=self.clock.now())
        return self.outbox.add(made.entry, made.content).entry.id

    def send(self, owner: str = "run") -> None:
        sender, secrets = MemorySender(server=self.server), References({"file:ca.pem": b"pem"})
        send_due(
            Outgoing(
                applied=self.applied,
                outbox=self.outbox,
                sender=sender,
                sign_ins=ConfiguredSignIns(Passwords()),
                secrets=secrets,
                clock=self.clock,
                owner=owner,
                renew=False,
            )
        )

    def state(self, number: int) -> str:
        (found,) = [str(entry.state) for entry in self.outbox.entries() if entry.id == number]
        return found


@pytest.mark.parametrize("tried", [False, True])
def test_mail_of_a_clock_that_was_ahead_goes_out_once_that_is_mended(outbox: OutboxStore, tried: bool) -> None:
    """It was added, or put off by a server that said later, a year ahead of now."""
    office = Office(outbox)
    office.clock.at = START + YEAR
    number = office.add()
    if tried:
        office.server.plan("rcpt", Answer(451, "4.3.0 later"))
        office.send()
    office.clock.at = START
    office.send()
    assert office.state(number) == "sent"
    assert any("the clock of this host was set back" in event.why for event in outbox.events(number))
    office.clock.at = START + YEAR
    office.send()
    assert len(office.server.taken) == 1


def test_mail_that_a_person_postponed_is_not_hurried(outbox: OutboxStore) -> None:
    office = Office(outbox)
    mailbox = sending_setup(office.applied.resources(), now="").mailboxes["box1"]
    assert isinstance(mailbox, SendingMailbox)
    draft = Draft(to=("a@contoso.example",), text="x", postponed_until=START + YEAR)
    made = compose(draft, mailbox, key="", token="t", now=START)
    outbox.add(made.entry, made.content)
    office.send()
    office.clock.at = START - YEAR
    office.send()
    assert office.server.taken == []
    office.clock.at = START + YEAR
    office.send()
    assert len(office.server.taken) == 1


def test_who_died_while_the_clock_was_ahead_is_not_taken_to_live(outbox: OutboxStore) -> None:
    """Of its two mails one was handed over, which stays uncertain; the other was only claimed, and goes."""
    office = Office(outbox)
    handed, claimed = office.add(1), office.add(2)
    ahead = START + YEAR
    outbox.hold_lease("dead", until=ahead + timedelta(minutes=1))
    for number in (handed, claimed):
        outbox.advance(number, Claim(owner="dead"), at=ahead)
    outbox.advance(handed, Begin(owner="dead", recipients=("a@contoso.example",)), at=ahead)
    office.clock.at = START + timedelta(minutes=1)
    office.send("alive")
    assert (office.state(handed), office.state(claimed)) == ("uncertain", "sent")
    assert len(office.server.taken) == 1


def test_who_is_alive_stays_so_within_its_lease(outbox: OutboxStore) -> None:
    office = Office(outbox)
    number = office.add()
    outbox.hold_lease("alive", until=START + LONGEST_LEASE)
    outbox.advance(number, Claim(owner="alive"), at=START)
    outbox.advance(number, Begin(owner="alive", recipients=("a@contoso.example",)), at=START)
    assert recover(outbox, now=START) == ()
    # A clock that jumps ahead ends it: the mail is uncertain then, and is not sent again by anybody.
    office.clock.at = START + YEAR
    office.send("other")
    assert office.state(number) == "uncertain"
    assert office.server.taken == []


# Who is left alone for a while.


@dataclass
class Clock:
    """The time of day, and the clock that nobody sets."""

    at: datetime = START
    ticks: float = 0.0

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return self.ticks

    def sleep(self, seconds: float) -> None:
        self.ticks += seconds


@pytest.mark.parametrize("jump", JUMPS)
def test_a_circuit_knows_nothing_of_the_time_of_day(jump: timedelta) -> None:
    clock = Clock()
    servers = Servers(clock=clock, full=4)
    away = Unavailable("away")
    away.about = "server"
    for _ in range(5):
        servers.started("imap.contoso.example:993")
        servers.ended("imap.contoso.example:993", "sales", away, asked=True)
    clock.at += jump
    assert not servers.admits("imap.contoso.example:993", running=0)
    clock.ticks += 31
    assert servers.admits("imap.contoso.example:993", running=0)


@pytest.mark.parametrize("jump", JUMPS)
def test_an_account_is_left_alone_for_an_hour_at_most_whatever_the_clock_does(jump: timedelta) -> None:
    refused = [SignInTry(credential="c", at=START + timedelta(seconds=number), answered=True) for number in range(3)]
    now = START + timedelta(seconds=3) + jump
    until = held_until(refused, "c", now=now)
    assert until is None or until - now <= WITHIN


def test_the_summer_and_a_leap_day_make_no_day_of_waiting_longer() -> None:
    """Waits are lengths, and are added in UTC."""
    for text in ("2026-03-29T00:30:00Z", "2026-10-25T00:30:00Z", "2028-02-28T23:30:00Z", "2026-12-31T23:30:00Z"):
        at = datetime.fromisoformat(text)
        assert held_until([SignInTry(credential="c", at=at, answered=True)] * 3, "c", now=at) == at + WITHIN
        assert (at + timedelta(days=1) - at).total_seconds() == 86_400
    assert datetime(2028, 2, 29, tzinfo=UTC) - datetime(2028, 2, 28, tzinfo=UTC) == timedelta(days=1)
