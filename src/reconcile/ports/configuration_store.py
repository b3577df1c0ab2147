"""What apply must not forget: inventory, journal, audit trail, lock. One store per environment."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import field
from enum import StrEnum
from typing import Protocol

from reconcile.lazy_dataclass import dataclass
from reconcile.model.audit_chain import Anchor, Verified
from reconcile.model.audit_record import EVERY_RECORD, AuditQuery, AuditRecord
from reconcile.model.inventory import InventoryEntry
from reconcile.model.key import Key


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """About to change somebody else's system. `token` is minted before; `change` is its JSON form; `secrets` are the keyed digests of
    the values handed over, by path. A finished one leaves the journal; what became of it is in the audit trail."""

    token: str
    apply_id: str
    sequence: int
    key: Key
    action: str
    change: str
    opened_at: str
    source: str
    revision: str
    secrets: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """What closes an intent: the entry to put and/or the key to drop, and the audit record. Both None: it had no effect.
    An empty `token` closes nothing: what became of the change is not known yet, and the next run asks the target.

    `removed` is dropped only while its entry still names `entry`'s external id (or there is no `entry`), so that a slug that
    was taken over by another row in between keeps its own entry.
    """

    token: str
    audit: AuditRecord
    entry: InventoryEntry | None = None
    removed: Key | None = None


class LockState(StrEnum):
    """How a holder of the lock is doing."""

    WORKING = "working"  # renewed within its lease
    OVERDUE = "overdue"  # its process is there, but did not renew in time: the next one takes over
    DEAD = "dead"  # its process is gone: the next one takes over at once


@dataclass(frozen=True, slots=True, kw_only=True)
class LockHolder:
    """Who holds the lock, as shown to people. Instants are UTC RFC 3339; `until` is when the lease ends unless it is renewed.

    `fence` rises with every holder."""

    owner: str
    purpose: str
    host: str
    process: int
    since: str
    until: str
    fence: int
    state: LockState


class Inventory(Protocol):
    """Reading what is ours. A missing store reads as empty."""

    def entries(self) -> Mapping[Key, InventoryEntry]: ...

    def history(self, *, limit: int | None, query: AuditQuery = EVERY_RECORD) -> Sequence[AuditRecord]:
        """Newest first, at most `limit` of those asked for."""
        ...

    def trail(self) -> Iterator[AuditRecord]:
        """The whole audit trail, oldest first, in one consistent reading."""
        ...

    def anchor(self) -> Anchor | None:
        """Where the hash chain of the trail ends; None before its first link."""
        ...

    def verified(self, *, expected: str = "") -> Verified:
        """The chain computed anew over the whole trail, in one consistent reading; `expected` is a hash that was kept elsewhere."""
        ...


class ApplyStore(Inventory, Protocol):
    """Everything an apply writes."""

    def lock(self, *, owner: str, purpose: str, patience: float) -> AbstractContextManager[None]:
        """Held for the whole apply, renewed meanwhile, and given up with the process however that ends.

        Raises Locked with the holder's words after `patience` seconds. A holder that was stopped for longer than its lease is
        overtaken. From then on, and after `break_lock`, every write of the overtaken one to this store (and to the `engine` target,
        which lies in the same database) raises Locked and changes nothing: the fence is compared in the same transaction. A target
        elsewhere knows nothing of the fence: there only the version each change was made from stands against a late write, and the
        journal tells afterwards what was under way.
        """
        ...

    def holder(self) -> LockHolder | None:
        """Who holds the lock now."""
        ...

    def break_lock(self, *, actor: str, reason: str) -> LockHolder | None:
        """Take the lock away from whoever holds it, and record that in the audit trail. Returns who it was, None when it was free."""
        ...

    def open_intents(self) -> Sequence[Intent]:
        """Intents a crash left open, oldest first."""
        ...

    def begin(self, intents: Sequence[Intent]) -> None:
        """Durable when it returns, all or none."""
        ...

    def finish(self, results: Sequence[Finished]) -> None:
        """In one transaction, for each: intent closed, inventory changed, audit record appended (with its number and hash)."""
        ...
