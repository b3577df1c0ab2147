"""Credentials as applied: sealed in the store, opened when a connection needs them."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

from reconcile.model.secret import Secret
from reconcile.ports.credentials import SealedValues, Sealer


class StoredCredentials:
    """Implements Credentials. `sealer` is called at the first value, so that a run without any needs no key."""

    def __init__(self, values: SealedValues, sealer: Callable[[], Sealer]) -> None:
        self._values = values
        self._open_sealer = sealer

    @cached_property
    def _sealer(self) -> Sealer:
        return self._open_sealer()

    def credential(self, external_id: str, path: str) -> Secret | None:
        sealed = self._values.sealed_value(external_id, path)
        return None if sealed is None else self._sealer.open(sealed, identity=f"{external_id}/{path}")
