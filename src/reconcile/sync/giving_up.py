"""After ten counted failures in a row a direction of a mailbox is disabled, until a person enables it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TypeAlias

from reconcile.model.enablement import Direction, Disable
from reconcile.ports.enablement_store import EnablementStore
from reconcile.sync.decide.failures import words_of_giving_up

#: Takes mailbox id, its name, the direction, the last error, its hint, and the time.
GiveUp: TypeAlias = Callable[[str, str, Direction, str, str, datetime], None]


def giving_up(store: EnablementStore) -> GiveUp:
    """Writes it to `store`, durable and in the audit trail."""

    def give_up(mailbox_id: str, name: str, direction: Direction, error: str, hint: str, now: datetime) -> None:
        step = Disable(direction=direction, why=words_of_giving_up(error), hint=hint, by_failures=True)
        store.advance(mailbox_id, step, at=now, by="reconcile", name=name)

    return give_up
