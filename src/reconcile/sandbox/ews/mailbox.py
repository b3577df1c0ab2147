"""One mailbox of the sandbox's Exchange: its folders and items, what changed when, and the mail it shares with IMAP.

Not thread-safe: whoever calls holds the organization's lock.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Iterator
from datetime import datetime

from reconcile.lazy_dataclass import dataclass
from reconcile.sandbox.accounts import Message, PostOffice
from reconcile.sandbox.ews.folder_names import DISTINGUISHED, SHARED_WITH_IMAP
from reconcile.sandbox.ews.ids import FOLDER, ITEM, OCCURRENCE, Id, change_key
from reconcile.sandbox.ews.node import Node, flag
from reconcile.sandbox.ews.stored import Folder, Item

SEEN = "\\Seen"
#: How many events a mailbox remembers for its subscribers.
EVENT_LIMIT = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """`at` is its number, `kind` the schema's element; `id` and `folder` as they are now, `old_…` of what moved or was copied."""

    at: int
    kind: str
    id: Id
    folder: int
    moment: datetime
    old_id: Id | None = None
    old_folder: int = 0


class Mailbox:
    """`version` rises with each change; sync states are versions, those before `oldest_state` are expired. `told` counts events."""

    def __init__(self, number: int, address: str, name: str, post_office: PostOffice, now: Callable[[], datetime]) -> None:
        self.number = number
        self.address = address
        self.name = name
        self.now = now
        self.born = now()
        self.version = 0
        self.oldest_state = 0
        self.told = 0
        self.folders: dict[int, Folder] = {}
        self.items: dict[int, Item] = {}
        self.folder_log: dict[int, int] = {}
        self.folders_gone: dict[int, tuple[int, int]] = {}
        self.events: deque[Event] = deque(maxlen=EVENT_LIMIT)
        #: Address in lower case -> t:DelegateUser.
        self.delegates: dict[str, Node] = {}
        #: m:DeliverMeetingRequests, once somebody set it.
        self.meeting_requests: Node | None = None
        #: t:OofSettings, once somebody set them, and who was told since, in lower case.
        self.absence: Node | None = None
        self.answered: set[str] = set()
        self.photo = b""
        self.time_zone = "W. Europe Standard Time"
        self._post_office = post_office
        self._distinguished: dict[str, int] = {}
        self._imap_changes = -1
        self._last_number = 0
        for known in DISTINGUISHED:
            parent = self._distinguished[known.parent] if known.parent else None
            folder = self.add_folder(parent, known.display, known.folder_class, distinguished=known.name)
            folder.imap_name = SHARED_WITH_IMAP.get(known.name, "")
        self.events.clear()

    def next_number(self) -> int:
        """A number no other object of this mailbox has."""
        self._last_number += 1
        return self._last_number

    def distinguished(self, name: str) -> Folder | None:
        """The folder of a distinguished name, if this mailbox has it."""
        number = self._distinguished.get(name)
        return None if number is None else self.folders.get(number)

    def children(self, number: int) -> list[Folder]:
        """Folders directly below, by birth."""
        return [folder for folder in self.folders.values() if folder.parent == number]

    def below(self, number: int) -> Iterator[Folder]:
        """All folders below, parents first."""
        for folder in self.children(number):
            yield folder
            yield from self.below(folder.number)

    def add_folder(self, parent: int | None, name: str, folder_class: str, *, distinguished: str = "") -> Folder:
        """Make a folder."""
        folder = Folder(
            number=self.next_number(),
            mailbox=self.number,
            parent=parent,
            name=name,
            folder_class=folder_class,
            distinguished=distinguished,
        )
        self.folders[folder.number] = folder
        if distinguished:
            self._distinguished[distinguished] = folder.number
        self.touch_folder(folder)
        folder.born_at = self.version
        self._tell("CreatedEvent", self.folder_id(folder), parent or 0)
        return folder

    def touch_folder(self, folder: Folder) -> None:
        """The folder itself changed: name, class, parent, permissions."""
        self.version += 1
        folder.version = self.version
        self.folder_log.pop(folder.number, None)
        self.folder_log[folder.number] = self.version

    def remove_folder(self, folder: Folder) -> None:
        """The folder, all below it and all items in them are gone for good."""
        for child in self.children(folder.number):
            self.remove_folder(child)
        for item in list(folder.items.values()):
            self.remove(item)
        self.version += 1
        del self.folders[folder.number]
        self.folder_log.pop(folder.number, None)
        self.folders_gone[folder.number] = (folder.born_at, self.version)
        self._tell("DeletedEvent", self.folder_id(folder), folder.parent or 0)

    def move_folder(self, folder: Folder, parent: Folder) -> None:
        """Hang the folder elsewhere; its id stays, as in Exchange 2010 and later."""
        old = folder.parent or 0
        folder.parent = parent.number
        self.touch_folder(folder)
        self._tell("MovedEvent", self.folder_id(folder), parent.number, old_id=self.folder_id(folder), old_folder=old)

    def put(self, item: Item, *, event: str = "CreatedEvent", old: Item | None = None) -> Item:
        """An item comes into its folder, as a new one; `old` is what it was moved or copied from."""
        folder = self.folders[item.folder]
        self.version += 1
        item.version = item.born_at = self.version
        self.items[item.number] = item
        folder.items[item.number] = item
        folder.log[item.number] = self.version
        if folder.imap_name and item.raw is not None and item.uid is None:
            flags = {SEEN} if item.text("IsRead") == "true" else set()
            item.uid = self._post_office.deliver(self.address, item.raw, item.created, folder=folder.imap_name, flags=flags)
        old_id, old_folder = (self.item_id(old), old.folder) if old else (None, 0)
        self._tell(event, self.item_id(item), folder.number, old_id=old_id, old_folder=old_folder)
        return item

    def touch(self, item: Item, *, only_read_flag: bool = False) -> None:
        """The item changed. The owner of the mailbox sees whether anything else than IsRead did."""
        folder = self.folders[item.folder]
        before = folder.log.pop(item.number, 0)
        self.version += 1
        if only_read_flag:
            item.only_read_flag_since = item.only_read_flag_since or before
        else:
            item.only_read_flag_since = 0
        item.version = self.version
        item.modified = self.now()
        item.written.clear()
        folder.log[item.number] = self.version
        if folder.imap_name and item.uid is not None:
            kept = self._post_office.message(self.address, folder.imap_name, item.uid)
            if kept is not None and (SEEN in kept.flags) != (item.text("IsRead") == "true"):
                self._post_office.set_flags(self.address, folder.imap_name, item.uid, kept.flags ^ {SEEN})
        self._tell("ModifiedEvent", self.item_id(item), folder.number)

    def remove(self, item: Item, *, told: bool = True) -> None:
        """The item is gone from its folder; whoever moves it makes a new one elsewhere."""
        folder = self.folders[item.folder]
        self.version += 1
        del self.items[item.number]
        del folder.items[item.number]
        folder.log.pop(item.number, None)
        folder.gone[item.number] = (item.born_at, self.version)
        if folder.imap_name and item.uid is not None:
            self._post_office.remove(self.address, [item.uid], folder=folder.imap_name)
        if told:
            self._tell("DeletedEvent", self.item_id(item), folder.number)

    def item_id(self, item: Item) -> Id:
        """Its id; an occurrence goes by its series and the start its pattern gives it."""
        if item.series is not None:
            return Id(OCCURRENCE, self.number, item.series.number, item.original_start)
        return Id(ITEM, self.number, item.number)

    def search_key(self, item: Item) -> bytes:
        """What it keeps when it is moved, and its copies have, too (MS-OXCPRPT, 2.2.1.9): sixteen octets."""
        number = (item.series or item).first or (item.series or item).number
        return hashlib.blake2b(b"%d" % number, digest_size=16, key=b"%d" % self.number, person=b"search key").digest()

    def folder_id(self, folder: Folder) -> Id:
        """Its id."""
        return Id(FOLDER, self.number, folder.number)

    def folder_node(self, number: int, element: str = "t:FolderId") -> Node:
        """The id element of a folder of this mailbox, with its change key."""
        key = change_key(self.folders[number].version)
        return Node(element, attributes={"Id": str(Id(FOLDER, self.number, number)), "ChangeKey": key})

    def expire_states(self) -> None:
        """From now on every sync state handed out before is refused."""
        self.version += 1
        self.oldest_state = self.version

    def take_in(self) -> None:
        """See what came, went or was flagged through IMAP and SMTP since the last look."""
        changes = self._post_office.changes(self.address)
        if changes == self._imap_changes:
            return
        known = {folder.imap_name for folder in self.folders.values() if folder.imap_name}
        for name in self._post_office.folder_names(self.address):
            if name not in known and (root := self.distinguished("msgfolderroot")):
                self.add_folder(root.number, name, "IPF.Note").imap_name = name
        for folder in list(self.folders.values()):
            if folder.imap_name:
                self._take_in_folder(folder)
        self._imap_changes = self._post_office.changes(self.address)

    def _take_in_folder(self, folder: Folder) -> None:
        there = self._post_office.folder(self.address, folder.imap_name)
        if there is None:
            return
        ours: dict[int, Item] = {item.uid: item for item in folder.items.values() if item.uid is not None}
        if folder.imap_seen[0] != there.uid_validity:
            folder.imap_seen = (there.uid_validity, 0)
            for item in ours.values():
                item.uid = None  # their messages have new numbers; as EWS ids cannot follow, they are new items
                self.remove(item)
            ours = {}
        for uid, message in there.messages.items():
            read = SEEN in message.flags
            known = ours.pop(uid, None)
            if known is None:
                self._arrived(folder, message, read=read)
            elif (known.text("IsRead") == "true") != read:
                known.properties["IsRead"] = Node("t:IsRead", flag(read))
                self.touch(known, only_read_flag=True)
        for item in ours.values():
            self.remove(item)

    def _arrived(self, folder: Folder, message: Message, *, read: bool) -> None:
        item = Item(
            number=self.next_number(),
            mailbox=self.number,
            folder=folder.number,
            kind="Message",
            created=message.internal_date,
            modified=message.internal_date,
            properties={"IsRead": Node("t:IsRead", flag(read))},
            raw=message.raw,
            sent=True,
            uid=message.uid,
        )
        self.put(item)
        if folder.distinguished == "inbox":
            self.new_mail(item)

    def new_mail(self, item: Item) -> None:
        """Tell subscribers that it arrived."""
        self._tell("NewMailEvent", self.item_id(item), item.folder)

    def _tell(self, kind: str, id_: Id, folder: int, *, old_id: Id | None = None, old_folder: int = 0) -> None:
        self.told += 1
        self.events.append(
            Event(
                at=self.told,
                kind=kind,
                id=id_,
                folder=folder,
                moment=self.now(),
                old_id=old_id,
                old_folder=old_folder,
            )
        )
