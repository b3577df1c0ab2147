"""The directory of parties: who stands behind an address."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Protocol

from reconcile.model.party import PartyRef, PartyRow
from reconcile.model.party_import import DirectoryImport


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
        `model.mail_address.comparable` writes them, and the keys are as they were asked for. Of more than `MOST_ROWS` rows of one address
        one more than that is given, to tell. At most some hundred addresses are asked for at a time."""
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
        self,
        parties: Iterable[PartyRow],
        *,
        removed: Iterable[PartyRef] = (),
        whole: Callable[[], bool],
        at: str,
        most_removals: Callable[[int], int] | None = None,
    ) -> DirectoryImport:
        """Import in one transaction; the same rows again change nothing. A `whole` import removes every imported row that is not given,
        others only those in `removed`. Rows made from mail stay until an imported row has their address. Durable when it returns.
        `at` is UTC RFC 3339.

        `parties` and then `removed` are read to their end, and `whole` is asked after that, before anything is written: what they raise
        leaves everything as it was. No (type, id) comes twice. `most_removals` says for a number of imported rows how many of them a
        whole import may remove (None: any number). Raises TooManyRemovals beyond that.
        """
        ...

    def add_from_mail(self, contacts: Iterable[PartyRow], *, at: str) -> int:
        """Contacts for unknown senders, unless a row with that (type, id) is there; how many were new."""
        ...
