"""Status, completeness and percentage of a task say the same, whichever of them a client sets (page "Task", MS-OXOTASK)."""

from __future__ import annotations

from collections.abc import Sequence

from reconcile.sandbox.ews.node import Node
from reconcile.sandbox.ews.stored import Item
from reconcile.sandbox.ews.times import stamp


def settle(item: Item, touched: Sequence[str]) -> None:
    """Bring the other elements in line with the one that was set last."""
    status = item.text("Status") or "NotStarted"
    percent = float(item.text("PercentComplete") or "0")
    if "Status" in touched:
        percent = 100.0 if status == "Completed" else 0.0 if status == "NotStarted" else min(percent, 99.0)
    elif "PercentComplete" in touched:
        status = "Completed" if percent >= 100 else "NotStarted" if percent == 0 else "InProgress"
    elif "CompleteDate" in touched and item.text("CompleteDate"):
        status, percent = "Completed", 100.0
    complete = status == "Completed"
    _put(item, "Status", status)
    _put(item, "PercentComplete", f"{percent:g}")
    _put(item, "IsComplete", "true" if complete else "false")
    words = {"NotStarted": "Not Started", "InProgress": "In Progress", "WaitingOnOthers": "Waiting on someone else"}
    _put(item, "StatusDescription", words.get(status, status))
    if not complete:
        item.properties.pop("CompleteDate", None)
    elif not item.text("CompleteDate"):
        _put(item, "CompleteDate", stamp(item.modified))


def _put(item: Item, name: str, text: str) -> None:
    item.properties[name] = Node(f"t:{name}", text)
