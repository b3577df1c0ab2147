"""Credentials as applied: sealed in the store, opened when a connection needs them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Final

from reconcile.model.secret import Secret
from reconcile.ports.credentials import SealedValues, Sealer

#: Where more than so many are asked for within a second, all are read at once, and what was read counts for a second. Reading one costs as
#: much as so many of all: where there are ten thousand and few hundred a second are asked for, they are read one by one.
_SINGLE: Final = 20
_OF_ALL: Final = 8
_SECONDS: Final = 1.0


class StoredCredentials:
    """Implements Credentials. `sealer` is called at the first value, so that a run without any needs no key. For several threads."""

    def __init__(self, values: SealedValues, sealer: Callable[[], Sealer], *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._values = values
        self._open_sealer = sealer
        self._monotonic = monotonic
        self._second = 0.0
        self._asked = 0
        self._number = 0
        self._reading = threading.Lock()
        #: Until when it counts, and what is sealed.
        self._read: tuple[float, Mapping[tuple[str, str], bytes]] = (0.0, {})

    @cached_property
    def _sealer(self) -> Sealer:
        return self._open_sealer()

    def credential(self, external_id: str, path: str) -> Secret | None:
        sealed = self._sealed(external_id, path)
        return None if sealed is None else self._sealer.open(sealed, identity=f"{external_id}/{path}")

    def _sealed(self, external_id: str, path: str) -> bytes | None:
        now = self._monotonic()
        until, values = self._read
        if now < until:
            return values.get((external_id, path))
        if now - self._second >= _SECONDS:
            # Nothing sealed is held longer than it is of use.
            self._second, self._asked, self._read = now, 0, (0.0, {})
        self._asked += 1
        # One reads for all who ask meanwhile.
        if self._asked <= max(_SINGLE, self._number // _OF_ALL) or not self._reading.acquire(blocking=False):
            return self._values.sealed_value(external_id, path)
        try:
            values = self._values.sealed_values()
            self._number, self._read = len(values), (now + _SECONDS, values)
        finally:
            self._reading.release()
        return values.get((external_id, path))
