"""Rows of the engine target in memory: the twin of the SQLite one, for tests."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from reconcile.model.observation import Present
from reconcile.ports.resource_store import ResourceTransaction, StoredResource
from reconcile.ports.target import AppliedResource

T = TypeVar("T")


class MemoryResources:
    """Implements ResourceStore, AppliedState and SealedValues."""

    def __init__(self) -> None:
        self._rows: dict[str, StoredResource] = {}
        self._sealed: dict[tuple[str, str], bytes] = {}
        self._guard = threading.Lock()

    def stored(self) -> Sequence[StoredResource]:
        return sorted(self._rows.values(), key=lambda row: (row.kind, row.name))

    def shown(self) -> Sequence[Present]:
        return [
            Present(kind=row.kind, external_id=row.external_id, spec=row.spec, version=row.version, name=row.name) for row in self.stored()
        ]

    def stored_of(self, kind: str) -> Sequence[StoredResource]:
        return [row for row in self.stored() if row.kind == kind]

    def resources(self) -> Sequence[AppliedResource]:
        return [
            AppliedResource(
                kind=row.kind, name=row.name, external_id=row.external_id, spec=row.spec, origins=row.origins, written=row.token
            )
            for row in self.stored()
        ]

    def sealed_value(self, external_id: str, path: str) -> bytes | None:
        return self._sealed.get((external_id, path))

    def sealed_values(self) -> Mapping[tuple[str, str], bytes]:
        return dict(self._sealed)

    def transact(self, work: Callable[[ResourceTransaction], T]) -> T:
        with self._guard:
            transaction = _Transaction(dict(self._rows), dict(self._sealed))
            result = work(transaction)
            self._rows, self._sealed = transaction.rows, transaction.sealed
            return result


class _Transaction:
    def __init__(self, rows: dict[str, StoredResource], sealed: dict[tuple[str, str], bytes]) -> None:
        self.rows = rows
        self.sealed = sealed

    def get(self, external_id: str) -> StoredResource | None:
        return self.rows.get(external_id)

    def named(self, kind: str, name: str) -> StoredResource | None:
        return next((row for row in self.rows.values() if row.kind == kind and row.name == name), None)

    def put(self, row: StoredResource) -> None:
        self.rows[row.external_id] = row

    def remove(self, external_id: str) -> None:
        self.rows.pop(external_id, None)
        self.sealed = {place: value for place, value in self.sealed.items() if place[0] != external_id}

    def seal(self, external_id: str, path: str, value: bytes | None) -> None:
        if value is None:
            self.sealed.pop((external_id, path), None)
        else:
            self.sealed[external_id, path] = value
