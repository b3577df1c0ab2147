"""What a mailbox of the sandbox's Exchange is made of: folders, items, attachments."""

from __future__ import annotations

from dataclasses import field
from datetime import datetime
from functools import cached_property

from reconcile.lazy_dataclass import dataclass
from reconcile.sandbox.ews.extended import ExtendedKey
from reconcile.sandbox.ews.mime_view import MimeView
from reconcile.sandbox.ews.node import Node


@dataclass(slots=True, kw_only=True)
class Attachment:
    """A file (`content`) or an item (`item`) attached to an item; `properties` are the small elements by name."""

    number: int
    name: str
    content: bytes | None = None
    content_type: str = "application/octet-stream"
    content_id: str = ""
    inline: bool = False
    item: Item | None = None
    modified: datetime


@dataclass(kw_only=True)
class Item:
    """`kind` is the schema's element without prefix. `properties` are elements by name, as a client set them; what they say goes
    before what `raw` (the MIME it came as) says. `created` and `modified` are aware; `seen_at` counts versions of the mailbox:
    of its birth in this folder, and of its last change."""

    number: int
    mailbox: int
    folder: int
    kind: str
    #: The number that it had first, of all that were moved or copied from it: what its search key says. 0: its own.
    first: int = 0
    created: datetime
    modified: datetime
    properties: dict[str, Node] = field(default_factory=dict)
    extended: dict[ExtendedKey, Node] = field(default_factory=dict)
    attachments: list[Attachment] = field(default_factory=list)
    raw: bytes | None = None
    version: int = 1
    born_at: int = 0
    only_read_flag_since: int = 0
    associated: bool = False
    draft: bool = False
    sent: bool = False
    uid: int | None = None
    #: Element (or other path) -> version at which UpdateItem last touched it.
    field_versions: dict[str, int] = field(default_factory=dict)
    mime_attachments_read: bool = False
    #: Of a series: start of the occurrence in seconds since 1970 -> its own item, or None when it was deleted.
    exceptions: dict[int, Item | None] = field(default_factory=dict)
    #: Of an occurrence: its series, and the start (seconds since 1970) that the pattern gives it.
    series: Item | None = None
    original_start: int = 0
    #: XML written before, by shape and version.
    written: dict[object, str] = field(default_factory=dict)

    @cached_property
    def mime(self) -> MimeView | None:
        """What the MIME says; None where there is none."""
        return None if self.raw is None else MimeView(self.raw)

    def replace_raw(self, raw: bytes | None) -> None:
        """Set the MIME, forgetting what the former said."""
        self.raw = raw
        self.__dict__.pop("mime", None)

    def text(self, name: str) -> str:
        """The text a client set for an element, or "" ."""
        found = self.properties.get(name)
        return "" if found is None else found.text


@dataclass(slots=True, kw_only=True)
class Folder:
    """`log` holds the version of the mailbox at which each item changed last, oldest first; `gone` likewise for items that left."""

    number: int
    mailbox: int
    parent: int | None
    name: str
    folder_class: str
    distinguished: str = ""
    imap_name: str = ""
    version: int = 1
    born_at: int = 0
    extended: dict[ExtendedKey, Node] = field(default_factory=dict)
    properties: dict[str, Node] = field(default_factory=dict)
    items: dict[int, Item] = field(default_factory=dict)
    log: dict[int, int] = field(default_factory=dict)
    gone: dict[int, tuple[int, int]] = field(default_factory=dict)
    imap_seen: tuple[int, int] = (0, 0)
