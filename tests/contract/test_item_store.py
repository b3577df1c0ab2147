"""What every store of appointments, contacts and tasks keeps to: the memory twin, and SQLite."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from reconcile.errors import Locked, PreconditionFailed
from reconcile.model.activity_edit import EditRefusal, EditResult
from reconcile.model.cursor import Cursor
from reconcile.model.item import (
    Answer,
    Appointment,
    Attachment,
    Attendee,
    Contact,
    Item,
    ItemKind,
    Priority,
    Response,
    ShowAs,
    Task,
    TaskStatus,
)
from reconcile.model.item_aside import ItemAside
from reconcile.model.item_brake import ItemBrake
from reconcile.model.item_conflict import NewConflict
from reconcile.model.item_edit import AddItem, ChangeItem, ItemEdited, ItemEditRefused, RemoveItem
from reconcile.model.item_link import Agreed, Link, LinkState
from reconcile.model.item_record import ItemState
from reconcile.model.recurrence import (
    ChangedOccurrence,
    Daily,
    DeletedOccurrence,
    EndsOn,
    Monthly,
    MonthlyNth,
    Numbered,
    Recurrence,
    Weekday,
    Weekly,
    Yearly,
    YearlyNth,
)
from reconcile.model.remote_id import RemoteId
from reconcile.ports.item_store import IntentKind, ItemIntent, ItemLook, ItemStore, PairChange, RecordChange, RecordDeletion
from reconcile.store.memory.items import MemoryItemStore
from reconcile.store.sqlite.database import Database
from reconcile.store.sqlite.items import SqliteItems

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
ME = "user@contoso.example"
ADA = Contact(firstname="Ada", fullname="Ada", birthdate=date(1980, 12, 10), description="a\nb", address1_city="Köln")
CALL = Task(subject="Call", scheduledend=date(2026, 3, 12), percentcomplete=30, prioritycode=Priority.HIGH, statuscode=TaskStatus.WAITING)
MEETING = Appointment(
    subject="Budget",
    scheduledstart=NOW,
    scheduledend=NOW + timedelta(hours=1),
    timezone="Europe/Berlin",
    recurrence=Recurrence(pattern=Weekly(days=(Weekday.MO, Weekday.TH), interval=2), range=EndsOn(date(2026, 12, 31))),
    exceptions=(
        DeletedOccurrence(original=NOW + timedelta(days=2)),
        ChangedOccurrence(
            original=NOW + timedelta(days=14), scheduledstart=NOW + timedelta(days=15), scheduledend=NOW + timedelta(days=16), subject="x"
        ),
    ),
    statuscode=ShowAs.TENTATIVE,
    organizer=ME,
    requiredattendees=(Attendee(address="alice@contoso.example", name="Alice"),),
    optionalattendees=(Attendee(address="bob@contoso.example"),),
    responses=(Response(address="alice@contoso.example", answer=Answer.DECLINED),),
    isprivate=True,
    attachments=(Attachment(filename="a.txt", mimetype="text/plain", filesize=3, digest="0" * 64),),
    globalobjectid="g1",
)
Reopen = Callable[[], ItemStore]


@pytest.fixture(params=["memory", "sqlite"])
def reopen(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Reopen]:
    """Each call gives the store as the next process finds it."""
    if request.param == "memory":
        kept = MemoryItemStore()
        yield lambda: kept
        return
    opened: list[Database] = []

    def open_() -> ItemStore:
        for database in opened:
            database.close()
        opened[:] = [Database.open(tmp_path / "engine.db")]
        return SqliteItems(opened[0])

    yield open_
    for database in opened:
        database.close()


def add(store: ItemStore, item: Item, **more: object) -> int:
    files = {one.digest: b"abc" for one in item.attachments} if isinstance(item, Appointment) else {}
    (outcome,) = store.edit([AddItem(item=item, owner=ME, files=files, **more)], at=NOW, by="crm")  # type: ignore[arg-type]
    assert isinstance(outcome, ItemEdited)
    return outcome.id


def link(number: int, item: Item, remote: str = "r1", **more: object) -> Link:
    base = Link(
        mailbox_id="m1",
        record_id=number,
        state=LinkState.LINKED,
        token=f"t{remote}",
        remote_id=RemoteId("x", remote),
        version="1",
        record_version=1,
        agreed=Agreed(ours=item, theirs=item),
    )
    return replace(base, **more)  # type: ignore[arg-type]


def commit(store: ItemStore, *changes: PairChange, kind: ItemKind = ItemKind.TASK, **more: object) -> None:
    store.commit("m1", kind, changes, at=NOW, by="mailbox", **more)  # type: ignore[arg-type]


PATTERNS = [
    Recurrence(pattern=Daily(interval=3)),
    Recurrence(pattern=Monthly(day=31, interval=2), range=Numbered(3)),
    Recurrence(pattern=MonthlyNth(nth=-1, days=(Weekday.FR,))),
    Recurrence(pattern=Yearly(month=2, day=29)),
    Recurrence(pattern=YearlyNth(month=11, nth=4, days=(Weekday.TH,))),
]
ITEMS = [ADA, CALL, MEETING, *(replace(MEETING, recurrence=one) for one in PATTERNS)]


@pytest.mark.parametrize("item", ITEMS, ids=lambda one: type(one).__name__)
def test_an_item_comes_back_as_it_went(reopen: Reopen, item: Item) -> None:
    number = add(reopen(), item)
    found = reopen().item(number)
    assert found is not None
    assert (found.item, found.owner, found.version, found.edited_by, found.state) == (item, ME, 1, "crm", ItemState.OPEN)
    assert [one.id for one in reopen().items(kinds=[found.kind])] == [number]


def test_what_mailboxes_hold_comes_back_however_odd(reopen: Reopen) -> None:
    odd = replace(MEETING, organizer="/o=x/cn=y", requiredattendees=(Attendee(address="not an address"),), subject="x" * 5000)
    store = reopen()
    number = add(store, CALL)
    commit(store, PairChange(record_id=number, link=link(number, odd, agreed=Agreed(ours=MEETING, theirs=odd))), kind=ItemKind.APPOINTMENT)
    (found,) = reopen().links_of(number)
    assert found.agreed == Agreed(ours=MEETING, theirs=odd)


def test_an_edit_raises_the_version_and_nothing_else_does(reopen: Reopen) -> None:
    store = reopen()
    number = add(store, CALL)
    edit = ChangeItem(item_id=number, kind=ItemKind.TASK, columns={"subject": "New"}, expected_version=1)
    assert store.edit([edit], at=NOW, by="crm") == [ItemEdited(id=number, result=EditResult.EDITED, version=2)]
    (again,) = store.edit([edit], at=NOW, by="crm")
    assert isinstance(again, ItemEditRefused)
    assert (again.refusal, again.version) == (EditRefusal.CONFLICT, 2)
    same = ChangeItem(item_id=number, kind=ItemKind.TASK, columns={"subject": "New"})
    assert store.edit([same], at=NOW, by="crm") == [ItemEdited(id=number, result=EditResult.UNCHANGED, version=2)]
    assert store.edit([RemoveItem(item_id=number)], at=NOW, by="crm") == [ItemEdited(id=number, result=EditResult.EDITED, version=0)]
    assert reopen().item(number) is None
    assert add(reopen(), CALL) > number


def test_a_key_edits_once(reopen: Reopen) -> None:
    first = add(reopen(), CALL, client_key="k")
    assert add(reopen(), CALL, client_key="k") == first
    assert len([*reopen().items()]) == 1
    (other,) = reopen().edit([AddItem(item=ADA, owner=ME, client_key="k")], at=NOW, by="crm")
    assert isinstance(other, ItemEditRefused)
    assert other.refusal is EditRefusal.KEY_USED


def test_completed_in_state_and_status(reopen: Reopen) -> None:
    store = reopen()
    number = add(store, CALL)
    store.edit([ChangeItem(item_id=number, kind=ItemKind.TASK, columns={}, state=ItemState.COMPLETED)], at=NOW, by="crm")
    found = store.item(number)
    assert found is not None
    assert isinstance(found.item, Task)
    assert (found.item.statuscode, found.item.percentcomplete, found.item.actualend) == (TaskStatus.COMPLETED, 100, NOW.date())
    store.edit([ChangeItem(item_id=number, kind=ItemKind.TASK, columns={"actualend": None})], at=NOW, by="crm")
    found = store.item(number)
    assert found is not None
    assert isinstance(found.item, Task)
    assert (found.state, found.item.statuscode, found.item.percentcomplete) == (ItemState.OPEN, TaskStatus.IN_PROGRESS, 99)


def test_a_commit_is_all_or_nothing(reopen: Reopen) -> None:
    store = reopen()
    one, other = add(store, CALL), add(store, CALL)
    changes = [
        PairChange(
            record_id=one,
            record=RecordChange(item=replace(CALL, subject="New"), owner=ME, state=ItemState.OPEN, expected=1),
            link=link(one, CALL),
        ),
        PairChange(record_id=other, record=RecordDeletion(expected=7)),
    ]
    with pytest.raises(PreconditionFailed):
        commit(store, *changes, cursor=Cursor("x", "1"))
    store = reopen()
    assert store.place("m1", ItemKind.TASK).cursor is None
    assert not store.links_of(one)
    found = store.item(one)
    assert found is not None
    assert found.item == CALL
    commit(store, changes[0], cursor=Cursor("x", "1"), rules="f", verify=True)
    store = reopen()
    found = store.item(one)
    assert found is not None
    assert (found.version, found.edited_by) == (2, "mailbox")
    place = store.place("m1", ItemKind.TASK)
    assert (place.cursor, place.rules, place.verify) == (Cursor("x", "1"), "f", True)


def test_links_are_found_by_all_they_are_known_by(reopen: Reopen) -> None:
    store = reopen()
    number = add(store, CALL)
    commit(store, PairChange(record_id=number, link=link(number, CALL)))
    store = reopen()
    made = link(number, CALL)
    assert store.by_remote("m1", [RemoteId("x", "r1"), RemoteId("x", "r2")]) == {RemoteId("x", "r1"): made}
    assert store.by_token("m1", ["tr1", "t0"]) == {"tr1": made}
    assert store.by_record("m1", [number, 99]) == {number: made}
    assert [*store.links("m1", ItemKind.TASK)] == [made]
    assert not store.by_remote("m2", [RemoteId("x", "r1")])
    assert not [*store.links("m1", ItemKind.CONTACT)]
    assert store.tally() == {("m1", ItemKind.TASK): 1}
    commit(store, PairChange(record_id=number, unlink=True))
    assert not reopen().links_of(number)


def test_links_by_what_their_items_say(reopen: Reopen) -> None:
    store = reopen()
    other = replace(CALL, subject="Another")
    tied = {number: link(number, item, f"r{number}") for item in (CALL, other, CALL, CALL) for number in [add(store, item)]}
    came_in, else_, made, parted = tied
    tied[came_in] = replace(tied[came_in], made_here=False, agreed=Agreed(ours=other, theirs=CALL))
    tied[else_] = replace(tied[else_], made_here=False)
    tied[made] = replace(tied[made], made_here=True)
    tied[parted] = replace(tied[parted], made_here=False, state=LinkState.PARTED)
    commit(store, *(PairChange(record_id=number, link=one) for number, one in tied.items()))
    store = reopen()
    assert store.saying("m1", ItemKind.TASK, [CALL]) == [tied[came_in]]
    assert store.saying("m1", ItemKind.TASK, [other, CALL]) == [tied[came_in], tied[else_]]
    assert not store.saying("m2", ItemKind.TASK, [CALL])
    assert not store.saying("m1", ItemKind.TASK, [])


def test_links_by_what_their_server_knows_them_by(reopen: Reopen) -> None:
    store = reopen()
    tied = {number: link(number, CALL, f"r{number}") for _ in range(5) for number in [add(store, CALL)]}
    first, copy, made, without, parted = tied
    tied[first] = replace(tied[first], made_here=False, trace="a", anew=True)
    tied[copy] = replace(tied[copy], made_here=False, trace="a")
    tied[made] = replace(tied[made], made_here=True, trace="a")
    tied[without] = replace(tied[without], made_here=False)
    tied[parted] = replace(tied[parted], made_here=False, trace="b", state=LinkState.PARTED)
    commit(store, *(PairChange(record_id=number, link=one) for number, one in tied.items()))
    store = reopen()
    assert store.by_trace("m1", ["a", "b", "c", ""]) == {"a": [tied[first], tied[copy]], "b": [tied[parted]]}
    assert not store.by_trace("m2", ["a"])
    assert not store.by_trace("m1", [])


@pytest.mark.parametrize("anew", [True, False])
def test_ties_that_were_parted_come_together_again(reopen: Reopen, anew: bool) -> None:
    store = reopen()
    number, other = add(store, CALL), add(store, CALL)
    commit(store, PairChange(record_id=number, link=replace(link(number, CALL), state=LinkState.PARTED, why="deleted in the mailbox")))
    commit(store, PairChange(record_id=other, link=link(other, CALL, "r2")))
    assert (store.relink(number, anew=anew), store.relink(other, anew=anew), store.relink(99)) == (1, 0, 0)
    store = reopen()
    (found,), (same,) = store.links_of(number), store.links_of(other)
    assert (found.state, found.record_version, found.anew) == (LinkState.LEFT, 0, anew)
    assert (same.state, same.anew) == (LinkState.LINKED, False)
    assert store.due("m1", ItemKind.TASK, owner=ME, everything=False) == [number]


def test_those_that_are_apart_from_a_mailbox(reopen: Reopen) -> None:
    store = reopen()
    in_step, parted, left, nowhere = (add(store, CALL) for _ in range(4))
    also = add(store, ADA)
    commit(store, PairChange(record_id=in_step, link=link(in_step, CALL, "r1")))
    commit(store, PairChange(record_id=parted, link=replace(link(parted, CALL, "r2"), state=LinkState.PARTED)))
    commit(store, PairChange(record_id=left, link=replace(link(left, CALL, "r3"), state=LinkState.LEFT)))
    commit(store, PairChange(record_id=also, link=replace(link(also, ADA, "r4"), state=LinkState.PARTED)))
    store = reopen()
    assert [one.id for one in store.items(apart=True)] == [parted, left, also]
    assert [one.id for one in store.items(apart=True, kinds=(ItemKind.TASK,), limit=1)] == [parted]
    assert [one.id for one in store.items(apart=True, kinds=(ItemKind.TASK,), after=parted)] == [left]
    assert [one.id for one in store.items()] == [in_step, parted, left, nowhere, also]


def test_who_is_due(reopen: Reopen) -> None:
    store = reopen()
    tied, fresh, gone = add(store, CALL), add(store, CALL), add(store, CALL)
    (outcome,) = store.edit([AddItem(item=CALL, owner="boss@contoso.example")], at=NOW, by="crm")
    add(store, ADA)
    commit(store, PairChange(record_id=tied, link=link(tied, CALL)), PairChange(record_id=gone, link=link(gone, CALL, "r2")))
    store = reopen()
    assert store.due("m1", ItemKind.TASK, owner=ME, everything=False) == [fresh]
    assert store.due("m1", ItemKind.TASK, owner=None, everything=False) == [fresh, outcome.id]
    assert store.due("m1", ItemKind.TASK, owner=ME, everything=True) == [tied, fresh, gone]
    store.edit([RemoveItem(item_id=gone)], at=NOW, by="crm")
    store.edit([ChangeItem(item_id=tied, kind=ItemKind.TASK, columns={"subject": "New"})], at=NOW, by="crm")
    assert store.due("m1", ItemKind.TASK, owner=ME, everything=False) == [tied, fresh, gone]
    commit(store, PairChange(record_id=gone, link=link(gone, CALL, "r2", record_version=-1)))
    assert store.due("m1", ItemKind.TASK, owner=ME, everything=False) == [tied, fresh]


def test_an_owner_is_found_under_both_spellings_of_the_domain(reopen: Reopen) -> None:
    store, both = reopen(), ("info@müller.example", "info@xn--mller-kva.example")
    made = []
    for owner in both:
        (outcome,) = store.edit([AddItem(item=CALL, owner=owner)], at=NOW, by="crm")
        assert isinstance(outcome, ItemEdited)
        made.append(outcome.id)
    add(store, CALL)
    for owner in both:
        assert store.due("m1", ItemKind.TASK, owner=owner, everything=False) == made
        assert [one.id for one in store.items(owner=owner)] == made


def test_intents_stand_until_they_are_settled(reopen: Reopen) -> None:
    first, second = add(reopen(), CALL), add(reopen(), CALL)
    commit(reopen(), PairChange(record_id=second, link=link(second, CALL)))
    intents = [
        ItemIntent(
            mailbox_id="m1",
            kind=ItemKind.TASK,
            record_id=first,
            action=IntentKind.CREATE,
            token="a",
            at="1",
            record_version=1,
            invite=True,
            content=CALL,
        ),
        ItemIntent(mailbox_id="m1", kind=ItemKind.TASK, record_id=second, action=IntentKind.DELETE, token="b", at="2", version="7"),
    ]
    reopen().begin(intents)
    assert reopen().intents("m1", ItemKind.TASK) == intents
    assert not reopen().intents("m1", ItemKind.CONTACT)
    assert reopen().intents("m1", ItemKind.TASK, limit=1) == intents[:1]
    assert reopen().intents("m1", ItemKind.TASK, after=intents[0], limit=1) == intents[1:2]
    assert not reopen().intents("m1", ItemKind.TASK, after=intents[-1])
    commit(reopen(), PairChange(record_id=1, settled="a"))
    assert reopen().intents("m1", ItemKind.TASK) == intents[1:]


def test_conflicts_stand_until_somebody_saw_to_them(reopen: Reopen) -> None:
    store = reopen()
    number = add(store, CALL)
    conflict = NewConflict(field="subject", ours='["a"]', theirs='["b"]', ours_wins=False)
    commit(store, PairChange(record_id=number, conflicts=(conflict,)))
    (found,) = reopen().conflicts(item_id=number)
    assert (found.field, found.ours, found.theirs, found.ours_wins, found.mailbox_id) == ("subject", '["a"]', '["b"]', False, "m1")
    assert reopen().resolve(found.id, at=NOW, by="desk")
    assert not reopen().resolve(found.id, at=NOW, by="somebody else")
    assert not reopen().conflicts()
    assert [one.resolved_by for one in reopen().conflicts(resolved=True)] == ["desk"]


def test_relinked_are_due_again(reopen: Reopen) -> None:
    store = reopen()
    number = add(store, CALL)
    commit(store, PairChange(record_id=number, link=link(number, CALL, state=LinkState.PARTED)))
    assert not reopen().due("m1", ItemKind.TASK, owner=ME, everything=False)
    assert reopen().relink(number) == 1
    assert reopen().due("m1", ItemKind.TASK, owner=ME, everything=False) == [number]


def test_meetings_and_their_organizers(reopen: Reopen) -> None:
    store = reopen()
    number = add(store, MEETING)
    assert store.meetings(["g1", "g2", ""]) == {"g1": number}
    commit(store, PairChange(record_id=number, link=link(number, MEETING)), kind=ItemKind.APPOINTMENT)
    assert set(store.organizer_linked([number], but="m2")) == {number}
    assert not store.organizer_linked([number], but="m1")


def test_a_mailbox_is_held_by_one(reopen: Reopen) -> None:
    store = reopen()
    with store.hold("m1"), store.hold("m2"), pytest.raises(Locked), store.hold("m1"):
        pass
    with store.hold("m1"):
        pass


def test_how_looks_ended_and_bytes(reopen: Reopen) -> None:
    store = reopen()
    look = ItemLook(
        at="2026-03-10T12:00:00Z",
        error="no",
        hint="do",
        kind="Unavailable",
        permanent=True,
        about="mailbox",
        failures=3,
        counted_at="2026-03-10T11:00:00Z",
        retry_after=2.5,
        fingerprint="f1",
    )
    store.ended("m1", ItemKind.TASK, look)
    assert reopen().places()["m1", ItemKind.TASK].look == look
    digest = reopen().keep_blob(b"abc")
    assert reopen().blob(digest) == b"abc"
    with pytest.raises(KeyError):
        reopen().blob("0" * 64)


def test_a_brake_stands_until_it_is_taken_off_and_a_release_goes_with_it(reopen: Reopen) -> None:
    brake = ItemBrake(since="2026-03-10T12:00:00Z", here=1, there=2, parted=3, of=20, limit=5, knob="k", other_folder=True)
    reopen().is_folder("m1", ItemKind.TASK, "f1")
    reopen().brake("m1", ItemKind.TASK, brake)
    assert not reopen().release("m1", ItemKind.TASK, replace(brake, here=2)), "it holds other numbers"
    assert not reopen().release("m1", ItemKind.CONTACT, brake), "none stands"
    assert reopen().place("m1", ItemKind.TASK).released == 0
    assert reopen().release("m1", ItemKind.TASK, brake)
    place = reopen().place("m1", ItemKind.TASK)
    assert (place.brake, place.released, place.folder, brake.count) == (brake, 6, "f1", 6)
    reopen().spend("m1", ItemKind.TASK, left=4)
    assert reopen().place("m1", ItemKind.TASK).released == 4
    reopen().brake("m1", ItemKind.TASK, replace(brake, here=9))
    assert reopen().place("m1", ItemKind.TASK).released == 0, "it was for the one before"
    assert reopen().release("m1", ItemKind.TASK, replace(brake, here=9))
    assert reopen().place("m1", ItemKind.CONTACT).brake is None
    reopen().brake("m1", ItemKind.TASK, None)
    place = reopen().place("m1", ItemKind.TASK)
    assert (place.brake, place.released, place.folder) == (None, 0, "f1")


def test_what_departed_is_due_until_it_was_seen_to(reopen: Reopen) -> None:
    store = reopen()
    number = add(store, ADA)
    commit = {"at": NOW, "by": "mailbox"}
    store.commit("m1", ItemKind.CONTACT, [PairChange(record_id=number, link=link(number, ADA))], **commit)  # type: ignore[arg-type]
    assert not store.due("m1", ItemKind.CONTACT, owner=ME, everything=False)
    gone = link(number, ADA, departed=True)
    store.commit("m1", ItemKind.CONTACT, [PairChange(record_id=number, link=gone)], **commit)  # type: ignore[arg-type]
    assert reopen().due("m1", ItemKind.CONTACT, owner=ME, everything=False) == [number]
    assert [*reopen().links_of(number)] == [gone]


def test_items_that_are_set_aside_are_kept_by_what_they_are(reopen: Reopen) -> None:
    first = ItemAside(mailbox_id="m1", kind=ItemKind.TASK, record_id=0, remote_id=RemoteId("x", "r1"), failures=1, since="1", why="no")
    second = ItemAside(mailbox_id="m1", kind=ItemKind.TASK, record_id=7, remote_id=None, failures=2, since="2", again_at="3", why="never")
    reopen().set_aside([first, second])
    reopen().set_aside([replace(first, failures=2)])
    assert [*reopen().asides()] == [replace(first, failures=2), second]
    reopen().taken_up([second])
    assert [*reopen().asides()] == [replace(first, failures=2)]


def test_nothing_is_begun_that_was_decided_from_what_is_no_longer_so(reopen: Reopen) -> None:
    store = reopen()
    number = add(store, ADA)
    intent = ItemIntent(
        mailbox_id="m1", kind=ItemKind.CONTACT, record_id=number, action=IntentKind.CREATE, token="t", at="1", record_version=1, content=ADA
    )
    store.begin([intent])
    for stale in (replace(intent, record_version=2), replace(intent, record_id=99), replace(intent, action=IntentKind.DELETE)):
        with pytest.raises(PreconditionFailed):
            store.begin([replace(intent, token="t2"), replace(stale, token="t3")])
    assert [one.token for one in reopen().intents("m1", ItemKind.CONTACT)] == ["t"]
