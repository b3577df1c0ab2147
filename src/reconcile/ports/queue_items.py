"""Items of queues: which tracked e-mail waits in which queue. They are written with the e-mail they are about (see `Receiving.commit`)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from reconcile.model.queue_item import QueueCount, QueueItem


class QueueItemReader(Protocol):
    """A missing store reads as empty. An item goes with its e-mail."""

    def of_activities(self, activity_ids: Collection[int]) -> Mapping[int, Sequence[QueueItem]]:
        """Of those that have some, in the order in which they were made. At most some hundred are asked for at a time."""
        ...

    def items(self, *, queue: str = "", before: int | None = None, limit: int = 0) -> Sequence[QueueItem]:
        """Newest first. `queue` is an id or a name ("" for all), `before` the id of an item behind which the list goes on, `limit` 0 means
        all."""
        ...

    def queues(self) -> Sequence[QueueCount]:
        """Each queue that has items, by name and id."""
        ...
