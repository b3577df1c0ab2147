"""The brake on deletions of appointments, contacts and tasks: how many would go at once, and what somebody let go."""

from __future__ import annotations

from reconcile.lazy_dataclass import dataclass

#: Its name, beside those of plans (`plan/brakes.py`).
ITEM_DELETIONS = "item-deletions"
STOPS = "more deletions of appointments, contacts or tasks in one look than max(10, 10 % of those that a mailbox is linked with)"


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemLimit:
    """At most the larger of `count` and `percent` of what is linked, set at `knob`."""

    count: int = 10
    percent: int = 10
    knob: str = "spec.brakes.itemDeletions of the Environment"

    def of(self, whole: int) -> int:
        """How many of `whole` may go at once."""
        return max(self.count, whole * self.percent // 100)


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemBrake:
    """It stands since `since` (UTC RFC 3339). Of `of` items that are linked, `here` records and `there` items in the mailbox would be
    deleted and `parted` pairs would never come together by themselves again; at most `limit` at a time. `other_folder`: the mailbox behind
    the address is another one than before, so that nothing of it is believed; `folder` is what its server calls it."""

    since: str
    here: int = 0
    there: int = 0
    parted: int = 0
    of: int
    limit: int
    knob: str = ""
    other_folder: bool = False
    folder: str = ""

    @property
    def count(self) -> int:
        """How many go when somebody releases it: the number to be named."""
        return self.here + self.there + self.parted
