"""Contents of kept mail, digested once another mail bears the same Message-ID: `content` of `mail_activities` is empty until then."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable, Iterator, Sequence, Set
from contextlib import suppress
from dataclasses import replace
from typing import Final

from reconcile.errors import PermanentError
from reconcile.model.content_digest import content_digest
from reconcile.ports.mail_store import Arrival, Place
from reconcile.store.sqlite.correlation_index import json_list
from reconcile.store.sqlite.packs import Damaged

#: The bytes of a place, in chunks. Raises PermanentError.
Read = Callable[[Place], Iterator[bytes]]
#: Of many at once: one look an arrival costs more in handing the interpreter over than in looking.
_MET: Final = (
    "SELECT value FROM json_each(?) AS asked WHERE EXISTS"
    " (SELECT 1 FROM mail_activities WHERE message_id = asked.value AND message_id <> '')"
)
#: One of a Message-ID at most has none: whoever is kept beside it was compared with it.
_COLUMNS: Final = "id, message_id, raw, pack, offset, size, header_length"
_UNTOLD: Final = f"SELECT {_COLUMNS} FROM mail_activities WHERE message_id = ? AND message_id <> '' AND content = x''"
_SAME: Final = "SELECT id FROM mail_activities WHERE message_id = ? AND content = ? AND message_id <> ''"
_KNOWN: Final = (
    "SELECT message_id, content FROM asked WHERE EXISTS (SELECT 1 FROM mail_activities AS kept"
    " WHERE kept.message_id = asked.message_id AND kept.content = asked.content AND kept.message_id <> '')"
)


def met_names(connection: sqlite3.Connection, names: Set[str]) -> Set[str]:
    """Message-IDs that an activity may have; the others none has."""
    # json_each ends a text at a NUL.
    ended = {name for name in names if "\0" in name}
    return ended.union(row[0] for row in connection.execute(_MET, (json_list(names - ended),)))


class MailContents:
    """`read` gives the bytes of a place. What was read once is not read again, however many ask about one mail. For several threads."""

    def __init__(self, read: Read) -> None:
        self._read = read
        self._digested: dict[int, bytes] = {}

    def of(self, row: sqlite3.Row) -> bytes:
        """The digest of a kept mail (a row with `_COLUMNS`); empty where its bytes are damaged or gone, so that it is like no other. Raises
        PermanentError where they cannot be read just now."""
        number: int = row["id"]
        if number not in self._digested:
            self._digested[number] = self._digest(row)
        return self._digested[number]

    def _digest(self, row: sqlite3.Row) -> bytes:
        whole = hashlib.sha256()

        def chunks() -> Iterator[bytes]:
            for chunk in self._read(Place(row["pack"], row["offset"], row["size"])):
                whole.update(chunk)
                yield chunk

        try:
            content = content_digest(chunks(), row["header_length"])
        except Damaged:
            return b""
        return content if whole.digest() == row["raw"] else b""

    def told(self, arrivals: Sequence[Arrival], names: Set[str]) -> Sequence[Arrival]:
        """The arrivals with the contents of those whose Message-ID is one of `names`."""
        if not names:
            return arrivals
        return [
            replace(each, content=content_digest(self._read(each.place), each.header_length))
            if each.header.message_id in names and not each.content and each.place is not None
            else each
            for each in arrivals
        ]

    def kept_as(self, connection: sqlite3.Connection, arrival: Arrival) -> int | None:
        """The activity with the Message-ID and the content of an arrival. What was digested for it is kept."""
        name = arrival.header.message_id
        same = connection.execute(_SAME, (name, arrival.content)).fetchone() if arrival.content else None
        if same is not None:
            return int(same["id"])
        untold = connection.execute(_UNTOLD, (name,)).fetchone()
        if untold is None:
            return None
        is_same = untold["raw"] == arrival.raw
        content = arrival.content if is_same else self.of(untold)
        if content:
            # Ignored where its bytes could not be read for a while, and the same mail was kept a second time.
            connection.execute("UPDATE OR IGNORE mail_activities SET content = ? WHERE id = ?", (content, untold["id"]))
        return int(untold["id"]) if is_same or (content and content == arrival.content) else None

    def known(self, connection: sqlite3.Connection, named: Sequence[tuple[str, bytes]]) -> set[tuple[str, bytes]]:
        """Those (Message-ID, content) of which an activity is kept. One that cannot be read just now is not known: whoever commits asks
        again."""
        question = f"WITH asked (message_id, content) AS (VALUES {','.join(['(?,?)'] * len(named))}) {_KNOWN}"
        found = {(row[0], row[1]) for row in connection.execute(question, [value for one in named for value in one])}
        for name, content in named:
            if (name, content) not in found:
                untold = connection.execute(_UNTOLD, (name,)).fetchone()
                with suppress(PermanentError):
                    if untold is not None and self.of(untold) == content:
                        found.add((name, content))
        return found
