"""A two-way folder over Exchange Web Services: calendar, contacts or tasks of one mailbox. See `ports/collection.py`.

The state behind each page of changes is the cursor; a version is a change key, which the server compares; an item that we made bears its
token as a named property from its first moment. Invitations go out only where a request says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, Final

from reconcile.errors import AuthenticationRejected, PermanentError, PreconditionFailed, ReconcileError, Unavailable
from reconcile.mail.ews import appointment_fields, item_fields
from reconcile.mail.ews.account import ExchangeAccount
from reconcile.mail.ews.answers import Answer, M, T, id_of, items_of
from reconcile.mail.ews.changes import moment_of
from reconcile.mail.ews.codes import GONE
from reconcile.mail.ews.collection_requests import TOKEN, UNFINISHED, ItemRequests
from reconcile.mail.ews.exceptions_of_series import ExceptionWriter, exceptions_of
from reconcile.mail.ews.faults import refusal
from reconcile.mail.ews.folder import folders_below, opened
from reconcile.mail.ews.item_fields import ELEMENTS, FOLDERS, Field, in_order
from reconcile.mail.ews.item_files import ItemFiles
from reconcile.mail.ews.link import Link
from reconcile.mail.ews.operations import folder_id, own_field, own_property
from reconcile.mail.ews.place import PROTOCOL, EwsPlace
from reconcile.mail.ews.sessions import Sessions
from reconcile.mail.ews.whereabouts import Whereabouts, borne
from reconcile.model.cursor import Cursor
from reconcile.model.item import TYPES, Appointment, Item, ItemKind, Task, TaskStatus
from reconcile.model.remote_id import RemoteId
from reconcile.ports.collection import Bearing, ChangePage, Contents, Departure, Excluded, Gone, ListedItem, RemoteItem, Stored

_PAGE: Final = 200
_AT_ONCE: Final = 50
_STALE: Final = frozenset({"ErrorIrresolvableConflict", "ErrorStaleObject", "ErrorItemNotFound"})
_TABLES: Final = {
    ItemKind.APPOINTMENT: item_fields.APPOINTMENT,
    ItemKind.CONTACT: item_fields.CONTACT,
    ItemKind.TASK: item_fields.TASK,
}
_UNFINISHED: Final = item_fields.own(UNFINISHED)
#: So often the last step of a create is asked for again because a server moved the version by itself.
_AGAIN: Final = 3


class EwsCollection:
    """One thread at a time. `excluded` None: files that hang on items play no part."""

    def __init__(self, account: ExchangeAccount, sessions: Sessions, kind: ItemKind, excluded: Excluded | None = None) -> None:
        self._link = Link(account, sessions)
        self._address = account.address.lower()
        self._kind = kind
        self._fields: dict[str, Field] = _TABLES[kind]
        extended = [field.path for field in self._fields.values() if field.element == "ExtendedProperty"]
        if kind is ItemKind.APPOINTMENT:
            extended += [appointment_fields.ZONE.path, '<t:FieldURI FieldURI="calendar:StartTimeZone"/>', _UNFINISHED.path]
        self._ask = ItemRequests(self._link.requests, kind, FOLDERS[kind], ELEMENTS[kind], extended)
        self._files = ItemFiles(self._link, self._ask, excluded)
        self._folder = ""

    @property
    def kind(self) -> ItemKind:
        return self._kind

    def identity(self) -> str:
        return self._own_folder()

    def changes(self, cursor: Cursor | None) -> Iterator[ChangePage]:
        place = EwsPlace.of(cursor)
        state, last = place.state if place is not None else "", False
        while not last:
            message = self._link.one(self._ask.sync(state, _PAGE)).element
            behind = message.findtext(f"{M}SyncState") or ""
            last = (message.findtext(f"{M}IncludesLastItemInRange") or "true").strip().lower() in ("true", "1")
            if not behind or (not last and behind == state):
                raise Unavailable(f"{self._link.where} lists the same part of a folder again and again")
            items: dict[str, ListedItem] = {}
            gone: dict[str, Gone] = {}
            for change in message.find(f"{M}Changes") if message.find(f"{M}Changes") is not None else ():
                if change.tag == f"{T}Delete":
                    name, _ = id_of(change)
                    items.pop(name, None)
                    gone[name] = Gone(remote_id=RemoteId(PROTOCOL, name), departure=Departure.UNKNOWN)
                elif change.tag in (f"{T}Create", f"{T}Update"):
                    for item in change.findall(f"{T}{ELEMENTS[self._kind]}"):
                        listed = _listed(item)
                        gone.pop(listed.remote_id.value, None)
                        items[listed.remote_id.value] = listed
            first, state = not state, behind
            yield ChangePage(
                items=tuple(items.values()),
                # At the beginning nothing that is listed as gone was ever known.
                gone=() if first else tuple(gone.values()),
                cursor=EwsPlace(folder=FOLDERS[self._kind], state=behind).cursor(),
                last=last,
            )

    def read(self, remote_ids: Sequence[RemoteId]) -> Sequence[RemoteItem | Gone]:
        found: list[RemoteItem | Gone] = []
        for start in range(0, len(remote_ids), _AT_ONCE):
            part = remote_ids[start : start + _AT_ONCE]
            answers = self._link.ask(self._ask.get(one.value for one in part))
            if len(answers) != len(part):
                raise Unavailable(f"{self._link.where} gives {len(answers)} answers about {len(part)} items")
            found += [self._read(remote_id, answer) for remote_id, answer in zip(part, answers, strict=True)]
        return found

    def _read(self, remote_id: RemoteId, answer: Answer) -> RemoteItem | Gone:
        item = next(items_of(answer), None) if answer.done else None
        if item is None:
            if answer.code in GONE:
                return Gone(remote_id=remote_id, departure=Departure.UNKNOWN)
            raise refusal(answer, self._link.where)
        if not self._is_here(item):
            return Gone(remote_id=remote_id, departure=Departure.MOVED)
        try:
            return self._remote(item)
        except (ValueError, ArithmeticError, LookupError, TypeError) as error:
            # What strangers put into calendars: it is one item's matter, and the others go on.
            raise PermanentError(
                f"{self._link.where} shows an item that cannot be understood ({type(error).__name__})",
                hint="Look at it with another program; please report it.",
            ) from error

    def _own_folder(self) -> str:
        if not self._folder:
            self._folder, _ = opened(self._link, FOLDERS[self._kind])
        return self._folder

    def _is_here(self, item: Any) -> bool:
        parent = item.find(f"{T}ParentFolderId")
        return parent is None or parent.get("Id") == self._own_folder()

    def _remote(self, element: Any) -> RemoteItem:
        values: dict[str, Any] = {column: field.read(element) for column, field in self._fields.items()}
        organized, canceled, left_out = True, False, tuple[str, ...]()
        if self._kind is ItemKind.APPOINTMENT:
            values |= appointment_fields.values_of(element)
            values["exceptions"] = exceptions_of(self._link, self._ask, element)
            files = self._files.of(element)
            values["attachments"], left_out = files.attachments, files.left_out
            organized, canceled = values["organizer"] in ("", self._address), appointment_fields.is_canceled(element)
        item: Item = TYPES[self._kind](**values)
        return RemoteItem(
            listed=_listed(element),
            item=item,
            organized_here=organized,
            canceled=canceled,
            modified=moment_of(element.findtext(f"{T}LastModifiedTime")),
            left_out=left_out,
            unfinished=self._kind is ItemKind.APPOINTMENT and bool(_UNFINISHED.read(element)),
        )

    def find(self, token: str) -> RemoteItem | None:
        here = self._newest(self._ask.here(), token)
        if here is None:
            trash, _ = opened(self._link, "deleteditems")
            folders = [name for name, _ in folders_below(self._link, deep=True) if name != trash]
            for start in range(0, len(folders), _AT_ONCE):
                here = self._newest("".join(map(folder_id, folders[start : start + _AT_ONCE])), token)
                if here is not None:
                    break
        if here is None:
            return None
        answer = self._link.one(self._ask.get([here]))
        return self._remote(next(items_of(answer)))

    def _newest(self, folders: str, token: str) -> str | None:
        """The oldest of those that bear it."""
        found = []
        for answer in self._link.ask(self._ask.find(folders, token)):
            if not answer.done:
                raise refusal(answer, self._link.where)
            found += [(item.findtext(f"{T}DateTimeCreated") or "", id_of(item)[0]) for item in items_of(answer)]
        return min(found)[1] if found else None

    def whereabouts(self, bearings: Sequence[Bearing]) -> Sequence[Departure]:
        if not bearings:
            return []
        folders = Whereabouts(self._link, self._ask)
        return [found for start in range(0, len(bearings), _AT_ONCE) for found in folders.of(bearings[start : start + _AT_ONCE])]

    def create(self, token: str, item: Item, *, invite: bool, categories: frozenset[str] = frozenset(), contents: Contents) -> Stored:
        parts = [("ExtendedProperty", own_property(TOKEN, token))]
        if categories:
            parts.append(("Categories", _categories(categories)))
        parts += [(element, xml) for _, element, xml in self._written(item, frozenset(self._columns()), creating=True) if xml]
        if not isinstance(item, Appointment) or not (item.attachments or item.exceptions):
            return self._stored(self._link.ask(self._ask.create(in_order(parts), invite=invite), again=False))
        # Files and exceptions are added to what exists. Until all of it is there the item says so, and nobody is invited.
        parts.append(("ExtendedProperty", own_property(UNFINISHED, "1")))
        made = self._stored(self._link.ask(self._ask.create(in_order(parts), invite=False), again=False))
        return self._whole(made, None, item, invite=invite, contents=contents, for_good=True)

    def finish(self, remote_id: RemoteId, item: Item, *, invite: bool, contents: Contents) -> Stored:
        element = self._item(self._ask.get([remote_id.value]))
        stored = Stored(remote_id=remote_id, version=id_of(element)[1])
        if not isinstance(item, Appointment) or not _UNFINISHED.read(element):
            return stored
        return self._whole(stored, element, item, invite=invite, contents=contents, for_good=False)

    def _whole(self, made: Stored, element: Any, item: Appointment, *, invite: bool, contents: Contents, for_good: bool) -> Stored:
        """The rest of a create. One that cannot be is taken back, or it would be made again and again. An account that was refused asks for
        nothing more: that would be one more step to its being locked."""
        try:
            version = self._files.write(made.remote_id.value, made.version, element, item, contents, replacing=False)
            made = self._except(replace(made, version=version), item, invite=False)
            return self._announced(made, item, invite=invite)
        except PreconditionFailed as error:
            raise Unavailable(f"{self._link.where}: somebody changed a new item while it was made") from error
        except AuthenticationRejected:
            raise
        except PermanentError as error:
            try:
                self._taken_back(made, for_good=for_good)
            except ReconcileError as second:
                words = f"{error.message}; and what was begun could not be taken back: {second.message}"
                raise Unavailable(words, hint=second.hint, about=second.about) from error
            raise

    def _announced(self, made: Stored, item: Appointment, *, invite: bool) -> Stored:
        """One request takes the mark off and invites, so that nobody is invited twice whenever it ends."""
        subject = self._fields["subject"]
        changes = [(subject.path, subject.write(item.subject))] if invite else []
        changes.append((own_field(UNFINISHED), ""))
        for _ in range(_AGAIN):
            try:
                return self._stored(
                    self._link.ask(self._ask.update(made.remote_id.value, made.version, changes, invite=invite), again=False)
                )
            except PreconditionFailed:
                made = self._now(made)
        raise Unavailable(f"{self._link.where} moves the version of a new item again and again")

    def _taken_back(self, made: Stored, *, for_good: bool) -> None:
        answer = self._only(self._link.ask(self._ask.take_back(made.remote_id.value, for_good=for_good), again=False))
        if not answer.done and answer.code not in GONE:
            raise refusal(answer, self._link.where)

    def update(self, remote_id: RemoteId, version: str, item: Item, columns: frozenset[str], *, invite: bool, contents: Contents) -> Stored:
        changes = [(path, xml) for path, _, xml in self._written(item, columns, creating=False)]
        stored = Stored(remote_id=remote_id, version=version)
        if isinstance(item, Appointment) and "attachments" in columns:
            element = self._item(self._ask.get([remote_id.value]))
            _check_version(element, version)
            files = self._files.write(remote_id.value, version, element, item, contents, replacing=True)
            stored = replace(stored, version=files)
        if isinstance(item, Appointment) and "exceptions" in columns:
            self._check(remote_id, stored.version)
            stored = self._except(stored, item, invite=invite)
        if changes:
            stored = self._stored(self._link.ask(self._ask.update(remote_id.value, stored.version, changes, invite=invite), again=False))
        return stored

    def _columns(self) -> list[str]:
        extra = [*appointment_fields.TIMES, *appointment_fields.PEOPLE] if self._kind is ItemKind.APPOINTMENT else []
        return [*self._fields, *extra]

    def _written(self, item: Item, columns: frozenset[str], *, creating: bool) -> list[tuple[str, str, str]]:
        """(path, element, XML) of the columns that requests about the item as a whole set."""
        found = []
        for column, field in self._fields.items():
            if column not in columns or (isinstance(item, Task) and _follows(item, column)):
                continue
            found.append((field.path, field.element, field.write(getattr(item, column))))
        if isinstance(item, Appointment):
            if columns & appointment_fields.TIMES:
                wanted = "recurrence" in columns and not (creating and item.recurrence is None)
                found += appointment_fields.times(item, series=wanted)
            found += [appointment_fields.people(column, getattr(item, column)) for column in appointment_fields.PEOPLE if column in columns]
        return found

    def delete(self, remote_id: RemoteId, version: str, *, cancel: bool) -> None:
        if self._check(remote_id, version, gone_is_well=True) is None:
            return
        answer = self._only(self._link.ask(self._ask.delete(remote_id.value, version, cancel=cancel)))
        if not answer.done and answer.code not in GONE:
            raise self._refused(answer)

    def categorise(self, remote_id: RemoteId, version: str, *, add: frozenset[str], remove: frozenset[str]) -> Stored:
        item = self._check(remote_id, version)
        kept = (_listed(item).categories | add) - remove
        changes = [('<t:FieldURI FieldURI="item:Categories"/>', _categories(kept) if kept else "")]
        return self._stored(self._link.ask(self._ask.update(remote_id.value, version, changes, invite=False), again=False))

    def attachment(self, remote_id: RemoteId, digest: str) -> bytes:
        return self._files.content(next(items_of(self._link.one(self._ask.get([remote_id.value])))), digest)

    def _except(self, stored: Stored, item: Appointment, *, invite: bool) -> Stored:
        if item.exceptions or not item.recurrence:
            ExceptionWriter(self._link, self._ask).write(stored.remote_id.value, item, invite=invite)
        return self._now(stored)

    def _now(self, stored: Stored) -> Stored:
        """At the version that it has by now."""
        return replace(stored, version=id_of(self._item(self._ask.places([stored.remote_id.value])))[1])

    def _check(self, remote_id: RemoteId, version: str, *, gone_is_well: bool = False) -> Any:
        """The item, when it is at this version."""
        item = self._item(self._ask.places([remote_id.value]), gone_is_well=gone_is_well)
        if item is not None:
            _check_version(item, version)
        return item

    def _item(self, request: bytes, *, gone_is_well: bool = False) -> Any:
        """The one that is asked for; None only where it is gone and that is well."""
        answer = self._only(self._link.ask(request))
        item = next(items_of(answer), None) if answer.done else None
        if item is None and not (gone_is_well and answer.code in GONE):
            raise self._refused(answer)
        return item

    def _only(self, answers: Sequence[Answer]) -> Answer:
        if len(answers) != 1:
            raise Unavailable(f"{self._link.where} gives {len(answers)} answers to one question")
        return answers[0]

    def _stored(self, answers: Sequence[Answer]) -> Stored:
        answer = self._only(answers)
        if not answer.done:
            raise self._refused(answer)
        name, version = next((id_of(item) for item in items_of(answer)), ("", ""))
        if not name:
            raise Unavailable(f"{self._link.where} does not say what it stored")
        return Stored(remote_id=RemoteId(PROTOCOL, name), version=version)

    def _refused(self, answer: Answer) -> Exception:
        if answer.code in _STALE:
            return PreconditionFailed(f"somebody changed or deleted it meanwhile ({answer.code})")
        return refusal(answer, self._link.where)

    def close(self) -> None:
        self._link.close()


def _listed(item: Any) -> ListedItem:
    name, version = id_of(item)
    categories = frozenset(one.text or "" for one in item.findall(f"{T}Categories/{T}String"))
    bears = borne(item)
    return ListedItem(remote_id=RemoteId(PROTOCOL, name), version=version, token=bears.token, trace=bears.trace, categories=categories)


def _check_version(item: Any, version: str) -> None:
    if id_of(item)[1] != version:
        raise PreconditionFailed("somebody changed it meanwhile")


def _categories(names: frozenset[str]) -> str:
    from reconcile.mail.ews.operations import text

    return f"<t:Categories>{''.join(f'<t:String>{text(name)}</t:String>' for name in sorted(names))}</t:Categories>"


def _follows(item: Task, column: str) -> bool:
    """What Exchange sets by itself when the status is set, and refuses to have taken away."""
    open_ = item.statuscode is not TaskStatus.COMPLETED
    return (column == "actualend" and open_) or (column == "percentcomplete" and not open_)
