"""One CSV file as documents: each record a Mailbox, as if it had been written in YAML, and each cell found again.

What is wrong with the table as a whole is a finding with line and column; what is wrong with a mailbox is found like in any
other document.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from typing import TypeAlias, overload

import orjson

from reconcile.desired.csv_text import BadTable, Record, cells_with_places, lines_of, records
from reconcile.desired.documents import Part, SourceDocument
from reconcile.desired.suggest import did_you_mean
from reconcile.desired.text import NotText, read_text
from reconcile.desired.wording import show
from reconcile.desired.yaml import Path, Value
from reconcile.desired.yaml_places import Document, Span
from reconcile.lazy_dataclass import dataclass
from reconcile.model import kinds
from reconcile.model.finding import Finding, Severity
from reconcile.model.key import API_VERSION
from reconcile.model.slug import slug

_ADDRESS: Path = ("spec", "emailAddress")
_NAME: Path = ("metadata", "name")
_WORDS: Mapping[str, bool] = {"true": True, "false": False}

Template: TypeAlias = dict[str, Value]


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """What a list says of its table. `columns`: header → path in a document, None for a column that is not used. `under` is where
    `settings` stand."""

    file: str
    delimiter: str
    columns: Mapping[str, Path | None]
    settings: Template
    under: tuple[Part, ...]


@dataclass(slots=True, kw_only=True)
class Table:
    """`bad` says why not every record became a document."""

    documents: list[SourceDocument] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    bad: str = ""


def read_table(content: bytes, layout: Layout) -> Table:
    """Raises nothing for bad input."""
    table = Table()
    text = read_text(content)
    if isinstance(text, NotText):
        hint = text.hint.replace("than .yaml", "than .csv")
        _add(table, layout, text.rule, text.message, hint, Span(text.line, text.column))
        return table
    rows = records(text, layout.delimiter)
    try:
        header = next(rows, None)
        paths = _columns(table, layout, header, text)
        if header is not None and not table.bad:
            _take(table, layout, paths, rows, text)
    except BadTable as error:
        _add(table, layout, "table/syntax", error.message, error.hint, Span(error.line, 1))
    return table


def _take(table: Table, layout: Layout, paths: Sequence[Path | None], rows: Iterable[Record], text: str) -> None:
    lines: list[str] = []
    used = [(number, path, _meaning(path)) for number, path in enumerate(paths) if path is not None]
    named = _NAME in paths
    address = paths.index(_ADDRESS)
    for index, record in enumerate(rows):
        cells = record.cells
        if len(cells) != len(paths):
            lines = lines or lines_of(text)
            where = cells_with_places(lines, record.line, layout.delimiter)
            message = f"the record has {len(cells)} cell{'' if len(cells) == 1 else 's'}, the header has {len(paths)}"
            hint = "put cells that hold the delimiter in quotes, and write the delimiter once more for an empty cell"
            _add(table, layout, "table/cells", message, hint, where[min(len(cells) - 1, len(paths))][1])
            continue
        document: dict[str, Value] = {"spec": _copy(layout.settings), "metadata": {}}
        for number, path, meaning in used:
            if cell := cells[number]:
                _put(document, path, _read(cell, meaning))
        metadata = document["metadata"]
        assert isinstance(metadata, dict)
        broken = ""
        if not named or "name" not in metadata:
            metadata["name"] = slug(cells[address])
            if not metadata["name"]:
                lines = lines or lines_of(text)
                broken = _nameless(table, layout, cells_with_places(lines, record.line, layout.delimiter)[address])
        name = metadata["name"]
        json = orjson.dumps({"apiVersion": API_VERSION, "kind": "Mailbox", **document})
        table.documents.append(
            SourceDocument(
                layout.file, index, record.line, "Mailbox", str(name), API_VERSION, memoryview(json).tobytes(), broken, under=layout.under
            )
        )


def _nameless(table: Table, layout: Layout, address: tuple[str, Span]) -> str:
    cell, place = address
    message = f"no name can be made of the address {show(cell, ())}" if cell.strip() else "the row has no address"
    hint = "add a column that gives metadata.name" if cell.strip() else "write the address of the mailbox, or remove the row"
    _add(table, layout, "table/address", message, hint, place)
    return message


def _columns(table: Table, layout: Layout, header: Record | None, text: str) -> list[Path | None]:
    """What each column gives, in the order of the file."""
    if header is None:
        hint = f"write a first line with {', '.join(layout.columns)}"
        _add(table, layout, "table/header", "the table is empty: it has no header", hint, Span(1, 1))
        return []
    places = [place for _, place in cells_with_places(lines_of(text), header.line, layout.delimiter)]
    if len(header.cells) == 1 and len(layout.columns) > 1 and (other := next((sign for sign in ",;\t|" if sign in header.cells[0]), "")):
        message = f"the header has one column; its delimiter seems to be {show(other, ())}, not {show(layout.delimiter, ())}"
        _add(table, layout, "table/header", message, "say so under delimiter in the list", places[0])
        return []
    for number, name in enumerate(header.cells):
        if name in header.cells[:number]:
            message = f"the column {show(name, ())} stands twice in the header"
            _add(table, layout, "table/header", message, "rename one of the two", places[number])
        elif name not in layout.columns:
            near = _near(name, [known for known in layout.columns if known not in header.cells])
            hint = near or f"say under columns what it gives, or {show(name, ())}: null for nothing"
            _add(table, layout, "table/header", f"the list does not know the column {show(name, ())}", hint, places[number])
    for name in layout.columns:
        if name not in header.cells:
            near = _near(name, [known for known in header.cells if known not in layout.columns])
            message = f"the column {show(name, ())} is missing in the header"
            _add(table, layout, "table/header", message, near or "add it, or remove it from the list", places[0])
    return [layout.columns.get(name) for name in header.cells]


def _near(name: str, known: Sequence[str]) -> str:
    found = did_you_mean(name, known)
    return found if found.startswith("did") else ""


def _add(table: Table, layout: Layout, rule: str, message: str, hint: str, span: Span) -> None:
    table.findings.append(Finding(rule=rule, severity=Severity.ERROR, message=message, hint=hint, position=span.position(layout.file)))
    table.bad = table.bad or f"{layout.file}:{span.line}: {message}"


def _copy(template: Template) -> dict[str, Value]:
    return {name: _copy(value) if isinstance(value, dict) else value for name, value in template.items()}


def _put(document: dict[str, Value], path: Path, value: Value) -> None:
    node = document
    for part in path[:-1]:
        child = node.get(str(part))
        if not isinstance(child, dict):
            child = node[str(part)] = {}
        node = child
    node[str(path[-1])] = value


def _meaning(path: Path) -> str:
    """How a cell is read: as text, truth value, number or list."""
    if path[0] == "management":
        return {"protect": "boolean", "ignore": "list"}.get(str(path[1]), "text")
    if path[-1] == "generation":
        return "integer"
    dotted = ".".join(str(part) for part in path[1:])
    return next((info.type for info in kinds.fields("Mailbox") if path[0] == "spec" and info.path == dotted), "text")


def _read(cell: str, meaning: str) -> Value:
    """Spreadsheets write TRUE. What cannot be read stays text, and the schema says what is wrong with it."""
    if meaning == "boolean":
        return _WORDS.get(cell.lower(), cell)
    if meaning == "integer":
        return int(cell) if cell.isascii() and cell.isdigit() and len(cell) < 18 else cell
    if meaning == "list":
        return [item.strip() for item in cell.split("|") if item.strip()]
    return cell


class TablePlaces(Sequence[Document]):
    """The records of a table with the place of each cell, made when they are asked for."""

    def __init__(self, content: bytes, layout: Layout) -> None:
        text = read_text(content)
        self._layout = layout
        self._lines: list[str] = []
        self._starts: list[int] = []
        if isinstance(text, str):
            self._lines = lines_of(text)
            rows = records(text, layout.delimiter)
            header = next(rows, None)
            self._paths = [layout.columns.get(name) for name in header.cells] if header is not None else []
            self._starts = list(_starts(rows))

    def __len__(self) -> int:
        return len(self._starts)

    @overload
    def __getitem__(self, index: int) -> Document: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Document]: ...
    def __getitem__(self, index: int | slice) -> Document | Sequence[Document]:
        if isinstance(index, slice):
            return [self[number] for number in range(*index.indices(len(self)))]
        line = self._starts[index]
        document = Document(value={}, start=Span(line, 1))
        value: dict[str, Value] = {}
        for path, (cell, span) in zip(self._paths, cells_with_places(self._lines, line, self._layout.delimiter), strict=False):
            if path is not None and cell:
                _put(value, path, cell)
                document.values[path] = span
            elif path == _ADDRESS:
                # What is missing of the mailbox is missing here.
                document.values[path[:1]] = span
        if _NAME not in document.values and _ADDRESS in document.values:
            # The slug was made from the address.
            _put(value, _NAME, "")
            document.values[_NAME] = document.values[_ADDRESS]
        document.value = value
        return document


def _starts(rows: Iterator[Record]) -> Iterator[int]:
    try:
        for record in rows:
            yield record.line
    except BadTable:
        return
