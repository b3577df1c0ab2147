"""What is to be purged for good, and how much that is."""

from __future__ import annotations

from reconcile.lazy_dataclass import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class PurgeSelection:
    """Tracked mail received before `before` (UTC RFC 3339, to the second) and/or held by `mailbox_id`, or one `activity_id`; outgoing
    mail that was settled before `settled_before` and/or is of `mailbox_id`, or one `outgoing_id`; appointments, contacts and tasks that
    were over before `items_before`, or that belong to `mailbox_id`, or one `item_id`. None does not narrow; at least one is given. `mail`,
    `outgoing` and `items` say which of them is meant."""

    before: str | None = None
    settled_before: str | None = None
    items_before: str | None = None
    mailbox_id: str | None = None
    activity_id: int | None = None
    outgoing_id: int | None = None
    item_id: int | None = None
    mail: bool = True
    outgoing: bool = True
    items: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Purged:
    """Mails and their octets. `released` mails stay, because another mailbox holds them, too. `items` are appointments, contacts and tasks;
    `items_kept` are those of the mailbox that stay, because somebody else owns them or another mailbox has them, too."""

    mails: int = 0
    octets: int = 0
    released: int = 0
    outgoing: int = 0
    outgoing_octets: int = 0
    items: int = 0
    items_kept: int = 0

    @property
    def nothing(self) -> bool:
        """Whether there is nothing left to do."""
        return not (self.mails or self.released or self.outgoing or self.items)

    def __add__(self, other: Purged) -> Purged:
        return Purged(
            mails=self.mails + other.mails,
            octets=self.octets + other.octets,
            released=self.released + other.released,
            outgoing=self.outgoing + other.outgoing,
            outgoing_octets=self.outgoing_octets + other.outgoing_octets,
            items=self.items + other.items,
            items_kept=max(self.items_kept, other.items_kept),
        )

    def detail(self) -> dict[str, object]:
        """Counts as plain values, for audit trail and programs."""
        return {
            "mails": self.mails,
            "bytes": self.octets,
            "released": self.released,
            "outgoing": self.outgoing,
            "outgoingBytes": self.outgoing_octets,
            "items": self.items,
            "itemsKept": self.items_kept,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Erased:
    """Packs rewritten and octets taken off the disk. `waiting` packs are being written by somebody and keep theirs for now."""

    packs: int = 0
    octets: int = 0
    waiting: int = 0
