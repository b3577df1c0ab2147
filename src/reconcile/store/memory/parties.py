"""The directory of parties in memory: the twin of the SQLite one, for tests."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from reconcile.model.mail_address import comparable
from reconcile.model.party import MADE_FROM_MAIL, MOST_ROWS, PartyRef, PartyRow
from reconcile.model.party_import import DirectoryImport
from reconcile.ports.party_directory import TooManyRemovals

_Key = tuple[str, str]


class MemoryParties:
    """See `PartyStore`."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._rows: dict[_Key, PartyRow] = {}

    def by_address(self, addresses: Collection[str]) -> Mapping[str, Sequence[PartyRow]]:
        with self._guard:
            everyone = sorted(self._rows.items())
        found = {address: [row for _, row in everyone if comparable(address) in row.addresses] for address in addresses}
        return {address: rows[: MOST_ROWS + 1] for address, rows in found.items() if rows}

    def party(self, ref: PartyRef) -> PartyRow | None:
        with self._guard:
            return self._rows.get(_key(ref))

    def parties(
        self, *, of_type: str = "", origin: str | None = None, after: tuple[str, str] | None = None, limit: int = 0
    ) -> Sequence[PartyRow]:
        with self._guard:
            everyone = sorted(self._rows.items())
        found = [
            row
            for key, row in everyone
            if of_type in ("", key[0]) and (origin is None or row.origin == origin) and (after is None or key > after)
        ]
        return found[:limit] if limit else found

    def count(self) -> Mapping[str, int]:
        with self._guard:
            types = sorted(type_ for type_, _ in self._rows)
        return {type_: types.count(type_) for type_ in types}

    def take_in(
        self,
        parties: Iterable[PartyRow],
        *,
        removed: Iterable[PartyRef] = (),
        whole: Callable[[], bool],
        at: str,
        most_removals: Callable[[int], int] | None = None,
    ) -> DirectoryImport:
        given = {_key(row.ref): replace(row, origin="") for row in parties}
        gone = {_key(ref) for ref in removed}
        everything = whole()
        with self._guard:
            imported = {key for key, row in self._rows.items() if row.origin == ""}
            leaving = imported - given.keys() if everything else gone & self._rows.keys()
            if everything and most_removals is not None and len(leaving) > most_removals(len(imported)):
                raise TooManyRemovals(len(leaving), len(imported))
            added = given.keys() - self._rows.keys()
            changed = {key for key in given.keys() & self._rows.keys() if self._rows[key] != given[key]}
            self._rows = {key: row for key, row in {**self._rows, **given}.items() if key not in leaving}
            known = {address for row in self._rows.values() if row.origin == "" for address in row.addresses}
            superseded = [key for key, row in self._rows.items() if row.origin == MADE_FROM_MAIL and known & {*row.addresses}]
            for key in superseded:
                del self._rows[key]
            unchanged = len(given) - len(added) - len(changed)
            return DirectoryImport(
                added=len(added), changed=len(changed), unchanged=unchanged, removed=len(leaving), superseded=len(superseded)
            )

    def add_from_mail(self, contacts: Iterable[PartyRow], *, at: str) -> int:
        with self._guard:
            new = {_key(row.ref): replace(row, origin=MADE_FROM_MAIL) for row in contacts if _key(row.ref) not in self._rows}
            self._rows |= new
            return len(new)


def _key(ref: PartyRef) -> _Key:
    return str(ref.type), ref.id
