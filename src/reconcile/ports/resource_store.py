"""Rows of the `engine` target: what it stores, apart from how."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from typing import Protocol, TypeVar

from reconcile.lazy_dataclass import dataclass
from reconcile.model.canonical import Spec
from reconcile.model.observation import Present

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredResource:
    """One applied resource. `version` is `canonical.digest(spec)`, `token` the write that last changed it, `origins` maps paths
    to file:line."""

    external_id: str
    kind: str
    name: str
    spec: Spec
    version: str
    token: str
    origins: Mapping[str, str] = field(default_factory=dict)


class ResourceReader(Protocol):
    """Read-only; a missing store reads as empty and is not made."""

    def shown(self) -> Sequence[Present]:
        """All of them as a target shows them, in one consistent reading, ordered by kind and name.

        Raises ReconcileError when the store cannot be read.
        """
        ...

    def stored_of(self, kind: str) -> Sequence[StoredResource]:
        """Those of one kind as they are kept, without `origins`. Raises as `shown`."""
        ...


class ResourceTransaction(Protocol):
    """Inside one transaction: what is read here cannot move before it is committed."""

    def get(self, external_id: str) -> StoredResource | None: ...

    def named(self, kind: str, name: str) -> StoredResource | None: ...

    def put(self, row: StoredResource) -> None: ...

    def remove(self, external_id: str) -> None:
        """With its sealed values."""
        ...

    def seal(self, external_id: str, path: str, value: bytes | None) -> None:
        """Keep a sealed value, or drop it (None)."""
        ...


class ResourceStore(ResourceReader, Protocol):
    """The writing half."""

    def transact(self, work: Callable[[ResourceTransaction], T]) -> T:
        """Run `work` in one transaction; durable when it returns, undone when it raises."""
        ...
