"""Parties from CSV, a record at a time; however long the file, one record is in memory."""

from __future__ import annotations

import csv
import itertools
from collections.abc import Iterator, Sequence
from typing import IO, Final

from reconcile.desired.csv_text import cells_with_places
from reconcile.lazy_dataclass import dataclass
from reconcile.model.party_import import WrongRow
from reconcile.sync.decide.given_row import GivenRow, GivenRows, UnreadableFile
from reconcile.sync.decide.party_fields import FieldError, field_of, row_of

#: Octets of one line.
LONGEST_LINE: Final = 1024 * 1024
_DELIMITERS: Final = (",", ";", "\t", "|")
_COLUMNS: Final = "type, id, name, addresses or email…, active, owner, writesEmail, filter, removed"


def csv_rows(stream: IO[bytes], delimiter: str) -> GivenRows:
    """`delimiter` "" is found in the header. Raises UnreadableFile."""
    lines = _Lines(stream)
    texts = iter(lines)
    first = next((text for text in texts if text.strip()), "")
    delimiter = delimiter or max(_DELIMITERS, key=first.count)
    lines.record = [first]
    csv.field_size_limit(LONGEST_LINE)
    reader = csv.reader(itertools.chain([first], texts), delimiter=delimiter, strict=True)
    header = _Record(begin=lines.number, cells=_next(reader, lines.number) or [], lines=lines, delimiter=delimiter)
    fields = _fields(header)
    while True:
        lines.record.clear()
        begin = lines.number + 1
        cells = _next(reader, begin)
        if cells is None:
            return
        if any(cells):
            yield _given(_Record(begin=begin, cells=cells, lines=lines, delimiter=delimiter), fields)


class _Lines:
    """Decoded lines for `csv.reader`; `record` are those since it was emptied."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self.number = 0
        self.record: list[str] = []

    def __iter__(self) -> Iterator[str]:
        while data := self._stream.readline(LONGEST_LINE + 1):
            self.number += 1
            if len(data) > LONGEST_LINE:
                hint = "Close a quote that was left open, end lines with LF or CR LF, or shorten it."
                raise UnreadableFile(f"the line has more than {LONGEST_LINE:,} octets", line=self.number, hint=hint)
            if self.number == 1:
                data = data.removeprefix(b"\xef\xbb\xbf")
            try:
                text = data.decode()
            except UnicodeDecodeError as error:
                column = len(data[: error.start].decode(errors="replace")) + 1
                raise UnreadableFile(f"this is no UTF-8 (octet {error.start + 1} of the line)", line=self.number, column=column) from error
            if "\0" in text:
                raise UnreadableFile("this is no text: it contains NUL", line=self.number, column=text.index("\0") + 1)
            self.record.append(text)
            yield text


@dataclass(frozen=True, slots=True, kw_only=True)
class _Record:
    begin: int
    cells: Sequence[str]
    lines: _Lines
    delimiter: str

    def place(self, index: int) -> tuple[int, int]:
        """Line and column of a cell."""
        found = cells_with_places([text.rstrip("\r\n") for text in self.lines.record], 1, self.delimiter)
        if not found:
            return self.begin, 1
        span = found[min(index, len(found) - 1)][1]
        return self.begin + span.line - 1, span.column


def _next(reader: Iterator[list[str]], begin: int) -> list[str] | None:
    try:
        return next(reader, None)
    except csv.Error as error:
        said = str(error)
        words = {
            "unexpected end": "a quote that opens in this record is never closed",
            "expected after": "a cell goes on after its closing quote",
            "new-line": "a line ends with CR alone",
        }
        why = next((text for sign, text in words.items() if sign in said), said)
        hint = 'Put such a cell in quotes, write "" for a quote inside, and end lines with LF or CR LF.'
        raise UnreadableFile(f"{why}, so the rest cannot be read", line=begin, hint=hint) from error


def _fields(header: _Record) -> list[str]:
    fields: list[str] = []
    for index, name in enumerate(header.cells):
        field = field_of(name)
        if field is None or field in fields:
            line, column = header.place(index)
            said = f"there is no column {name.strip()[:60]!r}" if field is None else f"the column {field} stands twice"
            hint = f"The first line names the columns: {_COLUMNS}. The delimiter was taken to be {header.delimiter!r} (--delimiter)."
            raise UnreadableFile(said, line=line, column=column, hint=hint)
        fields.append(field)
    for needed in ("type", "id"):
        if needed not in fields:
            hint = f"The first line names the columns: {_COLUMNS}."
            raise UnreadableFile(f"the header has no column {needed}", line=header.begin, hint=hint)
    return fields


def _given(record: _Record, fields: Sequence[str]) -> GivenRow | WrongRow:
    def place(field: str) -> tuple[int, int]:
        return record.place(fields.index(field) if field in fields else 0)

    try:
        # A row that is shorter than the header is what the end of a file that was cut off looks like.
        if len(record.cells) != len(fields):
            raise FieldError(fields[-1], f"{len(record.cells)} cells, but the header has {len(fields)} columns")
        row, removed = row_of(dict(zip(fields, record.cells, strict=True)))
    except FieldError as error:
        line, column = place(error.field)
        return WrongRow(line=line, column=column, message=error.message)
    return GivenRow(number=record.begin, row=row, removed=removed, place=place)
