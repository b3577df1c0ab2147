"""What is read of a file of parties: rows, each of which can say where it stands, and what is wrong with the others."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeAlias

from reconcile.errors import UserError
from reconcile.lazy_dataclass import dataclass
from reconcile.model.party import PartyRow
from reconcile.model.party_import import WrongRow

_HINT = "Save it as CSV in UTF-8, or as JSON lines."


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenRow:
    """`number` is its line, or its place in an array, from 1. `place` gives line and column of a field; ask it before the next row is
    read."""

    number: int
    row: PartyRow
    removed: bool
    place: Callable[[str], tuple[int, int]]


class UnreadableFile(UserError):
    """The rest of the file cannot be read; `line` and `column` count from 1."""

    def __init__(self, message: str, *, line: int, column: int = 1, hint: str = _HINT) -> None:
        super().__init__(message, hint=hint)
        self.line = line
        self.column = column

    def within(self, file: str) -> UserError:
        """The same, naming the file."""
        return UserError(f"{file}:{self.line}:{self.column}: {self.message}", hint=self.hint)


GivenRows: TypeAlias = Iterator[GivenRow | WrongRow]
