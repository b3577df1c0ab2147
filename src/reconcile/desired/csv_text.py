"""CSV (RFC 4180) with places: Python's reader for the bulk, our own scanner for the few records whose cells must be found again.

A test holds that both see the same cells. A quoted cell may hold line breaks and delimiters; CR LF, LF and CR end a record.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence

from reconcile.desired.text import split_lines
from reconcile.desired.yaml import MAX_SCALAR
from reconcile.desired.yaml_places import Span
from reconcile.lazy_dataclass import dataclass


@dataclass(frozen=True, slots=True)
class Record:
    """`line` is where it begins, from 1."""

    line: int
    cells: Sequence[str]


class BadTable(Exception):
    """The rest of the table cannot be read."""

    def __init__(self, message: str, hint: str, line: int) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.line = line


def records(text: str, delimiter: str) -> Iterator[Record]:
    """Every record that is not an empty line. Raises BadTable."""
    csv.field_size_limit(MAX_SCALAR)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    line = 1
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise _bad(str(error), line) from error
        if cells:
            yield Record(line, cells)
        line = reader.line_num + 1


def _bad(said: str, line: int) -> BadTable:
    lost = "the rest of the table was not read"
    if "unexpected end of data" in said:
        return BadTable(f"a quote that opens in this record is never closed; {lost}", 'close it, and write "" for a quote inside', line)
    if "expected after" in said:
        return BadTable(
            f"a cell goes on after its closing quote; {lost}", 'put the whole cell in quotes, and write "" for a quote inside', line
        )
    if "field larger" in said:
        return BadTable(f"a cell of more than {MAX_SCALAR} characters; {lost}", "shorten it, or close a quote that was left open", line)
    return BadTable(f"not valid CSV: {said}; {lost}", "check quotes and delimiters around this place", line)


def cells_with_places(lines: Sequence[str], line: int, delimiter: str) -> list[tuple[str, Span]]:
    """The cells of the record that begins on `line`, from `split_lines` of the text. A cell over several lines has no end column."""
    found: list[tuple[str, Span]] = []
    row, column = line - 1, 0
    while True:
        start_row, start = row, column
        text = lines[row]
        value = ""
        if text[column : column + 1] == '"':
            column += 1
            while True:
                end = lines[row].find('"', column)
                if end < 0:
                    value += lines[row][column:] + "\n"
                    row, column = row + 1, 0
                    if row >= len(lines):
                        return found
                elif lines[row][end : end + 2] == '""':
                    value += lines[row][column : end + 1]
                    column = end + 2
                else:
                    value += lines[row][column:end]
                    column = end + 1
                    break
        else:
            end = text.find(delimiter, column)
            end = len(text) if end < 0 else end
            value, column = text[column:end], end
        last = column + 1 if start_row == row else None
        found.append((value, Span(start_row + 1, start + 1, last)))
        if lines[row][column : column + 1] != delimiter:
            return found
        column += 1


def lines_of(text: str) -> list[str]:
    """For `cells_with_places`."""
    return split_lines(text)
