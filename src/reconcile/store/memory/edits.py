"""Edits in memory: the twin of the SQLite ones, for tests."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import datetime

from reconcile.model import instant
from reconcile.model.activity_edit import Edit, Edited, EditOutcome, KeyTaken, decided
from reconcile.model.feed import FeedAction, FeedKind
from reconcile.store.memory.mail import MemoryMailStore


class MemoryEdits:
    """See `EditStore`."""

    def __init__(self, mail: MemoryMailStore) -> None:
        self._mail = mail
        self._guard = threading.Lock()
        self._keys: dict[str, KeyTaken] = {}

    def edit(self, edits: Sequence[Edit], *, at: datetime, by: str) -> Sequence[EditOutcome]:
        with self._guard:
            return [self._edit(each, instant.text(at), by) for each in edits]

    def _edit(self, edit: Edit, at: str, by: str) -> EditOutcome:
        activity = self._mail.activity(edit.activity_id)
        taken = self._keys.get(edit.client_key) if edit.client_key else None
        outcome, after = decided(edit, activity.details if activity else None, taken, at=at, by=by)
        if after is not None:
            self._mail.details[edit.activity_id] = after
            self._mail.log.append(FeedKind.EMAIL, FeedAction.EDITED, edit.activity_id, at)
        if edit.client_key and isinstance(outcome, Edited):
            self._keys.setdefault(edit.client_key, KeyTaken(request=edit.request, activity_id=edit.activity_id, version=outcome.version))
        return outcome
