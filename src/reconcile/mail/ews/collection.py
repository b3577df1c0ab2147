"""A two-way folder over Exchange Web Services: calendar, contacts or tasks of one mailbox. See `ports/collection.py`.

The state behind each page of changes is the cursor; a version is a change key, which the server compares; an item that we made bears its
token as a named property from its first moment. Invitations go out only where a request says so.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, Final

from reconcile.errors import PermanentError, PreconditionFailed, Unavailable
from reconcile.mail.ews import appointment_fields, item_fields
from reconcile.mail.ews.account import ExchangeAccount
from reconcile.mail.ews.answers import Answer, M, T, id_of, items_of
from reconcile.mail.ews.changes import moment_of
from reconcile.mail.ews.codes import GONE
from reconcile.mail.ews.collection_requests import TOKEN, ItemRequests
from reconcile.mail.ews.exceptions_of_series import ExceptionWriter, exceptions_of
from reconcile.mail.ews.faults import refusal
from reconcile.mail.ews.folder import folders_below, opened
from reconcile.mail.ews.item_fields import ELEMENTS, FOLDERS, Field, in_order
from reconcile.mail.ews.link import Link
from reconcile.mail.ews.operations import folder_id, own_property
from reconcile.mail.ews.place import PROTOCOL, EwsPlace
from reconcile.mail.ews.sessions import Sessions
from reconcile.model.cursor import Cursor
from reconcile.model.item import TYPES, Appointment, Attachment, Item, ItemKind, Task, TaskStatus
from reconcile.model.remote_id import RemoteId
from reconcile.ports.collection import ChangePage, Contents, Departure, Gone, ListedItem, RemoteItem, Stored

_PAGE: Final = 200
_AT_ONCE: Final = 50
_STALE: Final = frozenset({"ErrorIrresolvableConflict", "ErrorStaleObject", "ErrorItemNotFound"})
_TABLES: Final = {
    ItemKind.APPOINTMENT: item_fields.APPOINTMENT,
    ItemKind.CONTACT: item_fields.CONTACT,
    ItemKind.TASK: item_fields.TASK,
}
_TOKEN: Final = item_fields.own(TOKEN)


class EwsCollection:
    """One thread at a time."""

    def __init__(self, account: ExchangeAccount, sessions: Sessions, kind: ItemKind) -> None:
        self._link = Link(account, sessions)
        self._address = account.address.lower()
        self._kind = kind
        self._fields: dict[str, Field] = _TABLES[kind]
        extended = [field.path for field in self._fields.values() if field.element == "ExtendedProperty"]
        if kind is ItemKind.APPOINTMENT:
            extended += [appointment_fields.ZONE.path, '<t:FieldURI FieldURI="calendar:StartTimeZone"/>']
        self._ask = ItemRequests(self._link.requests, kind, FOLDERS[kind], ELEMENTS[kind], extended)
        self._folder = ""

    @property
    def kind(self) -> ItemKind:
        return self._kind

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
        return self._remote(item)

    def _is_here(self, item: Any) -> bool:
        if not self._folder:
            self._folder, _ = opened(self._link, FOLDERS[self._kind])
        parent = item.find(f"{T}ParentFolderId")
        return parent is None or parent.get("Id") == self._folder

    def _remote(self, element: Any) -> RemoteItem:
        values: dict[str, Any] = {column: field.read(element) for column, field in self._fields.items()}
        organized, canceled = True, False
        if self._kind is ItemKind.APPOINTMENT:
            values |= appointment_fields.values_of(element)
            values["exceptions"] = exceptions_of(self._link, self._ask, element)
            values["attachments"] = tuple(sorted(one for one, _ in self._attachments(element)))
            organized, canceled = values["organizer"] in ("", self._address), appointment_fields.is_canceled(element)
        item: Item = TYPES[self._kind](**values)
        return RemoteItem(
            listed=_listed(element),
            item=item,
            organized_here=organized,
            canceled=canceled,
            modified=moment_of(element.findtext(f"{T}LastModifiedTime")),
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

    def create(self, token: str, item: Item, *, invite: bool, categories: frozenset[str] = frozenset(), contents: Contents) -> Stored:
        parts = [("ExtendedProperty", own_property(TOKEN, token))]
        if categories:
            parts.append(("Categories", _categories(categories)))
        parts += [(element, xml) for _, element, xml in self._written(item, frozenset(self._columns()), creating=True) if xml]
        later = isinstance(item, Appointment) and bool(item.attachments or item.exceptions)
        # Files and exceptions are added to what exists: whoever is invited gets them with it, so invitations wait for them.
        made = self._stored(self._link.ask(self._ask.create(in_order(parts), invite=invite and not later), again=False))
        if isinstance(item, Appointment) and later:
            made = self._attach(made, item, contents)
            made = self._except(made, item, invite=False)
            if invite:
                subject = self._fields["subject"]
                changes = [(subject.path, subject.write(item.subject))]
                made = self._stored(self._link.ask(self._ask.update(made.remote_id.value, made.version, changes, invite=True), again=False))
        return made

    def update(self, remote_id: RemoteId, version: str, item: Item, columns: frozenset[str], *, invite: bool, contents: Contents) -> Stored:
        changes = [(path, xml) for path, _, xml in self._written(item, columns, creating=False)]
        stored = Stored(remote_id=remote_id, version=version)
        if isinstance(item, Appointment) and "attachments" in columns:
            self._check(remote_id, version)
            stored = self._attach(stored, item, contents, replacing=True)
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
        (answer,) = self._link.ask(self._ask.delete(remote_id.value, version, cancel=cancel)) or (None,)
        if answer is None:
            raise Unavailable(f"{self._link.where} does not say whether it deleted it")
        if not answer.done and answer.code not in GONE:
            raise self._refused(answer)

    def categorise(self, remote_id: RemoteId, version: str, *, add: frozenset[str], remove: frozenset[str]) -> Stored:
        item = self._check(remote_id, version)
        kept = (_listed(item).categories | add) - remove
        changes = [('<t:FieldURI FieldURI="item:Categories"/>', _categories(kept) if kept else "")]
        return self._stored(self._link.ask(self._ask.update(remote_id.value, version, changes, invite=False), again=False))

    def attachment(self, remote_id: RemoteId, digest: str) -> bytes:
        (answer,) = self._link.ask(self._ask.get([remote_id.value]))
        item = next(items_of(answer), None) if answer.done else None
        for one, content in self._attachments(item) if item is not None else ():
            if one.digest == digest:
                return content
        raise PermanentError(f"{self._link.where}: the item has no such attachment (any more)", hint="Read the item again.")

    def _attachments(self, element: Any) -> list[tuple[Attachment, bytes]]:
        ids = [one.get("Id") for one in element.findall(f"{T}Attachments/{T}FileAttachment/{T}AttachmentId")]
        if not ids:
            return []
        found = []
        for answer in self._link.ask(self._ask.attachments(ids), largest=256 << 20):
            if not answer.done:
                raise refusal(answer, self._link.where)
            for file in answer.element.iter(f"{T}FileAttachment"):
                content = base64.b64decode(file.findtext(f"{T}Content") or "")
                digest = hashlib.sha256(content).hexdigest()
                mimetype = file.findtext(f"{T}ContentType") or "application/octet-stream"
                name = file.findtext(f"{T}Name") or ""
                found.append((Attachment(filename=name, mimetype=mimetype, filesize=len(content), digest=digest), content))
        return found

    def _attach(self, stored: Stored, item: Appointment, contents: Contents, *, replacing: bool = False) -> Stored:
        """Files are told apart by name and content: what is there already stays."""
        there: set[tuple[str, str]] = set()
        if replacing:
            element = next(items_of(self._link.one(self._ask.get([stored.remote_id.value]))))
            wanted = {(one.filename, one.digest) for one in item.attachments}
            ids = [one.get("Id") for one in element.findall(f"{T}Attachments/{T}FileAttachment/{T}AttachmentId")]
            known = [(one.filename, one.digest) for one, _ in self._attachments(element)]
            over = [name for name, pair in zip(ids, known, strict=True) if pair not in wanted]
            there = {pair for pair in known if pair in wanted}
            if over:
                self._link.ask(self._ask.detach(over), again=False)
                stored = self._now(stored)
        for one in item.attachments:
            if (one.filename, one.digest) not in there:
                content = base64.b64encode(contents(one.digest)).decode("ascii")
                request = self._ask.attach(stored.remote_id.value, stored.version, one.filename, one.mimetype, content)
                (answer,) = self._link.ask(request, again=False)
                if not answer.done:
                    raise self._refused(answer)
                stored = self._now(stored)
        return stored

    def _except(self, stored: Stored, item: Appointment, *, invite: bool) -> Stored:
        if item.exceptions or not item.recurrence:
            ExceptionWriter(self._link, self._ask).write(stored.remote_id.value, item, invite=invite)
        return self._now(stored)

    def _now(self, stored: Stored) -> Stored:
        """At the version that it has by now."""
        (answer,) = self._link.ask(self._ask.places([stored.remote_id.value]))
        item = next(items_of(answer), None) if answer.done else None
        if item is None:
            raise self._refused(answer)
        return replace(stored, version=id_of(item)[1])

    def _check(self, remote_id: RemoteId, version: str, *, gone_is_well: bool = False) -> Any:
        """The item, when it is at this version."""
        (answer,) = self._link.ask(self._ask.places([remote_id.value]))
        item = next(items_of(answer), None) if answer.done else None
        if item is None and answer.code in GONE and gone_is_well:
            return None
        if item is None:
            raise self._refused(answer)
        if id_of(item)[1] != version:
            raise PreconditionFailed("somebody changed it meanwhile")
        return item

    def _stored(self, answers: Sequence[Answer]) -> Stored:
        if len(answers) != 1:
            raise Unavailable(f"{self._link.where} gives {len(answers)} answers to one question")
        if not answers[0].done:
            raise self._refused(answers[0])
        name, version = next((id_of(item) for item in items_of(answers[0])), ("", ""))
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
    return ListedItem(remote_id=RemoteId(PROTOCOL, name), version=version, token=str(_TOKEN.read(item) or ""), categories=categories)


def _categories(names: frozenset[str]) -> str:
    from reconcile.mail.ews.operations import text

    return f"<t:Categories>{''.join(f'<t:String>{text(name)}</t:String>' for name in sorted(names))}</t:Categories>"


def _follows(item: Task, column: str) -> bool:
    """What Exchange sets by itself when the status is set, and refuses to have taken away."""
    open_ = item.statuscode is not TaskStatus.COMPLETED
    return (column == "actualend" and open_) or (column == "percentcomplete" and not open_)
