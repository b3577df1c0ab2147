"""A JSON export read row by row: memory holds one row and one block of text, however large the file is.

Takes an object of tables, where a table is a list of rows, an envelope of the Web API with the rows under `value`, or one row;
and a list or an envelope alone. UTF-8, or UTF-16 with its mark (as Windows PowerShell writes).
"""

from __future__ import annotations

import codecs
import json
from collections.abc import Callable, Iterator
from typing import BinaryIO, Final, NoReturn, TypeAlias

from reconcile.lazy_dataclass import dataclass

_BLOCK: Final = 1 << 20
#: Characters of one row. A mailbox has some 150 columns and 5,000 characters; with the state of its synchronisation a few hundred thousand.
_LARGEST_ROW: Final = 16 << 20
_SPACE: Final = " \t\n\r"
_MARKS: Final = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))


class CutOff(Exception):
    """The text ends early, or is no JSON from here on. `table` is the one whose rows are incomplete, "" outside of any."""

    def __init__(self, table: str, why: str) -> None:
        super().__init__(why)
        self.table = table
        self.why = why


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a table."""

    table: str
    values: dict[str, object]


@dataclass(frozen=True, slots=True)
class End:
    """A table was read to its end. `why` says why there may be more all the same."""

    table: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class Remark:
    """Something beside the tables, such as when the export was made."""

    name: str
    value: object


Item: TypeAlias = Row | End | Remark


def items(file: BinaryIO, table: str, table_of: Callable[[str], str | None]) -> Iterator[Item]:
    """Everything in one file. `table` is the one it holds when it names none itself; `table_of` gives the table of a name ("" and None:
    not one of ours).

    Raises CutOff; what was yielded before stands. Raises OSError.
    """
    yield from _Reader(file, table_of).whole(table)


class _Reader:
    def __init__(self, file: BinaryIO, table_of: Callable[[str], str | None]) -> None:
        self._file = file
        self._table_of = table_of
        first = file.read(_BLOCK)
        encoding = next((name for mark, name in _MARKS if first.startswith(mark)), "utf-8")
        self._decoder = codecs.getincrementaldecoder(encoding)()
        self._ended = False
        self._table = ""
        self._rows = 0
        self._text = ""
        self._at = 0
        self._take(first)
        self._decode = json.JSONDecoder(parse_constant=_refuse).raw_decode

    def whole(self, table: str) -> Iterator[Item]:
        if self._next() == "[":
            yield from self._list(table)
        else:
            yield from self._members(table, outermost=True)
        if self._next():
            self._fail("there is more after its end")

    def _members(self, table: str, *, outermost: bool = False) -> Iterator[Item]:
        """An object: of tables, an envelope, or a row."""
        single: dict[str, object] = {}
        held_rows, more = False, ""
        self._expect("{", "an object")
        first = True
        while self._next() != "}":
            if not first:
                self._expect(",", "a comma")
            first = False
            name = self._value()
            if not isinstance(name, str):
                self._fail("a name is expected here")
            self._expect(":", "a colon")
            inner = self._table_of(name) if outermost else None
            if inner and self._next() in "[{":
                yield from self._list(inner) if self._next() == "[" else self._members(inner)
            elif name == "value" and self._next() == "[":
                table = self._table_of(_of_context(single.get("@odata.context"))) or table
                yield from self._list(table, envelope=True)
                held_rows = True
            else:
                single[name] = self._value()
                if name == "@odata.nextLink":
                    more = "the page says that there are more rows on another one (@odata.nextLink)"
        self._expect("}", "the end of the object")
        if held_rows:
            yield End(table, more)
        elif not outermost:
            yield Row(table, single)
            yield End(table)
        else:
            yield from (Remark(name, value) for name, value in single.items())

    def _list(self, table: str, *, envelope: bool = False) -> Iterator[Item]:
        self._table, self._rows = table, 0
        self._expect("[", "a list")
        while self._next() != "]":
            if self._rows:
                self._expect(",", "a comma")
            row = self._value()
            if not isinstance(row, dict):
                self._fail("a row is an object")
            self._rows += 1
            yield Row(table, row)
        self._expect("]", "the end of the list")
        self._table = table if envelope else ""
        if not envelope:
            yield End(table)

    def _next(self) -> str:
        """The next character that counts, "" at the end."""
        while True:
            text, at = self._text, self._at
            while at < len(text) and text[at] in _SPACE:
                at += 1
            self._at = at
            if at < len(text):
                return text[at]
            if not self._more():
                return ""

    def _expect(self, character: str, what: str) -> None:
        if self._next() != character:
            self._fail(f"{what} is expected here")
        self._at += 1

    def _value(self) -> object:
        self._next()
        while True:
            try:
                value, end = self._decode(self._text, self._at)
            except (ValueError, RecursionError) as error:
                # Perhaps only the block ends here.
                if isinstance(error, RecursionError) or len(self._text) - self._at > _LARGEST_ROW or not self._more():
                    self._fail("not valid JSON from here on" + (", or the file ends early" if self._ended else ""))
                continue
            if end < len(self._text) or not self._more():
                self._at = end
                return value

    def _more(self) -> bool:
        """Take another block; False at the end of the file."""
        while not self._ended:
            before = len(self._text) - self._at
            self._take(self._file.read(_BLOCK))
            if len(self._text) - self._at > before:
                return True
        return False

    def _take(self, block: bytes) -> None:
        self._ended = not block
        try:
            decoded = self._decoder.decode(block, final=not block)
        except UnicodeDecodeError as error:
            raise CutOff(self._table, f"after row {self._rows} the text is not {error.encoding}") from error
        self._text = self._text[self._at :] + decoded
        self._at = 0

    def _fail(self, why: str) -> NoReturn:
        if self._ended and self._at >= len(self._text):
            why = "the file ends early"
        place = f"after row {self._rows}: " if self._table else ""
        raise CutOff(self._table, place + why)


def _of_context(context: object) -> str:
    """`https://…/$metadata#mailboxes(name,mailboxid)` → mailboxes."""
    return context.partition("$metadata#")[2].partition("(")[0].partition("/")[0] if isinstance(context, str) else ""


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")
