"""Occurrences of a series."""

from __future__ import annotations

from datetime import datetime

from reconcile.sandbox.ews.mailbox import Mailbox
from reconcile.sandbox.ews.response_codes import EwsError
from reconcile.sandbox.ews.stored import Folder, Item


def occurrence(mailbox: Mailbox, master: Item, index: int) -> Item:
    """The occurrence of that number, 1 the first. Raises EwsError."""
    raise EwsError("ErrorCalendarOccurrenceIndexIsOutOfRecurrenceRange")


def occurrence_at(mailbox: Mailbox, master: Item, start: int) -> Item:
    """The occurrence that by its pattern starts then. Raises EwsError."""
    raise EwsError("ErrorItemNotFound")


def view(mailbox: Mailbox, folder: Folder, start: datetime, end: datetime) -> list[Item]:
    """Single appointments and occurrences that overlap [start, end), by start."""
    return []


def keep_exception(mailbox: Mailbox, item: Item) -> None:
    """An occurrence that was changed on its own is an exception of its series from now on."""


def drop_occurrence(mailbox: Mailbox, item: Item) -> None:
    """That occurrence does not take place."""
