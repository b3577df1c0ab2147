"""Sealed values as a whole: to count them by key, and to seal them anew."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from reconcile.lazy_dataclass import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedRecord:
    """One sealed value of the row `kind`/`name`. `reference` is where its value came from and `digest` the keyed digest of the value,
    both as the inventory has them ("" where it has none)."""

    external_id: str
    path: str
    value: bytes
    kind: str
    name: str
    reference: str = ""
    digest: str = ""

    @property
    def identity(self) -> str:
        """What it was sealed for (see `Sealer.seal`)."""
        return f"{self.external_id}/{self.path}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reseal:
    """The same value sealed anew, and its digest under the new key (as before where it is not known)."""

    before: SealedRecord
    value: bytes
    digest: str


class SealedRecords(Protocol):
    """All sealed values of one environment."""

    def records(self) -> Iterator[SealedRecord]:
        """Page by page, so that nobody waits for the reading; what is written meanwhile may or may not be among them."""
        ...

    def reseal(self, changes: Sequence[Reseal]) -> int:
        """In one transaction, each only where the value is still the one that was read. Answers how many were."""
        ...
