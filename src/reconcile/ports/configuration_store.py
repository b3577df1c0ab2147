"""What apply must not forget: inventory, journal, audit trail, lock. One store per environment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Protocol

from reconcile.model.inventory import InventoryEntry
from reconcile.model.key import Key


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """About to change somebody else's system. `token` is minted before; `state` is open or done; `change` is its JSON form."""

    token: str
    apply_id: str
    sequence: int
    key: Key
    action: str
    change: str
    state: str
    opened_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRecord:
    """Append-only: who did what, when, why, with what result. `detail` is JSON without any secret."""

    sequence: int
    at: str
    actor: str
    apply_id: str
    action: str
    key: str
    result: str
    source: str
    revision: str
    detail: str


class Inventory(Protocol):
    """Reading what is ours."""

    def entries(self) -> Mapping[Key, InventoryEntry]: ...


class ApplyStore(Inventory, Protocol):
    """Everything an apply writes."""

    def lock(self, *, owner: str, purpose: str, patience: float) -> AbstractContextManager[None]:
        """Held for the whole apply; dies with the process. Raises Locked with the holder's words after `patience` seconds."""
        ...

    def open_intents(self) -> Sequence[Intent]:
        """Intents a crash left open, oldest first."""
        ...

    def begin(self, intent: Intent) -> None:
        """Durable when it returns."""
        ...

    def finish(self, token: str, *, entry: InventoryEntry | None, removed: Key | None, audit: AuditRecord) -> None:
        """In one transaction: intent done, inventory entry put (and/or the removed key dropped), audit record appended."""
        ...

    def abandon(self, token: str, *, audit: AuditRecord) -> None:
        """The intent had no effect (refused, precondition failed)."""
        ...

    def history(self, *, limit: int) -> Sequence[AuditRecord]:
        """Newest first."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class LockHolder:
    """Who holds the lock, as shown to people."""

    owner: str
    purpose: str
    since: str
    process: int
    detail: Mapping[str, str] = field(default_factory=dict)
