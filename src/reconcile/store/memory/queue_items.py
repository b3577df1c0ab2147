"""Items of queues in memory: the twin of the SQLite ones, for tests."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import field

from reconcile.lazy_dataclass import dataclass
from reconcile.model.queue_item import NewQueueItem, QueueCount, QueueItem


@dataclass(slots=True)
class MemoryQueueItems:
    """See `QueueItemReader`."""

    kept: list[QueueItem] = field(default_factory=list)

    def add(self, activity_id: int, items: Iterable[NewQueueItem], at: str) -> int:
        """How many were new."""
        before = len(self.kept)
        for item in items:
            if not any((each.activity_id, each.queue.id) == (activity_id, item.queue.id) for each in self.kept):
                self.kept.append(QueueItem(id=len(self.kept) + 1, activity_id=activity_id, queue=item.queue, why=item.why, at=at))
        return len(self.kept) - before

    def of_activities(self, activity_ids: Collection[int]) -> Mapping[int, Sequence[QueueItem]]:
        found: dict[int, list[QueueItem]] = {}
        for item in self.kept:
            if item.activity_id in activity_ids:
                found.setdefault(item.activity_id, []).append(item)
        return found

    def items(self, *, queue: str = "", before: int | None = None, limit: int = 0) -> Sequence[QueueItem]:
        wanted = {item.queue.id for item in self.kept if queue in (item.queue.id, item.queue.name)}
        found = [item for item in reversed(self.kept) if (not queue or item.queue.id in wanted) and (before is None or item.id < before)]
        return found[:limit] if limit else found

    def queues(self) -> Sequence[QueueCount]:
        newest = {item.queue.id: item for item in self.kept}
        found = [
            QueueCount(queue=last.queue, items=sum(item.queue.id == id_ for item in self.kept), newest=last.at)
            for id_, last in newest.items()
        ]
        return sorted(found, key=lambda each: (each.queue.name, each.queue.id))
