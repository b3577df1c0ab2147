"""What ties a record of ours to an item in one mailbox, and the state in which both last agreed."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from reconcile.lazy_dataclass import dataclass
from reconcile.model.item import Item
from reconcile.model.remote_id import RemoteId

#: Why a pair is parted begins so where the item went, and where nobody knows.
DELETED_THERE: Final = "deleted in the mailbox"
NOWHERE: Final = "it is in no folder and not among what was deleted"


class LinkState(StrEnum):
    """How a record and a mailbox stand to each other."""

    NONE = "none"  # nothing ties them
    LINKED = "linked"
    LEFT = "left"  # circumstances parted them (a filter, another folder), and bring them together again
    PARTED = "parted"  # somebody parted them, and only somebody brings them together again


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreed:
    """What each side looked like when nothing was left to be carried over. Mailboxes do not keep everything as it was given to them, so
    each side is compared with its own past, never with the other's present."""

    ours: Item
    theirs: Item


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """`token` is what the item was created with, or would have been. `version` is the item's, `record_version` the record's as last looked
    at (-1: it was gone, 0: something of it is still to be carried over). `made_here`: the item was created by us. `in_scope`: a filter
    wanted the record then; `categorised`: the item bore our category. `organized_here`: this mailbox is the meeting's organizer. `why`
    says what parted them, or holds them up. `departed`: the item was deleted in the mailbox, and what follows is still to be done.
    `trace` is what the server knows the item by in whatever folder it lies, "" for nothing. `anew`: somebody wants another item made
    where this one was deleted.
    """

    mailbox_id: str
    record_id: int
    state: LinkState
    token: str
    remote_id: RemoteId
    version: str
    record_version: int
    agreed: Agreed
    made_here: bool = False
    in_scope: bool = False
    categorised: bool = False
    organized_here: bool = True
    why: str = ""
    departed: bool = False
    trace: str = ""
    anew: bool = False
