"""Reading the change feed. Stores write it themselves, in the transaction of each change."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

from reconcile.model.feed import FeedCursor, FeedKind, FeedPage


class FeedReader(Protocol):
    """A missing store reads as empty.

    Entries are numbered without gaps in the order in which changes became visible: whoever read up to a cursor never meets a change
    in front of it later, however many processes write.
    """

    def beginning(self) -> FeedCursor:
        """The place before the first change of this history."""
        ...

    def page(self, after: FeedCursor, *, limit: int, kinds: Collection[FeedKind]) -> FeedPage:
        """At most `limit` entries of these kinds behind `after`, with their rows, all of one moment.

        Raises CursorInvalid when the cursor is not of this store's history.
        """
        ...
