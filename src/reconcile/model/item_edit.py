"""One edit of our own records, and what becomes of it: made, repeated, or refused with the version that stands."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import field, replace
from datetime import datetime
from typing import Any, TypeAlias, assert_never

from reconcile.lazy_dataclass import dataclass
from reconcile.model import instant
from reconcile.model.activity_edit import KEEP, EditRefusal, EditResult, Keep
from reconcile.model.attachment_name import unfit
from reconcile.model.item import Appointment, Contact, Item, ItemKind, Task, TaskStatus, Value, kind_of
from reconcile.model.item_json import ItemFormatError, checked, dumped, dumped_value
from reconcile.model.item_normal import normal, whole_name
from reconcile.model.item_record import STATES, ItemState, Record


@dataclass(frozen=True, slots=True, kw_only=True)
class AddItem:
    """A new record. `client_key` is the caller's own name for this edit ("" when none): the same key never edits twice. `files` are the
    bytes of its attachments, by their digests."""

    item: Item
    owner: str
    state: ItemState = ItemState.OPEN
    client_key: str = ""
    files: Mapping[str, bytes] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeItem:
    """Some columns of a record of this kind. With `expected_version` it holds only for that version. `files` are the bytes of attachments
    that the record does not have yet, by their digests."""

    item_id: int
    kind: ItemKind
    columns: Mapping[str, Value]
    owner: str | Keep = KEEP
    state: ItemState | Keep = KEEP
    expected_version: int | None = None
    client_key: str = ""
    files: Mapping[str, bytes] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveItem:
    """A record goes, and by the rules of deletion its items in mailboxes."""

    item_id: int
    expected_version: int | None = None
    client_key: str = ""


ItemEdit: TypeAlias = AddItem | ChangeItem | RemoveItem


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemEdited:
    """`version` is the record's after this edit, 0 for one that is gone. `id` is 0 until the store has numbered a new one."""

    id: int
    result: EditResult
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemEditRefused:
    """`version` is the one that stands, None where there is no such record. `field` is what of the edit it is about."""

    id: int
    refusal: EditRefusal
    version: int | None
    field: str
    message: str
    hint: str


ItemEditOutcome: TypeAlias = ItemEdited | ItemEditRefused


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemKeyTaken:
    """What is remembered of an edit under a client's key."""

    request: str
    item_id: int
    version: int


def request_of(edit: ItemEdit) -> str:
    """A digest of what is asked for, to notice a key that is used for something else."""
    match edit:
        case AddItem():
            asked: dict[str, Any] = {"add": dumped(edit.item), "kind": kind_of(edit.item), "owner": edit.owner, "state": edit.state}
        case ChangeItem():
            asked = {"change": edit.item_id, "expect": edit.expected_version, "set": {n: dumped_value(v) for n, v in edit.columns.items()}}
            asked |= {name: one for name, one in (("owner", edit.owner), ("state", edit.state)) if not isinstance(one, Keep)}
        case RemoveItem():
            asked = {"remove": edit.item_id, "expect": edit.expected_version}
        case _:
            assert_never(edit)
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode("ascii")).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemDecision:
    """The outcome, and the record as it is to be written (id 0: a new one). `removed`: it is to be deleted."""

    outcome: ItemEditOutcome
    record: Record | None = None
    removed: bool = False


def decided_item(edit: ItemEdit, before: Record | None, taken: ItemKeyTaken | None, *, at: datetime, by: str) -> ItemDecision:
    """`before` is the record that is meant, None where there is none; `taken` what the key was used for."""
    number = 0 if isinstance(edit, AddItem) else edit.item_id
    if taken is not None:
        if taken.request == request_of(edit):
            return ItemDecision(outcome=ItemEdited(id=taken.item_id, result=EditResult.REPEATED, version=taken.version))
        words = f"the key {edit.client_key!r} was used for another edit, of item {taken.item_id}"
        return _refused(number, EditRefusal.KEY_USED, before, "clientKey", words, "Give each edit a key of its own.")
    moment = instant.text(at.replace(microsecond=0))
    if isinstance(edit, AddItem):
        return _added(edit, moment, by, at)
    if before is None:
        words = f"there is no item {edit.item_id}"
        return _refused(number, EditRefusal.NOT_FOUND, None, "id", words, "`reconcile activities items list` shows them.")
    if edit.expected_version is not None and edit.expected_version != before.version:
        words = f"item {edit.item_id} is at version {before.version}, not {edit.expected_version}"
        return _refused(number, EditRefusal.CONFLICT, before, "expectedVersion", words, "Read it again, decide again, and send a new edit.")
    if isinstance(edit, RemoveItem):
        return ItemDecision(outcome=ItemEdited(id=before.id, result=EditResult.EDITED, version=0), record=before, removed=True)
    return _changed(edit, before, moment, by, at)


def _added(edit: AddItem, moment: str, by: str, at: datetime) -> ItemDecision:
    kind = kind_of(edit.item)
    if edit.state not in STATES[kind]:
        return _refused(0, EditRefusal.CONFLICT, None, "state", f"a {kind} is {' or '.join(STATES[kind])}", "Choose one of them.")
    if (missing := _without_bytes(edit.item, (), edit.files)) is not None:
        return missing
    item = edit.item
    if isinstance(item, Appointment) and not item.organizer:
        item = replace(item, organizer=edit.owner)
    item, state = coupled(item, item, ItemState.OPEN, edit.state, at)
    record = Record(id=0, item=item, owner=edit.owner.lower(), state=state, version=1, created_at=moment, edited_at=moment, edited_by=by)
    return ItemDecision(outcome=ItemEdited(id=0, result=EditResult.EDITED, version=1), record=record)


def _changed(edit: ChangeItem, before: Record, moment: str, by: str, at: datetime) -> ItemDecision:
    if before.kind is not edit.kind:
        words = f"item {before.id} is a {before.kind}, no {edit.kind}"
        return _refused(before.id, EditRefusal.CONFLICT, before, "kind", words, "Name its own kind.")
    state = before.state if isinstance(edit.state, Keep) else edit.state
    if state not in STATES[edit.kind]:
        words = f"a {edit.kind} is {' or '.join(STATES[edit.kind])}"
        return _refused(before.id, EditRefusal.CONFLICT, before, "state", words, "Choose one of them.")
    try:
        item = checked(_known_files(replace(_renamed(before.item, edit.columns), **edit.columns), before.item))  # type: ignore[arg-type]
    except ItemFormatError as error:
        return _refused(before.id, EditRefusal.CONFLICT, before, f"set.{'.'.join(map(str, error.path))}", error.message, error.hint)
    if (refused := _without_bytes(item, digests(before.item), edit.files, before) or _unfit_name(item, before)) is not None:
        return refused
    item, state = coupled(before.item, item, before.state, state, at)
    owner = before.owner if isinstance(edit.owner, Keep) else edit.owner.lower()
    after = replace(before, item=item, owner=owner, state=state)
    if after == before:
        return ItemDecision(outcome=ItemEdited(id=before.id, result=EditResult.UNCHANGED, version=before.version))
    after = replace(after, version=before.version + 1, edited_at=moment, edited_by=by)
    return ItemDecision(outcome=ItemEdited(id=before.id, result=EditResult.EDITED, version=after.version), record=after)


def digests(item: Item) -> frozenset[str]:
    """Of its attachments."""
    return frozenset(one.digest for one in item.attachments) if isinstance(item, Appointment) else frozenset()


def _without_bytes(item: Item, there: Collection[str], files: Mapping[str, bytes], before: Record | None = None) -> ItemDecision | None:
    """The refusal of an attachment of which nobody has the bytes. Those of other records do not count: who knows a digest must not get a
    file by it."""
    for one in item.attachments if isinstance(item, Appointment) else ():
        if one.digest not in there and one.digest not in files:
            words = f"the record has no attachment with the bytes of {one.filename[:80]!a}"
            hint = "Give its content as base64, or attach it with `reconcile activities items attach`."
            return _refused(before.id if before else 0, EditRefusal.CONFLICT, before, "set.attachments", words, hint)
    return None


def _known_files(item: Item, before: Item) -> Item:
    """What the record has already of a file, whoever names it need not say again."""
    if not isinstance(item, Appointment) or not isinstance(before, Appointment) or item.attachments == before.attachments:
        return item
    known = {(one.filename, one.digest): one for one in before.attachments}
    return replace(item, attachments=tuple(known.get((one.filename, one.digest), one) for one in item.attachments))


def _unfit_name(item: Item, before: Record) -> ItemDecision | None:
    """The refusal of a name that is new and none."""
    there = before.item.attachments if isinstance(before.item, Appointment) else ()
    for one in item.attachments if isinstance(item, Appointment) else ():
        why = unfit(one.filename) or ("its media type has more than one line" if "\n" in one.mimetype or "\r" in one.mimetype else "")
        if why and one not in there:
            return _refused(
                before.id, EditRefusal.CONFLICT, before, "set.attachments", f"an attachment's name: {why}", "Give it another one."
            )
    return None


def _renamed(item: Item, columns: Mapping[str, Value]) -> Item:
    """A contact's whole name that only followed from its parts follows them again. One that somebody gave, before or now, stays."""
    if isinstance(item, Contact) and "fullname" not in columns and item.fullname == whole_name(item):
        return replace(item, fullname="")
    return item


def coupled(before: Item, after: Item, state_before: ItemState, state: ItemState, at: datetime) -> tuple[Item, ItemState]:
    """In its normal form. A task is completed in state and in status, whichever was set; taking it up again clears the day of completion,
    and clearing that day takes it up again."""
    if not isinstance(after, Task) or not isinstance(before, Task):
        return normal(after, today=at.date()), state
    if state is not state_before:
        if state is ItemState.COMPLETED:
            after = replace(after, statuscode=TaskStatus.COMPLETED)
        elif after.statuscode is TaskStatus.COMPLETED and state is ItemState.OPEN:
            after = replace(after, statuscode=TaskStatus.IN_PROGRESS)
    elif after.actualend is None and before.actualend is not None and after.statuscode is TaskStatus.COMPLETED:
        after = replace(after, statuscode=TaskStatus.IN_PROGRESS)
    after_normal = normal(after, today=at.date())
    assert isinstance(after_normal, Task)
    if after_normal.statuscode is TaskStatus.COMPLETED and state is not ItemState.CANCELED:
        return after_normal, ItemState.COMPLETED
    return after_normal, ItemState.OPEN if state is ItemState.COMPLETED else state


def _refused(number: int, refusal: EditRefusal, before: Record | None, field: str, message: str, hint: str) -> ItemDecision:
    return ItemDecision(
        outcome=ItemEditRefused(
            id=number, refusal=refusal, version=before.version if before else None, field=field, message=message, hint=hint
        )
    )
