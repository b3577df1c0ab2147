"""The directory of parties in the environment's SQLite file.

An import is laid out in a temporary file first, sorted, and then merged with what is there: memory stays bounded, and the store is
locked only while the two are compared and what differs is written.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import orjson

from reconcile.model.mail_address import comparable
from reconcile.model.party import MADE_FROM_MAIL, MOST_ROWS, PartyRef, PartyRow, PartyType
from reconcile.model.party_import import DirectoryImport
from reconcile.ports.party_directory import TooManyRemovals
from reconcile.store.sqlite.correlation_index import json_list
from reconcile.store.sqlite.database import Database, translated

_COLUMNS = "type, id, name, addresses, active, owner, writes_email, filter"
_BATCH = 1000
_BY_ADDRESS = (
    "SELECT parties.* FROM party_addresses JOIN parties USING (type, id) WHERE party_addresses.address = ?"
    " ORDER BY party_addresses.type, party_addresses.id LIMIT ?"
)
_Values = tuple[str, str, str, str, int, str, int, str]
#: The same, and the origin.
#: Which of many addresses anybody has: few of those that strangers write to.
_THERE = "SELECT value FROM json_each(?) AS asked WHERE EXISTS (SELECT 1 FROM party_addresses WHERE address = asked.value)"
_Kept = tuple[str, str, str, str, int, str, int, str, str]


class SqliteParties:
    """See `PartyStore`. `database` None reads as empty."""

    def __init__(self, database: Database | None) -> None:
        self._database = database

    def by_address(self, addresses: Collection[str]) -> Mapping[str, Sequence[PartyRow]]:
        if self._database is None or not addresses:
            return {}
        found: dict[str, list[PartyRow]] = {}
        asked = {address: comparable(address) for address in addresses}
        with self._database.snapshot() as connection:
            there = {row[0] for row in connection.execute(_THERE, (json_list({*asked.values()}),))}
            for address, name in asked.items():
                if name in there:
                    # One at a time, along the index: thousands of rows may have the address that people write where there is none.
                    found[address] = [_party(row) for row in connection.execute(_BY_ADDRESS, (name, MOST_ROWS + 1))]
        return found

    def party(self, ref: PartyRef) -> PartyRow | None:
        if self._database is None:
            return None
        with self._database.snapshot() as connection:
            row = connection.execute("SELECT * FROM parties WHERE (type, id) = (?, ?)", (str(ref.type), ref.id)).fetchone()
            return _party(row) if row else None

    def parties(
        self, *, of_type: str = "", origin: str | None = None, after: tuple[str, str] | None = None, limit: int = 0
    ) -> Sequence[PartyRow]:
        if self._database is None:
            return []
        conditions, values = ["1"], list[object]()
        if of_type:
            conditions.append("type = ?")
            values.append(of_type)
        if origin is not None:
            conditions.append("origin = ?")
            values.append(origin)
        if after is not None:
            conditions.append("(type, id) > (?, ?)")
            values += after
        with self._database.snapshot() as connection:
            found = connection.execute(
                f"SELECT * FROM parties WHERE {' AND '.join(conditions)} ORDER BY type, id LIMIT ?", (*values, limit or -1)
            )
            return [_party(row) for row in found]

    def count(self) -> Mapping[str, int]:
        if self._database is None:
            return {}
        with self._database.snapshot() as connection:
            return dict(connection.execute("SELECT type, count(*) FROM parties GROUP BY type ORDER BY type").fetchall())

    def take_in(
        self,
        parties: Iterable[PartyRow],
        *,
        removed: Iterable[PartyRef] = (),
        whole: Callable[[], bool],
        at: str,
        most_removals: Callable[[int], int] | None = None,
    ) -> DirectoryImport:
        # Whatever looks at mail reads parties; few commands import some.
        import tempfile

        assert self._database is not None
        with translated(Path(tempfile.gettempdir())):
            laid_out = _lay_out(parties, removed)
        try:
            everything = whole()
            return self._database.write(
                lambda connection: _merge(connection, laid_out, whole=everything, at=at, most_removals=most_removals)
            )
        finally:
            laid_out.close()

    def add_from_mail(self, contacts: Iterable[PartyRow], *, at: str) -> int:
        assert self._database is not None
        rows = list(contacts)
        return self._database.write(lambda connection: add_contacts(connection, rows, at))


def add_contacts(connection: sqlite3.Connection, contacts: Iterable[PartyRow], at: str) -> int:
    """`PartyStore.add_from_mail` inside the caller's transaction, so that a contact comes with the e-mail it was made for."""
    new = 0
    for contact in contacts:
        if (
            connection.execute("SELECT 1 FROM parties WHERE (type, id) = (?, ?)", (str(contact.ref.type), contact.ref.id)).fetchone()
            is None
        ):
            _write(connection, [_values(contact)], at, origin=MADE_FROM_MAIL)
            new += 1
    return new


def _values(row: PartyRow) -> _Values:
    addresses = orjson.dumps(row.addresses).decode()
    return (str(row.ref.type), row.ref.id, row.ref.name, addresses, int(row.active), row.owner, int(row.writes_email), row.filter)


def _party(row: sqlite3.Row) -> PartyRow:
    return PartyRow(
        ref=PartyRef(type=PartyType(row["type"]), id=row["id"], name=row["name"]),
        addresses=tuple(orjson.loads(row["addresses"])),
        active=bool(row["active"]),
        owner=row["owner"],
        writes_email=bool(row["writes_email"]),
        filter=row["filter"],
        origin=row["origin"],
    )


def _lay_out(parties: Iterable[PartyRow], removed: Iterable[PartyRef]) -> sqlite3.Connection:
    """A database without a name: SQLite keeps what exceeds its cache in a file that is deleted already, so a killed import leaves
    nothing behind."""
    connection = sqlite3.connect("", isolation_level=None, check_same_thread=False)
    try:
        for pragma in ("journal_mode=OFF", "synchronous=OFF", "cache_size=-16000"):
            connection.execute(f"PRAGMA {pragma}")
        connection.execute(
            "CREATE TABLE given (type, id, name, addresses, active, owner, writes_email, filter, PRIMARY KEY (type, id)) WITHOUT ROWID"
        )
        connection.execute("CREATE TABLE gone (type, id, PRIMARY KEY (type, id)) WITHOUT ROWID")
        connection.execute("BEGIN")
        connection.executemany("INSERT INTO given VALUES (?, ?, ?, ?, ?, ?, ?, ?)", map(_values, parties))
        connection.executemany("INSERT OR IGNORE INTO gone VALUES (?, ?)", ((str(ref.type), ref.id) for ref in removed))
        connection.execute("COMMIT")
    except BaseException:
        connection.close()
        raise
    return connection


def _merge(
    connection: sqlite3.Connection, laid_out: sqlite3.Connection, *, whole: bool, at: str, most_removals: Callable[[int], int] | None
) -> DirectoryImport:
    # Addresses come in the order of rows, not of their index: with too few pages at hand each of them is written many times.
    usual = connection.execute("PRAGMA cache_size").fetchone()[0]
    connection.execute("PRAGMA cache_size=-32768")
    try:
        return _merged(connection, laid_out, whole=whole, at=at, most_removals=most_removals)
    finally:
        connection.execute(f"PRAGMA cache_size={usual:d}")


def _merged(
    connection: sqlite3.Connection, laid_out: sqlite3.Connection, *, whole: bool, at: str, most_removals: Callable[[int], int] | None
) -> DirectoryImport:
    rows = connection.execute("SELECT count(*) FROM parties WHERE origin = ''").fetchone()[0]
    added = changed = unchanged = removed = 0
    writing: list[_Values] = []
    leaving: list[tuple[str, str]] = []
    for before, after in _beside(connection, laid_out):
        if after is None:
            if whole and before is not None and before[8] == "":
                leaving.append(before[:2])
        elif before is None:
            added += 1
            writing.append(after)
        elif before == (*after, ""):
            unchanged += 1
        else:
            changed += 1
            writing.append(after)
        # What was read is behind both readers, so writing moves nothing under them.
        if len(writing) >= _BATCH:
            _write(connection, writing, at, origin="")
            writing = []
        if len(leaving) >= _BATCH:
            removed += _remove(connection, leaving)
            leaving = []
    _write(connection, writing, at, origin="")
    removed += _remove(connection, leaving)
    if not whole:
        for type_, id_ in laid_out.execute("SELECT type, id FROM gone"):
            removed += _remove(connection, [(type_, id_)])
    if whole and most_removals is not None and removed > most_removals(rows):
        raise TooManyRemovals(removed, rows)
    superseded = _supersede(connection) if added or changed else 0
    return DirectoryImport(added=added, changed=changed, unchanged=unchanged, removed=removed, superseded=superseded)


def _beside(connection: sqlite3.Connection, laid_out: sqlite3.Connection) -> Iterator[tuple[_Kept | None, _Values | None]]:
    """What is there and what was given, by (type, id), side by side. What is there is read a batch at a time, before it is written."""
    there = _there(connection)
    given: Iterator[_Values] = iter(laid_out.execute(f"SELECT {_COLUMNS} FROM given ORDER BY type, id"))
    left, right = next(there, None), next(given, None)
    while left is not None or right is not None:
        if right is None or (left is not None and left[:2] < right[:2]):
            yield left, None
            left = next(there, None)
        elif left is None or right[:2] < left[:2]:
            yield None, right
            right = next(given, None)
        else:
            yield left, right
            left, right = next(there, None), next(given, None)


def _there(connection: sqlite3.Connection) -> Iterator[_Kept]:
    last: tuple[str, ...] = ("", "")
    while batch := connection.execute(
        f"SELECT {_COLUMNS}, origin FROM parties WHERE (type, id) > (?, ?) ORDER BY type, id LIMIT {_BATCH}", last
    ).fetchall():
        yield from map(tuple, batch)
        last = tuple(batch[-1][:2])


def _write(connection: sqlite3.Connection, rows: Sequence[_Values], at: str, *, origin: str) -> None:
    _unindex(connection, [row[:2] for row in rows])
    connection.executemany(
        f"INSERT OR REPLACE INTO parties ({_COLUMNS}, origin, changed_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        ((*row, origin, at) for row in rows),
    )
    connection.executemany(
        "INSERT OR IGNORE INTO party_addresses VALUES (?, ?, ?)",
        ((address, row[0], row[1]) for row in rows for address in orjson.loads(row[3])),
    )


def _unindex(connection: sqlite3.Connection, keys: Sequence[tuple[str, str]]) -> None:
    for type_, id_ in keys:
        row = connection.execute("SELECT addresses FROM parties WHERE (type, id) = (?, ?)", (type_, id_)).fetchone()
        if row is not None:
            connection.executemany(
                "DELETE FROM party_addresses WHERE (address, type, id) = (?, ?, ?)",
                ((address, type_, id_) for address in orjson.loads(row[0])),
            )


def _remove(connection: sqlite3.Connection, keys: Sequence[tuple[str, str]]) -> int:
    _unindex(connection, keys)
    # executemany adds up what each of them deleted.
    return connection.executemany("DELETE FROM parties WHERE (type, id) = (?, ?)", keys).rowcount if keys else 0


def _supersede(connection: sqlite3.Connection) -> int:
    """Contacts made from mail, once the CRM has a row of its own for that address."""
    rows = connection.execute(
        "SELECT type, id FROM parties AS made WHERE origin = ? AND EXISTS ("
        "SELECT 1 FROM party_addresses AS mine JOIN party_addresses AS other ON other.address = mine.address"
        " JOIN parties AS theirs ON theirs.type = other.type AND theirs.id = other.id AND theirs.origin = ''"
        " WHERE mine.type = made.type AND mine.id = made.id)",
        (MADE_FROM_MAIL,),
    ).fetchall()
    return _remove(connection, [(row[0], row[1]) for row in rows])
