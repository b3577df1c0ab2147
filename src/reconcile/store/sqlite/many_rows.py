"""Writing many rows in few steps: each step of a statement hands the interpreter over to another thread and waits to have it back, which
costs more than the row (40,000 rows of a first sync: 12,000 waits instead of 2,000)."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from functools import lru_cache
from itertools import chain
from typing import Final

#: Rows of one step, the most first. 64 rows of 20 values are well below what a statement may take (32,766 since SQLite 3.32).
_SIZES: Final = (64, 16, 4)


def insert(connection: sqlite3.Connection, into: str, rows: Sequence[tuple[object, ...]]) -> None:
    """As `executemany` of `into` (up to the word VALUES) would, in order. Rows are of one length."""
    position, count = 0, len(rows)
    for size in _SIZES:
        while count - position >= size:
            values = tuple(chain.from_iterable(rows[position : position + size]))
            connection.execute(_statement(into, len(rows[0]), size), values)
            position += size
    if position < count:
        connection.executemany(_statement(into, len(rows[0]), 1), rows[position:])


@lru_cache(64)
def _statement(into: str, width: int, size: int) -> str:
    row = f"({','.join('?' * width)})"
    return f"{into} {','.join([row] * size)}"
