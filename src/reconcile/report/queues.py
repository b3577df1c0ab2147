"""Queues and how many items they have, as text and JSON."""

from __future__ import annotations

from collections.abc import Sequence

from reconcile.model.queue_item import QueueCount
from reconcile.report.table import table

FORMAT_VERSION = "1.0"


def queues_table(queues: Sequence[QueueCount], *, fit: int | None = None) -> str:
    """One line a queue."""
    rows = [(each.queue.name, each.queue.id, each.items, each.newest.replace("T", " ").removesuffix("Z")) for each in queues]
    return table(("queue", "id", "items", "newest (UTC)"), rows, limits=(40, 40, None, None), fit=fit, empty="no queue has an item")


def queues_json(queues: Sequence[QueueCount]) -> dict[str, object]:
    """Field names are public: they change only with `formatVersion`."""
    return {
        "formatVersion": FORMAT_VERSION,
        "queues": [{"queue": each.queue.id, "name": each.queue.name, "items": each.items, "newest": each.newest} for each in queues],
    }
