"""Parties from JSON lines, a line at a time, or from a JSON array of bounded length."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import IO, Final

from reconcile.model.party_import import WrongRow
from reconcile.sync.decide.given_row import GivenRow, GivenRows, UnreadableFile
from reconcile.sync.decide.intake_line import LineError, column, parsed
from reconcile.sync.decide.party_fields import FieldError, field_of, row_of
from reconcile.sync.lines import elements_of, lines_of

#: Octets of one line, and of an array, which has to be read at once.
LONGEST_LINE: Final = 1024 * 1024
LONGEST_ARRAY: Final = 32 * 1024 * 1024
#: Line and column of what stands at a path of one object.
_Place = Callable[[Sequence[str | int]], tuple[int, int]]


def json_lines(stream: IO[bytes]) -> GivenRows:
    """One object a line."""
    for line in lines_of(stream, LONGEST_LINE):
        data = line.data
        if data is None:
            yield WrongRow(line=line.number, column=1, message=f"the line has more than {LONGEST_LINE:,} octets")
            continue

        def place(path: Sequence[str | int], data: bytes = data, number: int = line.number) -> tuple[int, int]:
            return number, column(data.decode("utf-8-sig"), path) if path else 1

        yield _given(data, line.number, place)


def json_array(stream: IO[bytes]) -> GivenRows:
    """One array of objects. Raises UnreadableFile."""
    data = stream.read(LONGEST_ARRAY + 1)
    if len(data) > LONGEST_ARRAY:
        hint = "Write JSON lines: one object a line, without brackets and commas around them."
        raise UnreadableFile(f"an array has to be read at once, and this one has more than {LONGEST_ARRAY:,} octets", line=1, hint=hint)
    text = data.decode("utf-8-sig", "replace")

    def counted(at: int) -> tuple[int, int]:
        """Line and column of a character, counted from 1."""
        return text.count("\n", 0, at - 1) + 1, at - 1 - text.rfind("\n", 0, at - 1)

    try:
        for line in elements_of(data):

            def place(path: Sequence[str | int], index: int = line.number - 1) -> tuple[int, int]:
                return counted(column(text, (index, *path)))

            yield _given(line.data or b"", line.number, place)
    except LineError as error:
        row, at = counted(error.column)
        raise UnreadableFile(error.message, line=row, column=at, hint="Write a JSON array of objects, or one object a line.") from error


def _given(data: bytes, number: int, place: _Place) -> GivenRow | WrongRow:
    names: dict[str, str] = {}
    try:
        _, found = parsed(data)
        for name in found:
            field = field_of(name)
            if field is None or field in names:
                said = f"there is no field {name[:60]!r}" if field is None else f"{name[:60]!r} stands for the same as {names[field]!r}"
                raise FieldError(name, said)
            names[field] = name
        row, removed = row_of({field: found[name] for field, name in names.items()})
    except LineError as error:
        # An element of an array is JSON by now, and begins somewhere in its line; a line that is none begins with its first character.
        line, at = place(())
        return WrongRow(line=line, column=at + error.column - 1, message=error.message)
    except FieldError as error:
        line, at = place((names.get(error.field, error.field),))
        return WrongRow(line=line, column=at, message=error.message)
    return GivenRow(number=number, row=row, removed=removed, place=lambda field: place((names.get(field, field),)))
