"""Edits of tracked e-mail."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from reconcile.model.activity_edit import Edit, EditOutcome


class EditStore(Protocol):
    """Writes what is set on activities, with a version each, and the keys under which edits were taken in."""

    def edit(self, edits: Sequence[Edit], *, at: datetime, by: str) -> Sequence[EditOutcome]:
        """Decide (model/activity_edit.py) and write each edit, in the order given, in one transaction; durable when it returns.

        One that is refused takes nothing else with it. An edit whose key was taken in before changes nothing.
        """
        ...
