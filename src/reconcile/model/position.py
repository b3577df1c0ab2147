"""A place in a file of the source."""

from __future__ import annotations

from typing import NamedTuple


class Position(NamedTuple):
    """`file` relative to the source's root with forward slashes; `line` and `column` count from 1, columns in characters.

    `end_column` is the first column after the marked text on the same line, or None where only the start is known.
    """

    file: str
    line: int = 1
    column: int = 1
    end_column: int | None = None

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"
