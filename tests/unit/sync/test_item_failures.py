"""What fails: one item is set aside and the others go on; one folder fails and the others go on; a mailbox is given up after ten failures in
a row; a server that is away is not asked by everybody."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from reconcile.errors import (
    AuthenticationRejected,
    MailboxRefused,
    PermanentError,
    PermissionDenied,
    ReconcileError,
    SettingsError,
    Throttled,
    Unavailable,
)
from reconcile.mail.memory_collection import MemoryCollection, MemoryItems
from reconcile.model.condition import Health
from reconcile.model.item import Appointment, Attachment, ItemKind, Task
from reconcile.model.item_aside import ItemAside
from reconcile.ports.collection import Collection
from reconcile.ports.item_store import ItemLook, ItemStore
from reconcile.store.memory.items import MemoryItemStore
from reconcile.sync.admission import Limits
from reconcile.sync.decide.two_way_rules import TRACKED, TwoWayRules
from reconcile.sync.items.due import is_due
from reconcile.sync.items.look import look_at_items
from reconcile.sync.items.mailbox import ItemCounts, ItemMailbox, ItemTools
from reconcile.sync.items.run import ItemRun, synchronise_items
from reconcile.sync.items.status import item_findings
from reconcile.sync.servers import Servers
from support.items import ItemWorld, StandingClock
from support.mail_fleet import fleet_mailbox

MARK = frozenset({TRACKED})


def wait(world: ItemWorld, **more: float) -> None:
    world.clock.at += timedelta(**more)


def test_an_item_the_server_refuses_rests_longer_and_longer(world: ItemWorld) -> None:
    world.server.refused = lambda item: getattr(item, "subject", "") == "Bad"
    number, good = world.add(Task(subject="Bad")), world.add(Task(subject="Good"))
    counts = world.look(ItemKind.TASK)
    assert (counts.created, counts.failed) == (1, [(number, "the server will not have this item")])
    tries = []
    for minute in range(0, 240, 5):
        wait(world, minutes=5)
        if world.look(ItemKind.TASK).failed:
            tries.append(minute + 5)
    assert tries == [5, 15, 35, 75, 155]
    (aside,) = world.store.asides()
    assert (aside.record_id, aside.failures, aside.why) == (number, 6, "the server will not have this item")
    world.change(good, description="goes on")
    assert world.look(ItemKind.TASK).updated == 1


def test_an_edit_may_mend_it_and_is_tried_at_once(world: ItemWorld) -> None:
    world.server.refused = lambda item: getattr(item, "subject", "") == "Bad"
    number = world.add(Task(subject="Bad"))
    world.look(ItemKind.TASK)
    wait(world, seconds=5)
    world.change(number, subject="Good")
    assert world.look(ItemKind.TASK).created == 1
    wait(world, minutes=10)
    world.look(ItemKind.TASK)
    assert not world.store.asides()


def test_what_a_filter_that_changed_asks_for_is_tried_again_when_the_server_refuses_it(world: ItemWorld) -> None:
    def refusing(call: str) -> None:
        if call == "before delete":
            raise PermanentError("the server will not delete this item")

    number = world.add(Task(subject="Call"))
    world.look(ItemKind.TASK)
    world.rules, world.server.step = TwoWayRules(unlink_on_logical_delete=False, filters={}), refusing
    assert world.look(ItemKind.TASK).failed == [(number, "the server will not delete this item")]
    for _ in range(2):
        wait(world, minutes=30)
        assert world.look(ItemKind.TASK).failed
        assert [one.record_id for one in world.store.asides()] == [number]
    world.server.step = lambda _: None
    wait(world, minutes=60)
    assert world.look(ItemKind.TASK).deleted_there == 1
    assert not world.store.asides()
    assert not world.theirs()


def test_a_file_that_waited_for_a_setting_is_tried_again_when_the_server_refuses_it(world: ItemWorld) -> None:
    digest = hashlib.sha256(b"a.txt").hexdigest()
    file = Attachment(filename="a.txt", mimetype="text/plain", filesize=5, digest=digest)
    at = world.clock.at + timedelta(days=3)
    number = world.add(Appointment(subject="Call", scheduledstart=at, scheduledend=at, organizer=world.address, attachments=(file,)))
    world.look(ItemKind.APPOINTMENT)
    world.rules, world.server.refused = TwoWayRules(attachments=True), lambda item: bool(getattr(item, "attachments", ()))
    assert world.look(ItemKind.APPOINTMENT).failed == [(number, "the server will not have this item")]
    for _ in range(2):
        wait(world, minutes=30)
        assert world.look(ItemKind.APPOINTMENT).failed
        assert [one.record_id for one in world.store.asides()] == [number]
    world.server.refused = lambda _: False
    wait(world, minutes=60)
    assert world.look(ItemKind.APPOINTMENT).updated == 1
    assert [one.filename for (item,) in [world.theirs()] for one in item.attachments] == ["a.txt"]  # type: ignore[attr-defined]
    assert not world.store.asides()


def test_a_new_item_that_cannot_be_read_comes_in_when_it_can(world: ItemWorld) -> None:
    bad = world.server.put(ItemKind.TASK, Task(subject="Bad"), categories=MARK)
    world.server.put(ItemKind.TASK, Task(subject="Good"), categories=MARK)
    world.server.broken = {bad}
    assert world.look(ItemKind.TASK).imported == 1
    (aside,) = world.store.asides()
    assert (aside.record_id, aside.remote_id is not None) == (0, True)
    world.server.requests.clear()
    assert not world.look(ItemKind.TASK).anything
    assert world.server.requests == ["changes"], "it rests"
    world.server.broken = set()
    wait(world, minutes=5)
    assert world.look(ItemKind.TASK).imported == 1
    assert len([*world.store.items()]) == 2
    wait(world, minutes=5)
    world.look(ItemKind.TASK)
    assert not world.store.asides()


def test_one_that_was_deleted_meanwhile_is_aside_no_longer(world: ItemWorld) -> None:
    bad = world.server.put(ItemKind.TASK, Task(subject="Bad"), categories=MARK)
    world.server.broken = {bad}
    world.look(ItemKind.TASK)
    world.server.drop(bad)
    world.server.broken = set()
    wait(world, minutes=6)
    world.look(ItemKind.TASK)
    assert not world.store.asides()


@pytest.mark.parametrize(
    "error",
    [
        MailboxRefused("it is full"),
        PermissionDenied("no"),
        AuthenticationRejected("no"),
        PermanentError("the account", about="profile"),
        PermanentError("the server", about="server"),
    ],
)
def test_what_is_about_more_than_one_item_sets_none_aside(world: ItemWorld, error: ReconcileError) -> None:
    for number in range(3):
        world.add(Task(subject=f"Call {number}"))
    world.server.faults = [None, None, error, error]
    with pytest.raises(type(error)):
        world.look(ItemKind.TASK)
    assert not world.store.asides()
    world.server.faults = []
    world.look(ItemKind.TASK)
    assert len(world.server.items) == 3


class Fleet:
    """Mailboxes of one server; `failing` raises for what is to fail."""

    def __init__(self, *names: str, store: ItemStore | None = None) -> None:
        self.store: ItemStore = store or MemoryItemStore()
        self.clock = StandingClock()
        self.mailboxes = [
            ItemMailbox(mailbox_id=name, name=name, address=f"{name}@contoso.example", reach=replace(fleet_mailbox(name), mailbox_id=name))
            for name in names
        ]
        self.sides = {name: MemoryItems(address=f"{name}@contoso.example") for name in names}
        self.tried: list[tuple[str, ItemKind]] = []
        self.servers = Servers(clock=self.clock, full=4)
        self.errors: dict[tuple[str, ItemKind | None], Exception] = {}

    def connect(self, mailbox: ItemMailbox, kind: ItemKind) -> Collection:
        self.tried.append((mailbox.name, kind))
        error = self.errors.get((mailbox.name, kind)) or self.errors.get((mailbox.name, None))
        if error is not None:
            raise error
        return MemoryCollection(self.sides[mailbox.name], kind)

    def look(self) -> list[ItemRun]:
        tools = ItemTools(store=self.store, connect=self.connect, clock=self.clock, mint=lambda: "t")
        self.tried.clear()

        def only(mailbox: ItemMailbox, kind: ItemKind) -> bool:
            return is_due(self.last(mailbox.name, kind), mailbox, self.clock.now())

        due = [one for one in self.mailboxes if any(only(one, kind) for kind in ItemKind)]
        return synchronise_items(due, tools, limits=Limits(parallel=1, per_server=1), servers=self.servers, only=only)

    def last(self, name: str, kind: ItemKind) -> ItemLook:
        return self.store.place(name, kind).look

    def wait(self, minutes: float) -> None:
        self.clock.at += timedelta(minutes=minutes)


def test_a_folder_that_fails_holds_no_other() -> None:
    fleet = Fleet("sales")
    fleet.errors["sales", ItemKind.APPOINTMENT] = MailboxRefused("no such folder", hint="Make it.")
    (run,) = fleet.look()
    assert (run.error, run.hint) == ("appointments: no such folder", "Make it.")
    assert len(fleet.tried) == 3
    assert not fleet.last("sales", ItemKind.CONTACT).error
    failed = fleet.last("sales", ItemKind.APPOINTMENT)
    assert (failed.kind, failed.permanent, failed.failures) == ("MailboxRefused", True, 0)


@pytest.mark.parametrize(
    "error",
    [
        AuthenticationRejected("refused"),
        Throttled("a pause", retry_after=60),
        Unavailable("away", about="server"),
        PermanentError("no impersonation", about="profile"),
    ],
)
def test_what_concerns_the_account_or_more_is_asked_for_once(error: ReconcileError) -> None:
    fleet = Fleet("sales")
    fleet.errors["sales", None] = error
    fleet.look()
    assert fleet.tried == [("sales", ItemKind.APPOINTMENT)]
    assert {fleet.last("sales", kind).kind for kind in ItemKind} == {type(error).__name__}
    fleet.wait(0.5)
    fleet.look()
    assert not fleet.tried


def test_ten_failures_in_a_row_end_it_until_somebody_enables_the_mailbox() -> None:
    fleet = Fleet("sales")
    fleet.errors["sales", ItemKind.TASK] = Unavailable("in use")
    for number in range(1, 11):
        fleet.look()
        assert fleet.last("sales", ItemKind.TASK).failures == number
        fleet.wait(6)
    fleet.wait(60 * 24 * 30)
    fleet.look()
    assert fleet.tried == [("sales", ItemKind.APPOINTMENT), ("sales", ItemKind.CONTACT)], "only tasks are given up"
    fleet.errors.clear()
    enabled = fleet.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")
    assert fleet.mailboxes[0].reach is not None
    fleet.mailboxes[0] = replace(fleet.mailboxes[0], reach=replace(fleet.mailboxes[0].reach, enabled_at=enabled))
    fleet.wait(6)
    fleet.look()
    assert ("sales", ItemKind.TASK) in fleet.tried
    assert fleet.last("sales", ItemKind.TASK).failures == 0


def test_what_a_person_must_mend_is_tried_again_when_something_changed() -> None:
    fleet = Fleet("sales")
    fleet.errors["sales", None] = AuthenticationRejected("refused")
    fleet.look()
    fleet.wait(60)
    fleet.look()
    assert not fleet.tried
    assert fleet.mailboxes[0].reach is not None
    fleet.mailboxes[0] = replace(fleet.mailboxes[0], reach=replace(fleet.mailboxes[0].reach, fingerprint="another password"))
    fleet.look()
    assert fleet.tried
    fleet.wait(60 * 6 + 1)
    fleet.look()
    assert fleet.tried, "an account may have been unlocked without a change here"


def test_a_server_that_is_away_is_not_asked_by_everybody() -> None:
    names = [f"m{number}" for number in range(20)]
    fleet = Fleet(*names)
    for name in names:
        fleet.errors[name, None] = Unavailable("connection refused", about="server")
    runs = fleet.look()
    assert len(fleet.tried) == 5
    assert len(runs) == 20
    assert sum(not run.tried for run in runs) == 15
    assert not fleet.last("m19", ItemKind.TASK).at, "who was not tried failed at nothing"
    fleet.errors.clear()
    fleet.wait(2)
    fleet.look()
    fleet.wait(6)
    fleet.look()
    assert all(fleet.last(name, ItemKind.CONTACT).at and not fleet.last(name, ItemKind.CONTACT).error for name in names)


def test_a_bug_ends_one_folder_only() -> None:
    fleet = Fleet("sales", "support")
    fleet.errors["sales", ItemKind.CONTACT] = ZeroDivisionError()
    first, second = fleet.look()
    assert first.error == "contacts: a bug ended it: ZeroDivisionError"
    assert not second.error
    assert len(fleet.tried) == 6
    assert fleet.last("sales", ItemKind.CONTACT).failures == 1


def test_one_bad_contact_in_a_fleet_is_no_failure_of_its_mailbox() -> None:
    fleet = Fleet("sales")
    fleet.sides["sales"].put(ItemKind.TASK, Task(subject="x"), categories=MARK)
    fleet.sides["sales"].broken = {1}
    (run,) = fleet.look()
    assert run.counts.failed
    assert not run.error
    assert not fleet.last("sales", ItemKind.TASK).error


def test_status_names_the_worst_of_a_mailbox_and_the_next_step() -> None:
    fleet = Fleet("sales", "support", "office")
    fleet.errors["sales", ItemKind.CONTACT] = Unavailable("in use", hint="Wait.")
    fleet.errors["sales", ItemKind.TASK] = MailboxRefused("no such folder")
    fleet.errors["support", ItemKind.TASK] = Unavailable("in use")
    fleet.sides["office"].put(ItemKind.TASK, Task(subject="x"), categories=MARK)
    fleet.sides["office"].broken = {1}
    for _ in range(2):
        fleet.look()
        fleet.wait(6)
    found = item_findings(fleet.store.places(), fleet.store.asides(), {one.mailbox_id: one.name for one in fleet.mailboxes})
    assert found["sales"] == (
        Health.STALLED,
        "tasks: no such folder",
        "`reconcile enable sales` tests it and enables it.",
        "MailboxRefused",
    )
    assert found["support"] == (Health.WAITING, "tasks: in use (2 times in a row)", "", "Unavailable")
    assert found["office"][:2] == (Health.WAITING, "1 item could not be dealt with")
    for _ in range(9):
        fleet.look()
        fleet.wait(6)
    found = item_findings(fleet.store.places(), fleet.store.asides(), {"support": "support"})
    assert found["support"][:2] == (Health.STALLED, "tasks: in use (10 times in a row)")
    assert not found.keys() & {"sales", "office"}, "only what is applied"


def test_a_clock_that_was_set_back_or_far_ahead_stops_nothing(world: ItemWorld) -> None:
    fleet = Fleet("sales")
    fleet.look()
    fleet.wait(-60 * 24 * 400)
    fleet.look()
    assert len(fleet.tried) == 3, "once, and that look writes down the new time"
    fleet.look()
    assert not fleet.tried
    world.server.refused = lambda item: getattr(item, "subject", "") == "Bad"
    number = world.add(Task(subject="Bad"))
    world.look(ItemKind.TASK)
    wait(world, days=-400)
    world.server.refused = lambda _: False
    assert world.look(ItemKind.TASK).created == 1, "nobody waits 400 days for an item that rests five minutes"
    assert world.store.links_of(number)


class _FullStore(MemoryItemStore):
    """Nothing more can be set aside."""

    def set_aside(self, asides: Sequence[ItemAside]) -> None:
        raise SettingsError("the disk is full")


def test_the_first_error_is_told_though_the_store_fails_behind_it() -> None:
    world = ItemWorld(store=_FullStore())
    world.server.refused = lambda item: item == Task(subject="Bad")
    world.add(Task(subject="Bad"))
    for number in range(30):
        world.add(Task(subject=f"Good {number}"))

    def step(name: str) -> None:
        if len(world.server.items) == 27 and name == "before create":
            raise Unavailable("the server is away")

    world.server.step = step
    with pytest.raises(Unavailable):
        world.look(ItemKind.TASK)


def test_a_store_that_fails_leaves_no_connection_open() -> None:
    closed = []

    class Closing(MemoryCollection):
        def close(self) -> None:
            closed.append(self.kind)
            super().close()

    class Broken(MemoryItemStore):
        def asides(self) -> Sequence[ItemAside]:
            raise SettingsError("the disk is gone")

    world = ItemWorld(store=Broken())
    tools = replace(world.tools(), connect=lambda _, kind: Closing(world.server, kind))
    with pytest.raises(SettingsError):
        look_at_items(world.mailbox, ItemKind.TASK, tools, ItemCounts())
    assert closed == [ItemKind.TASK]


@pytest.mark.parametrize("error", [AuthenticationRejected("no"), Unavailable("away")])
def test_a_server_that_fails_is_not_asked_what_it_made_of_the_others(world: ItemWorld, error: ReconcileError) -> None:
    for number in range(3):
        world.add(Task(subject=f"Call {number}"))

    def step(name: str) -> None:
        if name == "before create" and len(world.server.items) == 2:
            raise error

    world.server.step = step
    with pytest.raises(type(error)):
        world.look(ItemKind.TASK)
    assert world.server.requests[-1] == "create"
    world.server.step = lambda _: None
    for _ in range(2):
        world.look(ItemKind.TASK)
    assert len(world.theirs()) == 3
    assert not world.look().anything
