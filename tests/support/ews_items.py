"""A mailbox of the sandbox's Exchange for the contract of two-way collections: what somebody else does to it goes over a connection of
their own, and what attendees heard is what arrived with them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from reconcile.mail.ews.collection import EwsCollection
from reconcile.mail.ews.sessions import Sessions
from reconcile.model.item import Appointment, Item, ItemKind, columns
from reconcile.model.remote_id import RemoteId
from reconcile.ports.collection import Excluded
from reconcile.sync.decide.two_way_rules import TRACKED
from support.ews_accounts import account_of
from support.exchange_sandbox import exchange_sandbox

ADDRESS = "user@contoso.example"
PEOPLE = ("alice@contoso.example", "boss@fabrikam.example")
FOLDERS = {ItemKind.APPOINTMENT: "calendar", ItemKind.CONTACT: "contacts", ItemKind.TASK: "tasks"}


def everything_wanted(name: str, media_type: str, size: int) -> str:
    """No file is excluded."""
    return ""


def nothing(digest: str) -> bytes:
    raise KeyError(digest)


class ExchangeItems:
    """See `World` of the contract."""

    def __init__(self, exchange: Any) -> None:
        self.exchange = exchange
        self.address = ADDRESS
        self._sessions = Sessions()

    def collection(self, kind: ItemKind, excluded: Excluded | None = everything_wanted) -> EwsCollection:
        return EwsCollection(account_of(self.exchange, ADDRESS), self._sessions, kind, excluded)

    def _of(self, item: Item) -> EwsCollection:
        return self.collection(ItemKind(type(item).__name__.lower()))

    def put(self, item: Item) -> RemoteId:
        """Somebody else makes it: it bears no token of ours."""
        made = self._of(item).create("", item, invite=False, contents=nothing)
        if isinstance(item, Appointment) and item.organizer:
            self._organized_by(item.organizer)
        return made.remote_id

    def _organized_by(self, organizer: str) -> None:
        from reconcile.sandbox.ews.node import Node

        mailbox = self.exchange.mailbox(ADDRESS)
        with self.exchange.organization.lock:
            item = [*mailbox.distinguished("calendar").items.values()][-1]
            box = Node("t:Mailbox", children=[Node("t:EmailAddress", organizer)])
            item.properties["Organizer"] = Node("t:Organizer", children=[box])

    def edit(self, remote_id: RemoteId, item: Item) -> None:
        collection = self._of(item)
        (found,) = collection.read([remote_id])
        kind = ItemKind(type(item).__name__.lower())
        changed = frozenset(one for one in columns(kind) if getattr(found.item, one) != getattr(item, one))  # type: ignore[union-attr]
        wanted = changed - {"organizer", "globalobjectid", "responses"}
        collection.update(remote_id, found.listed.version, item, wanted, invite=False, contents=nothing)  # type: ignore[union-attr]

    def _item(self, remote_id: RemoteId) -> tuple[Any, Any]:
        mailbox = self.exchange.mailbox(ADDRESS)
        return mailbox, next(item for item in mailbox.items.values() if str(mailbox.item_id(item)) == remote_id.value)

    def drop(self, remote_id: RemoteId) -> None:
        with self.exchange.organization.lock:
            mailbox, item = self._item(remote_id)
            mailbox.remove(item)

    def move(self, remote_id: RemoteId) -> None:
        from reconcile.mail.ews.folder import beside_inbox
        from reconcile.mail.ews.link import Link

        link = Link(account_of(self.exchange, ADDRESS), self._sessions)
        folder = beside_inbox(link, "Elsewhere")
        (answer,) = link.ask(link.requests.move_items([remote_id.value], folder))
        assert answer.done

    def mark(self, kind: ItemKind, remote_id: RemoteId) -> None:
        """Somebody wants it tracked."""
        collection = self.collection(kind)
        (found,) = collection.read([remote_id])
        collection.categorise(remote_id, found.listed.version, add=frozenset({TRACKED}), remove=frozenset())  # type: ignore[union-attr]

    def unmark(self, kind: ItemKind, remote_id: RemoteId) -> None:
        """Somebody no longer does."""
        collection = self.collection(kind)
        (found,) = collection.read([remote_id])
        collection.categorise(remote_id, found.listed.version, add=frozenset(), remove=frozenset({TRACKED}))  # type: ignore[union-attr]

    def _carry(self, kind: ItemKind, name: str) -> None:
        """From the folder with that name to where items of this kind lie; each gets another id."""
        from reconcile.sandbox.ews.operations.move_items import carry

        mailbox = self.exchange.mailbox(ADDRESS)
        with self.exchange.organization.lock:
            for item in [*next(one for one in mailbox.folders.values() if one.name == name).items.values()]:
                carry(mailbox, item, mailbox, mailbox.distinguished(FOLDERS[kind]), keep=False)

    def restore(self, kind: ItemKind) -> None:
        """Somebody takes everything out of the trash."""
        self._carry(kind, "Deleted Items")

    def delete(self, remote_id: RemoteId, how: str) -> None:
        """Somebody deletes it, as DeleteItem says how."""
        from reconcile.sandbox.ews.operations.move_items import discard

        with self.exchange.organization.lock:
            mailbox, item = self._item(remote_id)
            discard(mailbox, item, how)

    def put_below_the_trash(self, remote_id: RemoteId) -> None:
        """Somebody deletes the folder they had moved it to."""
        from reconcile.sandbox.ews.operations.move_items import carry

        with self.exchange.organization.lock:
            mailbox, item = self._item(remote_id)
            trash = mailbox.distinguished("deleteditems")
            carry(mailbox, item, mailbox, mailbox.add_folder(trash.number, "Old", "IPF.Note"), keep=False)

    def archive(self, remote_id: RemoteId) -> None:
        """A policy of the server moves it to the mailbox's archive."""
        from reconcile.sandbox.ews.operations.move_items import carry

        with self.exchange.organization.lock:
            mailbox, item = self._item(remote_id)
            root = mailbox.add_folder(mailbox.distinguished("root").number, "Archive", "", distinguished="archivemsgfolderroot")
            carry(mailbox, item, mailbox, mailbox.add_folder(root.number, "Old tasks", "IPF.Task"), keep=False)

    def copy(self, remote_id: RemoteId) -> None:
        """Somebody copies it within its folder."""
        from reconcile.sandbox.ews.operations.move_items import carry

        with self.exchange.organization.lock:
            mailbox, item = self._item(remote_id)
            carry(mailbox, item, mailbox, mailbox.folders[item.folder], keep=True)

    def edit_elsewhere(self, kind: ItemKind, text: str) -> None:
        """Somebody writes a text into whatever lies elsewhere."""
        from reconcile.sandbox.ews.node import Node

        mailbox = self.exchange.mailbox(ADDRESS)
        with self.exchange.organization.lock:
            for item in next(one for one in mailbox.folders.values() if one.name == "Elsewhere").items.values():
                item.properties["Body"] = Node("t:Body", text, attributes={"BodyType": "Text"})
                mailbox.touch(item)

    def bring_back(self, kind: ItemKind) -> None:
        """Everything of a kind that lies elsewhere; each gets another id."""
        self._carry(kind, "Elsewhere")

    def forget(self) -> None:
        self.exchange.mailbox(ADDRESS).expire_states()

    def posted(self) -> list[tuple[str, tuple[str, ...]]]:
        """By what arrived: meeting requests (the first is an invitation, later ones updates), cancellations."""
        from reconcile.sandbox.ews.values import text_of

        found: list[tuple[int, str, tuple[str, ...]]] = []
        for address in PEOPLE:
            mailbox = self.exchange.mailbox(address)
            with self.exchange.organization.lock:
                seen: set[str] = set()
                for item in mailbox.distinguished("inbox").items.values():
                    uid = text_of(mailbox, item, "UID")
                    what = {"MeetingCancellation": "cancellation"}.get(item.kind, "update" if uid in seen else "invitation")
                    seen.add(uid)
                    found.append((item.number, what, (address,)))
        return [(what, to) for _, what, to in sorted(found)]


@contextmanager
def exchange_items() -> Iterator[ExchangeItems]:
    with exchange_sandbox((ADDRESS, *PEOPLE)) as exchange:
        yield ExchangeItems(exchange)
