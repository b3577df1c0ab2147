"""Elements of an appointment that follow from others."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from reconcile.sandbox.ews.mailbox import Mailbox
from reconcile.sandbox.ews.node import Node, flag
from reconcile.sandbox.ews.stored import Item
from reconcile.sandbox.ews.times import moment


def is_meeting(item: Item) -> bool:
    """Whether somebody was, or is to be, invited."""
    return any(item.properties.get(name, Node("")).children for name in ("RequiredAttendees", "OptionalAttendees", "Resources"))


def _duration(_mailbox: Mailbox, item: Item) -> Node | None:
    if not item.text("Start") or not item.text("End"):
        return None
    seconds = int((moment(item.text("End")) - moment(item.text("Start"))).total_seconds())
    days, rest = divmod(max(seconds, 0), 86400)
    hours, minutes = divmod(rest // 60, 60)
    text = "P" + (f"{days}D" if days else "")
    clock = (f"{hours}H" if hours else "") + (f"{minutes}M" if minutes else "")
    return Node("t:Duration", f"{text}T{clock}" if clock else (text if days else "PT0S"))


def _kind(_mailbox: Mailbox, item: Item) -> Node:
    return Node("t:CalendarItemType", item.text("CalendarItemType") or ("RecurringMaster" if "Recurrence" in item.properties else "Single"))


CALENDAR_VALUES: Final[Mapping[str, Callable[[Mailbox, Item], Node | None]]] = {
    "Duration": _duration,
    "IsMeeting": lambda _, item: Node("t:IsMeeting", flag(is_meeting(item))),
    "IsRecurring": lambda _, item: Node("t:IsRecurring", flag("Recurrence" in item.properties)),
    "CalendarItemType": _kind,
}
