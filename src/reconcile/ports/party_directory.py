"""The directory of parties: who stands behind an address."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from reconcile.model.party import PartyRef, PartyRow


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectoryImport:
    """What an import changed, in rows."""

    added: int
    changed: int
    unchanged: int
    removed: int


class PartyReader(Protocol):
    """A missing store reads as empty."""

    def by_address(self, addresses: Collection[str]) -> Mapping[str, Sequence[PartyRow]]:
        """The rows of each address that has some, active and inactive, in order of (type, id). Addresses are normalized as
        `model.mail_address` compares them. At most some hundred are asked for at a time."""
        ...

    def party(self, ref: PartyRef) -> PartyRow | None: ...

    def count(self) -> Mapping[str, int]:
        """Rows by type."""
        ...


class PartyStore(PartyReader, Protocol):
    """Writing."""

    def take_in(self, parties: Iterable[PartyRow], *, removed: Iterable[PartyRef] = (), whole: bool, at: str) -> DirectoryImport:
        """Import in one transaction; the same rows again change nothing. With `whole` every row that is not given is removed;
        otherwise only those in `removed`. Durable when it returns. `at` is UTC RFC 3339."""
        ...
