"""Both sides edit, delete, move and copy; answers get lost, processes die anywhere. After two quiet looks both sides and the links agree,
nobody was invited who should not have been, nothing went that nobody took away, and a third look does nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule, run_state_machine_as_test

from reconcile.errors import Unavailable
from reconcile.mail.memory_collection import MemoryItem
from reconcile.model.item import Appointment, Attachment, Attendee, Contact, Item, ItemKind, Task, TaskStatus, kind_of
from reconcile.model.item_brake import ItemLimit
from reconcile.model.item_declared import read_filter
from reconcile.model.item_field import FIELDS, Direction, Settable, values
from reconcile.model.item_link import LinkState
from reconcile.model.item_record import ItemState
from reconcile.model.recurrence import ChangedOccurrence, Daily, DeletedOccurrence, NoEnd, Numbered, Recurrence, Weekday, Weekly
from reconcile.store.memory.items import MemoryItemStore
from reconcile.sync.decide.attachment_rules import AttachmentRules
from reconcile.sync.decide.two_way import shared
from reconcile.sync.decide.two_way_invite import has_attendees, is_past
from reconcile.sync.decide.two_way_rules import TRACKED, TwoWayRules
from support.items import ADDRESS, NOW, ItemWorld

MARK = frozenset({TRACKED})
OTHER = "boss@fabrikam.example"
PEOPLE = [Attendee(address=f"{name}@contoso.example") for name in ("alice", "bob", "carol")]
FILES = [
    Attachment(filename=name, mimetype="text/plain", filesize=len(name), digest=hashlib.sha256(name.encode()).hexdigest())
    for name in ("agenda.txt", "plan.txt", "setup.exe")
]
#: What the organization does not want is carried neither way, and not touched.
UNWANTED = AttachmentRules(blocked_extensions=frozenset({"exe"}))
WORDS = st.sampled_from(["red", "green", "blue", "grey"])
SERIES = [
    None,
    Recurrence(pattern=Daily(), range=Numbered(4)),
    Recurrence(pattern=Weekly(days=(Weekday.MO, Weekday.FR)), range=NoEnd()),
]


class Died(BaseException):
    """The process ends here."""


class MortalStore(MemoryItemStore):
    """It may die just before or just after it writes."""

    def __init__(self) -> None:
        super().__init__()
        self.step: Callable[[str], None] = lambda _: None

    def begin(self, intents) -> None:  # type: ignore[no-untyped-def]
        self.step("before begin")
        super().begin(intents)
        self.step("after begin")

    def commit(self, *args, **more) -> None:  # type: ignore[no-untyped-def]
        self.step("before commit")
        super().commit(*args, **more)
        self.step("after commit")


def vienna(item: Item) -> Item:
    """A server that keeps one zone for several, and no space at the end."""
    return replace(item, timezone="Europe/Berlin") if isinstance(item, Appointment) and item.timezone != "UTC" else item


def appointments() -> st.SearchStrategy[Appointment]:
    return st.builds(
        lambda subject, start, people, series, zone, files: Appointment(
            subject=subject,
            attachments=tuple(sorted(files)),
            scheduledstart=NOW + timedelta(days=start),
            scheduledend=NOW + timedelta(days=start, hours=1),
            requiredattendees=tuple(sorted(people)),
            recurrence=series,
            timezone=zone,
        ),
        WORDS,
        st.integers(-3, 3),
        st.lists(st.sampled_from(PEOPLE), max_size=2, unique=True),
        st.sampled_from(SERIES),
        st.sampled_from(["UTC", "Europe/Vienna"]),
        st.lists(st.sampled_from(FILES), max_size=2, unique=True),
    )


def contacts() -> st.SearchStrategy[Contact]:
    return st.builds(lambda first, job: Contact(firstname=first, fullname=first, jobtitle=job), WORDS, WORDS)


def tasks() -> st.SearchStrategy[Task]:
    return st.builds(lambda subject, due: Task(subject=subject, scheduledend=due), WORDS, st.sampled_from([None, date(2026, 4, 1)]))


ITEMS = st.one_of(appointments(), contacts(), tasks())


@st.composite
def edits(draw: st.DrawFn, kind: ItemKind) -> dict[str, object]:
    """Columns that change together."""
    match kind:
        case ItemKind.CONTACT:
            return {draw(st.sampled_from(["jobtitle", "mobilephone", "department"])): draw(WORDS)}
        case ItemKind.TASK:
            if draw(st.booleans()):
                return {"subject": draw(WORDS)}
            done = draw(st.booleans())
            status = TaskStatus.COMPLETED if done else TaskStatus.IN_PROGRESS
            return {"statuscode": status, "percentcomplete": 100 if done else 50, "actualend": date(2026, 3, 1) if done else None}
        case ItemKind.APPOINTMENT:
            which = draw(st.integers(0, 7))
            if which == 7:
                return {"attachments": tuple(sorted(draw(st.lists(st.sampled_from(FILES), max_size=3, unique=True))))}
            if which == 0:
                return {"subject": draw(WORDS)}
            if which == 1:
                start = NOW + timedelta(days=draw(st.integers(-2, 4)))
                return {"scheduledstart": start, "scheduledend": start + timedelta(hours=1), "exceptions": ()}
            if which == 2:
                people = draw(st.lists(st.sampled_from(PEOPLE), max_size=3, unique=True))
                return {"requiredattendees": tuple(sorted(people))}
            if which == 3:
                return {"recurrence": draw(st.sampled_from(SERIES)), "exceptions": ()}
            if which == 4:
                return {"isprivate": draw(st.booleans())}
            original = NOW + timedelta(days=draw(st.integers(1, 3)))
            if which == 5:
                moved = original + timedelta(hours=draw(st.integers(1, 3)))
                ends = moved + timedelta(hours=1)
                changed = ChangedOccurrence(original=original, scheduledstart=moved, scheduledend=ends, subject=draw(WORDS))
                return {"exceptions": (changed,)}
            return {"exceptions": (DeletedOccurrence(original=original),)}


class ItemMachine(RuleBasedStateMachine):
    """See the module."""

    def __init__(self) -> None:
        super().__init__()
        self.store = MortalStore()
        self.world = ItemWorld(store=self.store)
        self.removed: set[int] = set()  # records that somebody deleted
        self.dropped: set[int] = set()  # items that somebody deleted
        self.copies: set[int] = set()
        self.copied: set[str] = set()  # what they and their originals bear
        self.renumbered: set[int] = set()  # items that have another number since somebody moved them
        self.notes: set[str] = set()  # what somebody wrote, and nobody who saw it wrote over or deleted
        self.written = 0
        self.left = 0

    @initialize(
        lossy=st.booleans(),
        tells=st.booleans(),
        owned=st.booleans(),
        deletes=st.booleans(),
        traces=st.booleans(),
        limit=st.sampled_from([0, 1, 10]),
    )
    def begin(self, lossy: bool, tells: bool, owned: bool, deletes: bool, traces: bool, limit: int) -> None:
        self.world.limit = ItemLimit(count=limit, percent=0)
        self.world.server.tells = tells
        self.world.server.traces = traces
        if lossy:
            self.world.server.lossy = vienna
        self.world.rules = TwoWayRules(
            track_contacts_by_category=owned,
            unlink_on_logical_delete=not deletes,
            private_from_mailbox=lossy != tells,
            attachments=lossy or owned,
            files=UNWANTED,
        )
        self.world.server.blobs |= {one.digest: one.filename.encode() for one in FILES}

    def _records(self) -> list[int]:
        return [record.id for record in self.store.items()]

    @rule(item=ITEMS, mine=st.booleans())
    def add_here(self, item: Item, mine: bool) -> None:
        self.world.add(item, owner=ADDRESS if mine else OTHER)

    @precondition(lambda self: self._records())
    @rule(data=st.data())
    def edit_here(self, data: st.DataObject) -> None:
        number = data.draw(st.sampled_from(self._records()))
        item, changes = self.world.record(number).item, data.draw(edits(self.world.record(number).kind))
        series = changes.get("recurrence", item.recurrence) if isinstance(item, Appointment) else None
        if series is None and changes.get("exceptions"):
            return  # that is refused
        self.world.change(number, **changes)  # type: ignore[arg-type]

    @precondition(lambda self: self._records())
    @rule(data=st.data(), owner=st.sampled_from([ADDRESS, OTHER]))
    def give_away(self, data: st.DataObject, owner: str) -> None:
        self.world.change(data.draw(st.sampled_from(self._records())), owner=owner)

    @precondition(lambda self: self._records())
    @rule(data=st.data(), state=st.sampled_from([ItemState.OPEN, ItemState.COMPLETED, ItemState.CANCELED]))
    def end_here(self, data: st.DataObject, state: ItemState) -> None:
        number = data.draw(st.sampled_from(self._records()))
        if self.world.record(number).kind is not ItemKind.CONTACT:
            self.world.change(number, state=state)

    @precondition(lambda self: self._records())
    @rule(data=st.data())
    def delete_here(self, data: st.DataObject) -> None:
        number = data.draw(st.sampled_from(self._records()))
        self._seen(self.world.record(number).item)
        self.world.remove(number)
        self.removed.add(number)

    def _seen(self, item: Item) -> None:
        """Who writes over this, or deletes it, may."""
        self.notes.discard(item.description)

    def _note(self) -> str:
        self.written += 1
        self.notes.add(word := f"note {self.written}")
        return word

    def _note_here(self, number: int) -> None:
        if (record := self.store.item(number)) is not None:
            self._seen(record.item)
            self.world.change(number, description=self._note())

    def _note_there(self, number: int) -> None:
        if (found := self.world.server.items.get(number)) is not None:
            self._seen(found.item)
            self.world.server.touch(number, replace(found.item, description=self._note()))

    @precondition(lambda self: self._records())
    @rule(data=st.data())
    def note_here(self, data: st.DataObject) -> None:
        self._note_here(data.draw(st.sampled_from(self._records())))

    @precondition(lambda self: self.world.server.items)
    @rule(data=st.data())
    def note_there(self, data: st.DataObject) -> None:
        self._note_there(data.draw(st.sampled_from(sorted(self.world.server.items))))

    @precondition(lambda self: self._records())
    @rule(data=st.data(), after=st.integers(0, 15))
    def look_while_somebody_writes_here(self, data: st.DataObject, after: int) -> None:
        number = data.draw(st.sampled_from(self._records()))
        self._look_and(after, lambda: self._note_here(number))

    @precondition(lambda self: self.world.server.items)
    @rule(data=st.data(), after=st.integers(0, 15))
    def look_while_somebody_writes_there(self, data: st.DataObject, after: int) -> None:
        number = data.draw(st.sampled_from(sorted(self.world.server.items)))
        self._look_and(after, lambda: self._note_there(number))

    @rule(item=ITEMS, marked=st.booleans(), elsewhere=st.booleans())
    def add_there(self, item: Item, marked: bool, elsewhere: bool) -> None:
        if isinstance(item, Appointment):
            number = self.world.server.changed + 1
            item = replace(item, organizer=OTHER if elsewhere else ADDRESS, globalobjectid=f"g{number}")
        self.world.server.put(kind_of(item), self.world.server.lossy(item), categories=MARK if marked else frozenset())

    @precondition(lambda self: self.world.server.items)
    @rule(data=st.data())
    def edit_there(self, data: st.DataObject) -> None:
        number = data.draw(st.sampled_from(sorted(self.world.server.items)))
        found = self.world.server.items[number]
        after: Item = replace(found.item, **data.draw(edits(found.kind)))  # type: ignore[arg-type]
        if isinstance(after, Appointment) and after.recurrence is None:
            after = replace(after, exceptions=())
        self.world.server.touch(number, after)

    @precondition(lambda self: self.world.server.items)
    @rule(data=st.data())
    def touch_there(self, data: st.DataObject) -> None:
        self.world.server.touch(data.draw(st.sampled_from(sorted(self.world.server.items))))

    @precondition(lambda self: self.world.server.items)
    @rule(data=st.data(), marked=st.booleans())
    def mark_there(self, data: st.DataObject, marked: bool) -> None:
        number = data.draw(st.sampled_from(sorted(self.world.server.items)))
        self.world.server.touch(number, categories=MARK if marked else frozenset())

    @precondition(lambda self: self.world.server.items)
    @rule(data=st.data(), for_good=st.booleans())
    def delete_there(self, data: st.DataObject, for_good: bool) -> None:
        number = data.draw(st.sampled_from(sorted(self.world.server.items)))
        self._seen(self.world.server.items[number].item)
        self.world.server.drop(number, for_good=for_good)
        self.dropped.add(number)

    @precondition(lambda self: self.world.server.trash)
    @rule(data=st.data())
    def restore_there(self, data: st.DataObject) -> None:
        number = data.draw(st.sampled_from(sorted(self.world.server.trash)))
        self._is_now(number, self.world.server.restore(number))

    def _is_now(self, number: int, after: int) -> None:
        self.renumbered.add(number)
        if number in self.copies:
            self.copies.add(after)

    @precondition(lambda self: self.world.server.items)
    @rule(data=st.data(), folder=st.sampled_from(["", "elsewhere"]))
    def move_there(self, data: st.DataObject, folder: str) -> None:
        self.world.server.touch(data.draw(st.sampled_from(sorted(self.world.server.items))), folder=folder)

    @precondition(lambda self: self.world.server.items)
    @rule(data=st.data(), folder=st.sampled_from(["", "elsewhere"]))
    def move_there_under_another_number(self, data: st.DataObject, folder: str) -> None:
        number = data.draw(st.sampled_from(sorted(self.world.server.items)))
        self._is_now(number, self.world.server.move(number, folder))

    @precondition(lambda self: self._records())
    @rule(data=st.data(), anew=st.booleans())
    def relink(self, data: st.DataObject, anew: bool) -> None:
        self.store.relink(data.draw(st.sampled_from(self._records())), anew=anew)

    @precondition(lambda self: self.world.server.items)
    @rule(data=st.data())
    def copy_there(self, data: st.DataObject) -> None:
        number = self.world.server.copy(data.draw(st.sampled_from(sorted(self.world.server.items))))
        self.copies.add(number)
        self.copied.add(self.world.server.items[number].trace)

    @rule(everybodys=st.booleans())
    def filter_anew(self, everybodys: bool) -> None:
        """From now on contacts and tasks of everybody are wanted, or only one's own: all pairs are decided anew."""
        text = "any" if everybodys else "self"
        filters = {kind: (read_filter(f"{kind} owner={text}")[1],) for kind in (ItemKind.CONTACT, ItemKind.TASK)}
        self.world.rules = replace(self.world.rules, filters={**self.world.rules.filters, **filters})

    @rule()
    def forget_history(self) -> None:
        self.world.server.forget()

    @rule(kind=st.sampled_from(ItemKind))
    def release(self, kind: ItemKind) -> None:
        if (brake := self.store.place(self.world.mailbox_id, kind).brake) is not None:
            self.store.release(self.world.mailbox_id, kind, brake)

    @rule()
    def look(self) -> None:
        self._look()

    @rule(after=st.integers(0, 6), lost=st.booleans())
    def look_with_a_fault(self, after: int, lost: bool) -> None:
        faults: list[Exception | None] = [*[None] * after, Unavailable("cut")]
        if lost:
            self.world.server.lost = faults
        else:
            self.world.server.faults = faults
        self._look()

    @rule(after=st.integers(0, 15))
    def look_and_die(self, after: int) -> None:
        def die() -> None:
            self.left = 0  # a dead process takes no other step
            raise Died

        self._look_and(after, die)

    def _look_and(self, after: int, what: Callable[[], None]) -> None:
        """`what` happens after so many steps of this look."""
        self.left = after

        def step(_: str) -> None:
            self.left -= 1
            if self.left == -1:
                what()

        self.world.server.step = self.store.step = step
        self._look()

    def _look(self) -> None:
        places = {kind: self.store.place(self.world.mailbox_id, kind) for kind in ItemKind}
        records, items = (
            {record.id: record.kind for record in self.store.items()},
            # What is not whole yet was shown to nobody: where its record is gone it is taken back, and no brake weighs that.
            {n: one.kind for n, one in self.world.server.items.items() if not one.unfinished},
        )
        try:
            self.world.look()
        except (Died, Unavailable):
            pass
        finally:
            self.world.server.step = self.store.step = lambda _: None
            self.world.server.faults, self.world.server.lost = [], []
            left = {record.id for record in self.store.items()} | {-number for number in self.world.server.items}
            for kind, place in places.items():
                went = [one for one in (*records, *(-number for number in items)) if one not in left]
                went = [one for one in went if (records[one] if one > 0 else items[-one]) is kind]
                assert len(went) <= max(self.world.limit.count, place.released)

    @invariant()
    def nobody_is_invited_twice_or_by_accident(self) -> None:
        invited = [one.item for one in self.world.server.posted if one.what == "invitation"]
        assert len(invited) == len(set(invited))
        for one in self.world.server.posted:
            assert one.to
            found = self.world.server.items.get(int(one.item))
            if found is not None and isinstance(found.item, Appointment):
                assert found.item.organizer == ADDRESS

    def teardown(self) -> None:
        self.world.look()
        for kind in ItemKind:
            self.release(kind)
        self.world.look()
        self.world.look()
        before = self._everything()
        posted = len(self.world.server.posted)
        assert not self.world.look().anything
        assert self._everything() == before
        assert len(self.world.server.posted) == posted
        self._sides_agree()
        self._nothing_went()
        self._nothing_came_twice()
        self._nothing_written_is_lost()

    def _everything(self) -> object:
        items = {number: (one.item, one.version, one.categories, one.folder) for number, one in self.world.server.items.items()}
        links = [link for record in self.store.items() for link in self.store.links_of(record.id)]
        return items, [*self.store.items()], links

    def _sides_agree(self) -> None:
        rules = self.world.rules
        for record in self.store.items():
            for link in self.store.links_of(record.id):
                if link.state is not LinkState.LINKED:
                    continue
                there = self.world.server.items[int(link.remote_id.value)]
                assert not there.folder
                assert str(there.version) == link.version
                ours, theirs = shared(record), there.item
                if isinstance(theirs, Appointment) and theirs.organizer != ADDRESS:
                    continue  # it is its organizer's
                if (
                    isinstance(ours, Appointment)
                    and isinstance(theirs, Appointment)
                    and link.why
                    and not link.why.startswith("left in the mailbox")
                ):
                    now = self.world.clock.now()
                    assert has_attendees(theirs)
                    assert is_past(theirs, now)
                    continue  # what went by is left alone
                for field in FIELDS[record.kind]:
                    if field.name == "attachments":
                        self._files_agree(ours, theirs)
                    elif field.settable is Settable.FIXED and field.default is Direction.TO_OURS:
                        assert values(ours, field) == values(theirs, field), field.name
                    elif rules.direction(record.kind, field) is Direction.BOTH:
                        kept = values(self.world.server.lossy(ours), field)
                        if field.name == "statuscode" and isinstance(theirs, Appointment) and record.state is not ItemState.OPEN:
                            # It takes no time by itself; whoever says in the mailbox that it does is followed.
                            assert values(theirs, field) in (kept, values(record.item, field))
                            continue
                        assert kept == values(self.world.server.lossy(theirs), field), field.name
        tokens = [one.token for number, one in self.world.server.items.items() if one.token and number not in self.copies]
        assert len(tokens) == len(set(tokens))
        for kind in ItemKind:
            assert not self.store.intents(self.world.mailbox_id, kind)

    def _files_agree(self, ours: Item, theirs: Item) -> None:
        """What may be carried is on both sides, once, and its bytes are here."""
        assert isinstance(ours, Appointment)
        assert isinstance(theirs, Appointment)
        for one in ours.attachments:
            assert self.store.blob(one.digest) == one.filename.encode()
        if self.world.rules.attachments and ours.recurrence is None and theirs.recurrence is None:
            sides = [[one for one in side.attachments if not one.filename.endswith(".exe")] for side in (ours, theirs)]
            assert sides[0] == sides[1]

    def _nothing_went(self) -> None:
        """Records go where somebody deleted them or their item; items where somebody deleted them, or their record, or a rule says so."""
        if not self.dropped:
            numbers = {record.id for record in self.store.items()}
            assert numbers | self.removed >= set(range(1, max(numbers | self.removed, default=0) + 1))
        if not self.removed and self.world.rules.unlink_on_logical_delete:
            gone = {number for number in self.world.server.moments if number not in self.world.server.items}
            assert gone <= self.dropped | self.renumbered

    def _nothing_came_twice(self) -> None:
        """However it was moved and edited, an item that was never copied has one record."""
        links = [link for kind in ItemKind for link in self.store.links(self.world.mailbox_id, kind)]
        traces = [link.trace for link in links if link.trace and link.trace not in self.copied]
        assert len(traces) == len(set(traces))

    def _nothing_written_is_lost(self) -> None:
        kept = {record.item.description for record in self.store.items()} | {one.item.description for one in self._there()}
        apart = [text for one in self.store.conflicts() for text in (one.ours, one.theirs)]
        assert not [note for note in self.notes - kept if not any(f'"{note}"' in text for text in apart)]

    def _there(self) -> list[MemoryItem]:
        """And what somebody threw away."""
        return [*self.world.server.items.values(), *(one for number, one in self.world.server.trash.items() if number in self.dropped)]


def _run(examples: int, steps: int) -> None:
    run_state_machine_as_test(
        ItemMachine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            phases=(Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink),
        ),
    )


def test_any_sequence_ends_in_agreement() -> None:
    _run(40, 20)


@pytest.mark.slow
def test_any_long_sequence_ends_in_agreement() -> None:
    _run(1500, 40)
