"""What happens between a record of ours and an item in a mailbox: one total table, and what refines its verdicts by kind. Pure.

Rows say how the two are tied and what became of our side, columns what became of theirs. A verdict is a direction of work, not yet
work: `decide` asks the rules of the kind (who organizes, what is past, which fields go which way) and gives an Action that says everything
the loop has to do. Sources and our own choices are in ADR 0040.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from enum import StrEnum
from typing import Final, TypeAlias, assert_never

from reconcile.lazy_dataclass import dataclass
from reconcile.model.item import Appointment, Item, ItemKind, ShowAs, Task, TaskStatus
from reconcile.model.item_field import FIELDS, GIVEN, Direction, ItemField, values
from reconcile.model.item_link import DELETED_THERE, NOWHERE, Link, LinkState
from reconcile.model.item_record import ItemState, Record
from reconcile.model.mail_address import same_mailbox
from reconcile.ports.collection import RemoteItem
from reconcile.sync.decide.two_way_deletes import Carried, Spared, deletion_in_mailbox, deletion_of_record, is_one_way
from reconcile.sync.decide.two_way_invite import has_attendees, invites_on_create, invites_on_update, is_past
from reconcile.sync.decide.two_way_merge import Merged, as_ours, joined, merged
from reconcile.sync.decide.two_way_rules import TwoWayRules
from reconcile.sync.decide.two_way_scope import may_come_in


class Ours(StrEnum):
    """What became of the record since both agreed."""

    NEVER = "never"  # there is none
    SAME = "same"
    CHANGED = "changed"
    OUTSIDE = "outside"  # no filter wants it (any more)
    DELETED = "deleted"


class Theirs(StrEnum):
    """What became of the item in the mailbox."""

    NEVER = "never"  # there is none that we know of
    SAME = "same"
    CHANGED = "changed"  # for what is not linked: it is there and marked
    UNMARKED = "unmarked"  # it is there, and nobody wants it tracked (any more)
    DELETED = "deleted"
    MOVED = "moved"  # to another folder
    LOST = "lost"  # nobody knows where


class Verdict(StrEnum):
    """Which way things go."""

    NOTHING = "nothing"
    IMPORT = "import"  # a new record
    CREATE = "create"  # a new item
    ADOPT = "adopt"  # both are there: tie them
    MERGE = "merge"  # carry over what changed, either way
    DELETE_OURS = "delete-ours"
    DELETE_THEIRS = "delete-theirs"
    EDIT_OVER_DELETE = "edit-over-delete"  # one side edited what the other deleted: it stays, untied
    UNTRACK = "untrack"  # somebody took the mark off
    LEAVE = "leave"  # out of a filter
    AWAY = "away"  # in another folder
    FORGET = "forget"  # nothing is left to be tied


_N, _MERGE, _FORGET = Verdict.NOTHING, Verdict.MERGE, Verdict.FORGET
_IN, _OUT, _ADOPT = Verdict.IMPORT, Verdict.CREATE, Verdict.ADOPT
_UNTRACK, _LEAVE, _AWAY = Verdict.UNTRACK, Verdict.LEAVE, Verdict.AWAY
_DO, _DT, _EDIT = Verdict.DELETE_OURS, Verdict.DELETE_THEIRS, Verdict.EDIT_OVER_DELETE

#: In the order of `Theirs`: NEVER, SAME, CHANGED, UNMARKED, DELETED, MOVED, LOST
TABLE: Final[Mapping[tuple[LinkState, Ours], tuple[Verdict, ...]]] = {
    (LinkState.NONE, Ours.NEVER): (_N, _IN, _IN, _N, _N, _N, _N),
    (LinkState.NONE, Ours.SAME): (_OUT, _ADOPT, _ADOPT, _ADOPT, _N, _N, _N),
    (LinkState.NONE, Ours.CHANGED): (_OUT, _ADOPT, _ADOPT, _ADOPT, _N, _N, _N),
    (LinkState.NONE, Ours.OUTSIDE): (_N, _ADOPT, _ADOPT, _N, _N, _N, _N),
    (LinkState.NONE, Ours.DELETED): (_N, _N, _N, _N, _N, _N, _N),
    (LinkState.LINKED, Ours.NEVER): (_FORGET, _FORGET, _FORGET, _FORGET, _FORGET, _FORGET, _FORGET),
    (LinkState.LINKED, Ours.SAME): (_N, _N, _MERGE, _UNTRACK, _DO, _AWAY, _AWAY),
    (LinkState.LINKED, Ours.CHANGED): (_N, _MERGE, _MERGE, _UNTRACK, _EDIT, _AWAY, _AWAY),
    (LinkState.LINKED, Ours.OUTSIDE): (_N, _LEAVE, _LEAVE, _UNTRACK, _FORGET, _AWAY, _AWAY),
    (LinkState.LINKED, Ours.DELETED): (_N, _DT, _EDIT, _FORGET, _FORGET, _AWAY, _AWAY),
    (LinkState.LEFT, Ours.NEVER): (_FORGET, _FORGET, _FORGET, _FORGET, _FORGET, _FORGET, _FORGET),
    (LinkState.LEFT, Ours.SAME): (_N, _MERGE, _MERGE, _UNTRACK, _UNTRACK, _N, _N),
    (LinkState.LEFT, Ours.CHANGED): (_N, _MERGE, _MERGE, _UNTRACK, _UNTRACK, _N, _N),
    (LinkState.LEFT, Ours.OUTSIDE): (_N, _N, _N, _UNTRACK, _FORGET, _N, _N),
    (LinkState.LEFT, Ours.DELETED): (_N, _N, _N, _FORGET, _FORGET, _N, _N),
    (LinkState.PARTED, Ours.NEVER): (_FORGET, _FORGET, _FORGET, _FORGET, _FORGET, _FORGET, _FORGET),
    (LinkState.PARTED, Ours.SAME): (_N, _N, _MERGE, _N, _N, _N, _N),
    (LinkState.PARTED, Ours.CHANGED): (_N, _N, _MERGE, _N, _N, _N, _N),
    (LinkState.PARTED, Ours.OUTSIDE): (_N, _N, _MERGE, _N, _FORGET, _N, _N),
    (LinkState.PARTED, Ours.DELETED): (_N, _N, _IN, _N, _FORGET, _N, _N),
}


_AWAY_WORDS: Final = {
    Theirs.MOVED: "it was moved to another folder",
    Theirs.LOST: f"{NOWHERE}: moved out of the mailbox, or deleted for ever",
}


def verdict(link: LinkState, ours: Ours, theirs: Theirs) -> Verdict:
    """The table's word."""
    return TABLE[link, ours][list(Theirs).index(theirs)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Nothing:
    """`why` says so to people who ask."""

    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Import:
    """A new record from the item."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateTheirs:
    """A new item from the record. `invite`: its attendees are told."""

    invite: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Carry:
    """The record becomes `item` in state `state`, and `columns` of `merge.ours` go to the mailbox. `invite`: attendees are told. `held`
    says why what should go there does not go now; `later`: it is decided again once what came in is kept. Linked again where it was not."""

    merge: Merged
    item: Item
    state: ItemState
    columns: frozenset[str]
    invite: bool
    held: str = ""
    later: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteOurs:
    """The record goes, the link with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteTheirs:
    """The item goes, the link with it, and the record stays as it is where there is one. `cancel`: attendees are told."""

    cancel: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Both stay and go their own ways. `conflict`: somebody's edit met somebody's deletion."""

    state: LinkState
    why: str
    conflict: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Forget:
    """The link goes."""


Action: TypeAlias = Nothing | Import | CreateTheirs | Carry | DeleteOurs | DeleteTheirs | Part | Forget


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One pair. `remote` is the item as it was read (None: not read, so that it is as last agreed); `organizer_linked`: the organizer's
    mailbox is linked with the same record, so that the meeting comes from there."""

    kind: ItemKind
    link: Link | None
    record: Record | None
    ours: Ours
    theirs: Theirs
    remote: RemoteItem | None
    address: str
    organizer_linked: bool = False


def decide(case: Case, rules: TwoWayRules, now: datetime) -> Action:
    """What is to be done about a pair; total. `now` is aware."""
    state = case.link.state if case.link is not None else LinkState.NONE
    if case.link is not None and case.link.anew and case.theirs in (Theirs.DELETED, Theirs.MOVED, Theirs.LOST):
        return _made_anew(case, now)
    match verdict(state, case.ours, case.theirs):
        case Verdict.NOTHING:
            return Nothing()
        case Verdict.IMPORT:
            why = may_come_in(case.remote, case.kind, rules) if case.remote is not None else "it was not read"
            return Nothing(why=why) if why else Import()
        case Verdict.CREATE:
            return _create(case, now)
        case Verdict.ADOPT | Verdict.MERGE:
            return _carry(case, rules, now)
        case Verdict.DELETE_OURS:
            return _delete_ours(case, rules, now)
        case Verdict.DELETE_THEIRS:
            return _delete_theirs(case, now)
        case Verdict.LEAVE:
            return _leave(case, rules, now)
        case Verdict.EDIT_OVER_DELETE if case.ours is Ours.DELETED and not _is_edited(case, rules):
            return _delete_theirs(case, now)
        case Verdict.EDIT_OVER_DELETE:
            words = DELETED_THERE if case.theirs is Theirs.DELETED else "deleted here"
            return Part(state=LinkState.PARTED, why=f"{words} after it was edited on the other side", conflict=True)
        case Verdict.UNTRACK:
            words = DELETED_THERE if case.theirs is Theirs.DELETED else "its category was taken away in the mailbox"
            return Part(state=LinkState.PARTED, why=words)
        case Verdict.AWAY:
            return Part(state=LinkState.LEFT, why=_AWAY_WORDS[case.theirs])
        case Verdict.FORGET:
            return Forget()
        case never:
            assert_never(never)


def shared(record: Record) -> Item:
    """The record as a mailbox can show it: what is over or called off takes no time, and a task that is canceled is deferred."""
    if isinstance(record.item, Appointment) and record.state in (ItemState.COMPLETED, ItemState.CANCELED):
        return replace(record.item, statuscode=ShowAs.FREE)
    if isinstance(record.item, Task) and record.state is ItemState.CANCELED:
        return replace(record.item, statuscode=TaskStatus.DEFERRED, percentcomplete=min(record.item.percentcomplete, 99), actualend=None)
    return record.item


def _create(case: Case, now: datetime) -> Action:
    assert case.record is not None
    item = case.record.item
    if isinstance(item, Appointment):
        if not item.organizer:
            return Nothing(why="it has no organizer")
        if not same_mailbox(item.organizer, case.address):
            return Nothing(why=f"{item.organizer} organizes it, and it comes to this mailbox by invitation")
    return CreateTheirs(invite=invites_on_create(case.record, now))


def _carry(case: Case, rules: TwoWayRules, now: datetime) -> Action:
    assert case.record is not None
    record = case.record
    theirs, organized_here = _theirs(case)
    mine = shared(record)
    direction = _direction(case, rules, mine, theirs, organized_here=organized_here)
    if case.link is not None:
        found = merged(mine, theirs, case.link.agreed, direction)
    else:
        found = joined(mine, theirs, direction, ours_leads=organized_here)
    after, state = _back(record, mine, found.ours, case.remote)
    columns = found.columns
    held = ""
    past = isinstance(theirs, Appointment) and is_past(theirs, now) and has_attendees(theirs)
    if columns and past and isinstance(after, Appointment) and is_past(after, now) and not rules.update_past_meetings:
        held, columns = "the meeting is past (linkedItems.updatePastMeetings)", frozenset()
    edited = replace(record, item=after, state=state)
    invite = bool(columns) and invites_on_update(edited, theirs, columns, organized_here=organized_here, now=now)
    later = False
    if rules.propagate_cancellations and state is ItemState.CANCELED and isinstance(theirs, Appointment) and columns:
        deletion = deletion_in_mailbox(case.link, theirs, now) if case.link is not None else Spared("")
        # What somebody changed there comes in first: what is called off is weighed by what both sides know.
        later = isinstance(deletion, Carried) and case.theirs is Theirs.CHANGED
        if isinstance(deletion, Carried) and not later:
            return DeleteTheirs(cancel=deletion.cancel)
    return Carry(merge=found, item=after, state=state, columns=columns, invite=invite, held=held, later=later)


def _made_anew(case: Case, now: datetime) -> Action:
    """Somebody wants another item where this one was deleted. The rules of a first one hold."""
    if case.theirs is Theirs.MOVED:
        return Part(state=LinkState.LEFT, why=f"{_AWAY_WORDS[case.theirs]}, and is not made a second time")
    if case.record is None:
        return Forget()
    found = Nothing(why="no filter wants it there") if case.ours is Ours.OUTSIDE else _create(case, now)
    return Part(state=LinkState.PARTED, why=f"{DELETED_THERE}, and not made anew: {found.why}") if isinstance(found, Nothing) else found


def _theirs(case: Case) -> tuple[Item, bool]:
    """The item as it is, and whether its mailbox organizes it."""
    if case.remote is not None:
        return as_ours(case.remote.item), case.remote.organized_here
    assert case.link is not None, "an item that is not linked was read"
    return case.link.agreed.theirs, case.link.organized_here


def _is_edited(case: Case, rules: TwoWayRules) -> bool:
    """Whether somebody changed the item: an answer of an attendee, a file that nobody carries, or what an attendee's copy says beside what
    comes in, is no edit."""
    if case.remote is None or case.link is None:
        return False
    if case.remote.canceled:
        return True
    theirs, agreed = as_ours(case.remote.item), case.link.agreed.theirs
    direction = _direction(case, rules, theirs, organized_here=case.remote.organized_here)
    all_of_it = case.remote.organized_here
    return any(
        values(theirs, field) != values(agreed, field)
        for field in FIELDS[case.kind]
        if GIVEN[case.kind].isdisjoint(field.columns)
        and (direction(field) is not Direction.NONE or (all_of_it and field.name != "attachments"))
    )


def _back(record: Record, mine: Item, after: Item, remote: RemoteItem | None) -> tuple[Item, ItemState]:
    """The record's own item and state, from the merged one that mailboxes can show."""
    state = record.state
    if isinstance(after, Task) and isinstance(mine, Task):
        if after.statuscode is not mine.statuscode:
            state = ItemState.COMPLETED if after.statuscode is TaskStatus.COMPLETED else ItemState.OPEN
        elif isinstance(record.item, Task) and state is ItemState.CANCELED:
            # Nobody changed what only stands for canceled.
            after = replace(
                after,
                statuscode=record.item.statuscode,
                percentcomplete=record.item.percentcomplete if after.percentcomplete == mine.percentcomplete else after.percentcomplete,
                actualend=record.item.actualend,
            )
    elif isinstance(after, Appointment) and isinstance(mine, Appointment) and isinstance(record.item, Appointment):
        if remote is not None and remote.canceled:
            state = ItemState.CANCELED
        if after.statuscode is mine.statuscode:
            after = replace(after, statuscode=record.item.statuscode)
    return after, state


def _direction(case: Case, rules: TwoWayRules, *items: Item, organized_here: bool) -> Callable[[ItemField], Direction]:
    series = any(isinstance(one, Appointment) and one.recurrence is not None for one in items)
    one_way = any(is_one_way(one) for one in items)

    def of(field: ItemField) -> Direction:
        found = rules.direction(case.kind, field)
        if one_way:
            return Direction.TO_THEIRS if found in (Direction.BOTH, Direction.TO_THEIRS) else Direction.NONE
        if series and field.name == "attachments":
            return Direction.NONE
        if case.kind is not ItemKind.APPOINTMENT or organized_here or found is Direction.NONE:
            return found
        # A meeting is its organizer's: an attendee's copy is never written to, and where the organizer's own is linked, not even read.
        return Direction.NONE if case.organizer_linked else Direction.TO_OURS

    return of


def _delete_ours(case: Case, rules: TwoWayRules, now: datetime) -> Action:
    assert case.record is not None
    assert case.link is not None
    found = deletion_of_record(case.link, case.record, rules, now)
    return DeleteOurs() if isinstance(found, Carried) else Part(state=LinkState.PARTED, why=f"{DELETED_THERE}: {found.why}")


def _delete_theirs(case: Case, now: datetime) -> Action:
    assert case.link is not None
    found = deletion_in_mailbox(case.link, _theirs(case)[0], now)
    if isinstance(found, Carried):
        return DeleteTheirs(cancel=found.cancel)
    return Part(state=LinkState.PARTED, why=f"deleted here: {found.why}")


def _leave(case: Case, rules: TwoWayRules, now: datetime) -> Action:
    if rules.unlink_on_logical_delete:
        return Part(state=LinkState.LEFT, why="no filter wants it any more")
    assert case.link is not None
    found = deletion_in_mailbox(case.link, _theirs(case)[0], now)
    if isinstance(found, Carried) and _is_edited(case, rules):
        found = Spared("it was edited in the mailbox meanwhile")
    if isinstance(found, Carried):
        return DeleteTheirs(cancel=found.cancel)
    return Part(state=LinkState.LEFT, why=f"no filter wants it any more: {found.why}")
