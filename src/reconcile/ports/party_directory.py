"""The directory of parties: who stands behind an address."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from reconcile.model.party import PartyRef, PartyRow


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectoryImport:
    """What an import changed, in rows. `superseded` are contacts made from mail whose address an imported row has now."""

    added: int
    changed: int
    unchanged: int
    removed: int
    superseded: int = 0


class TooManyRemovals(Exception):
    """`take_in` would have removed `removals` of `rows` imported rows, more than it was allowed to; nothing was changed."""

    def __init__(self, removals: int, rows: int) -> None:
        super().__init__(f"{removals} of {rows}")
        self.removals = removals
        self.rows = rows


class PartyReader(Protocol):
    """A missing store reads as empty."""

    def by_address(self, addresses: Collection[str]) -> Mapping[str, Sequence[PartyRow]]:
        """The rows of each address that has some, active and inactive, in order of (type, id). Addresses are compared as
        `model.mail_address.comparable` writes them, and the keys are as they were asked for. At most some hundred are asked for at a
        time."""
        ...

    def party(self, ref: PartyRef) -> PartyRow | None: ...

    def parties(
        self, *, of_type: str = "", origin: str | None = None, after: tuple[str, str] | None = None, limit: int = 0
    ) -> Sequence[PartyRow]:
        """In order of (type, id), behind `after`; `limit` 0 means all."""
        ...

    def count(self) -> Mapping[str, int]:
        """Rows by type."""
        ...


class PartyStore(PartyReader, Protocol):
    """Writing."""

    def take_in(
        self, parties: Iterable[PartyRow], *, removed: Iterable[PartyRef] = (), whole: bool, at: str, most_removals: int | None = None
    ) -> DirectoryImport:
        """Import in one transaction; the same rows again change nothing. With `whole` every imported row that is not given is removed;
        otherwise only those in `removed`. Rows made from mail stay until an imported row has their address. Durable when it returns.
        `at` is UTC RFC 3339.

        Both are read to their end before anything is written, so what they raise leaves everything as it was (`removed` after
        `parties`). No (type, id) comes twice. Raises TooManyRemovals when a `whole` import would remove more than `most_removals`
        (None: no limit).
        """
        ...

    def add_from_mail(self, contacts: Iterable[PartyRow], *, at: str) -> int:
        """Contacts for unknown senders, unless a row with that (type, id) is there; how many were new."""
        ...
