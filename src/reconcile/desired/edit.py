"""One field of one document changed in its file, and nothing else: comments, quotes, order and line ends stay. Pure.

Words are replaced where they stand; a new field is written as a line of its own. What comes out is read again and must say exactly what
was said before with the edit in it; otherwise the edit is refused.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from copy import deepcopy
from typing import Final, NamedTuple

from reconcile.desired.text import read_text
from reconcile.desired.yaml import Path, Value, plain_value, read_values
from reconcile.desired.yaml_places import Document, dotted, read_places
from reconcile.lazy_dataclass import dataclass

_MARK: Final = b"\xef\xbb\xbf"
_PLAIN: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
#: Truth values of YAML 1.1, as other tools still read them.
_OLD_BOOLEANS: Final = frozenset({"y", "n", "yes", "no", "on", "off"})


class Edit(NamedTuple):
    """`path` from the root of the document ("spec", "incoming", "useImpersonation"); `value` None takes the field away."""

    path: tuple[str, ...]
    value: str | int | bool | None


@dataclass(frozen=True, slots=True)
class Refused:
    """Why the file was not edited."""

    why: str


class Change(NamedTuple):
    """Edits of the only document of this kind and name."""

    kind: str
    name: str
    edits: tuple[Edit, ...]


def edit(data: bytes, *, file: str, kind: str, name: str, edits: Sequence[Edit]) -> bytes | Refused:
    """The file with the edits in its only document of this kind and name. Raises nothing for bad input."""
    return edit_documents(data, file=file, changes=[Change(kind, name, tuple(edits))])


def edit_documents(data: bytes, *, file: str, changes: Sequence[Change]) -> bytes | Refused:
    """The same for several documents, each named once; the file is read once for an edit of each. All edits are made, or none."""
    edited = data
    for number in range(max((len(one.edits) for one in changes), default=0)):
        result = _edit(edited, file, [(one.kind, one.name, one.edits[number]) for one in changes if number < len(one.edits)])
        if isinstance(result, Refused):
            return result
        edited = result
    return edited


def _edit(data: bytes, file: str, changes: Sequence[tuple[str, str, Edit]]) -> bytes | Refused:
    places = read_places(data, file=file)
    if places.findings or not places.complete:
        return Refused(f"{file} has errors")
    numbers: dict[tuple[str, str], list[int]] = {}
    for number, document in enumerate(places.documents):
        numbers.setdefault(_named(document), []).append(number)
    wanted: dict[int, tuple[Edit, Value]] = {}
    for kind, name, one in changes:
        found = numbers.get((kind, name), [])
        if len(found) != 1:
            return Refused(f"{file} has {len(found) or 'no'} documents {kind}/{name}")
        value = _with(places.documents[found[0]].value, one)
        if isinstance(value, Refused):
            return value
        if value != places.documents[found[0]].value:
            wanted[found[0]] = one, value
    if not wanted:
        return data
    text = read_text(data)
    assert isinstance(text, str)
    lines = text.splitlines(keepends=True)
    # From the last document to the first, so that the places of those before it still hold.
    for number in sorted(wanted, reverse=True):
        one, document = wanted[number][0], places.documents[number]
        problem = _remove(lines, document, one.path) if one.value is None else _set(lines, document, one.path, _token(one.value))
        if problem:
            return Refused(f"{dotted(one.path)} in {file}: {problem}")
    written = _MARK * data.startswith(_MARK) + "".join(lines).encode("utf-8")
    before, after = read_values(data), read_values(written)
    refused = Refused(f"{dotted(wanted[min(wanted)][0].path)} in {file} cannot be edited without rewriting the file")
    if before is None or after is None or len(before) != len(after):
        return refused
    expected = [wanted[number][1] if number in wanted else value for number, (_, value) in enumerate(before)]
    return written if [value for _, value in after] == expected else refused


def _named(document: Document) -> tuple[str, str]:
    """Kind and name, "" for what is not written."""
    value = document.value if isinstance(document.value, dict) else {}
    metadata = value.get("metadata")
    kind, name = value.get("kind"), metadata.get("name") if isinstance(metadata, dict) else None
    return kind if isinstance(kind, str) else "", name if isinstance(name, str) else ""


def _with(value: Value, one: Edit) -> Value | Refused:
    """What the document is to say."""
    wanted: Value = deepcopy(value)
    here: Value = wanted
    for part in one.path[:-1]:
        if not isinstance(here, dict):
            return Refused(f"{dotted(one.path)} stands below something that is no group")
        if part not in here:
            if one.value is None:
                return wanted
            here[part] = {}
        here = here[part]
    if not isinstance(here, dict):
        return Refused(f"{dotted(one.path)} stands below something that is no group")
    if one.value is None:
        here.pop(one.path[-1], None)
    else:
        here[one.path[-1]] = one.value
    return wanted


def _token(value: str | int | bool) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    plain = _PLAIN.fullmatch(value) and plain_value(value) == value and value.lower() not in _OLD_BOOLEANS
    return value if plain else json.dumps(value, ensure_ascii=False)


def _set(lines: list[str], document: Document, path: tuple[str, ...], token: str) -> str:
    """Edits `lines`; a reason where that cannot be done."""
    if path in document.values:
        span = document.values[path]
        if span.end_column is None:
            return "its value stands on several lines, or is empty"
        before = lines[span.line - 1]
        lines[span.line - 1] = f"{before[: span.column - 1]}{token}{before[span.end_column - 1 :]}"
        return ""
    written = next((length for length in range(len(path) - 1, 0, -1) if path[:length] in document.values), 0)
    parent, rest = path[:written], path[written:]
    flow = _flow_start(lines, document, parent)
    if flow is not None:
        inner = token
        for part in reversed(rest[1:]):
            inner = f"{{{part}: {inner}}}"
        line, column = flow
        text = lines[line]
        empty = text[column:].lstrip().startswith("}")
        lines[line] = f"{text[:column]}{rest[0]}: {inner}{'' if empty else ', '}{text[column:]}"
        return ""
    first = _children(document, parent)
    if not first:
        return "the group it belongs to is empty"
    indent = first[0][1].column - 1
    if lines[first[0][1].line - 1][:indent].strip():
        return "the group it belongs to begins beside something else"
    ending = _line_end(lines)
    new = []
    for depth, part in enumerate(rest):
        value = f" {token}" if depth == len(rest) - 1 else ""
        new.append(f"{' ' * (indent + 2 * depth)}{part}:{value}{ending}")
    at = _after(lines, document, first)
    if at and not lines[at - 1].endswith(("\n", "\r")):
        lines[at - 1] += ending
        new[-1] = new[-1].removesuffix(ending)
    lines[at:at] = new
    return ""


def _children(document: Document, parent: Path) -> list[tuple[Path, _Place]]:
    """Keys of a mapping in the order they were written."""
    depth = len(parent) + 1
    found = [(path, _Place(span.line, span.column)) for path, span in document.keys.items() if len(path) == depth and path[:-1] == parent]
    return sorted(found, key=lambda item: item[1])


class _Place(NamedTuple):
    line: int
    column: int


def _after(lines: list[str], document: Document, children: list[tuple[Path, _Place]]) -> int:
    """Index of the line before which a new child goes: behind the last child whose value ends on its own line, else before the first."""
    for path, place in reversed(children):
        span = document.values.get(path)
        ends_here = span is not None and span.end_column is not None and span.line == place.line
        if ends_here and not lines[place.line - 1][: place.column - 1].strip():
            return place.line
    return children[0][1].line - 1


def _flow_start(lines: list[str], document: Document, parent: Path) -> tuple[int, int] | None:
    """Line and column behind the brace of a mapping in flow style."""
    span = document.values.get(parent)
    if span is None or lines[span.line - 1][span.column - 1 : span.column] != "{":
        return None
    return span.line - 1, span.column


def _remove(lines: list[str], document: Document, path: tuple[str, ...]) -> str:
    key, value = document.keys.get(path), document.values.get(path)
    if key is None or value is None:
        return "it is not written"
    if value.end_column is None or value.line != key.line:
        return "its value stands on several lines"
    line = lines[key.line - 1]
    siblings = _children(document, path[:-1])
    flow = _flow_start(lines, document, path[:-1])
    if flow is not None:
        start, end = key.column - 1, value.end_column - 1
        behind = re.match(r"\s*,\s*", line[end:])
        before = re.search(r",\s*$", line[:start])
        if behind:
            end += behind.end()
        elif before:
            start = before.start()
        elif len(siblings) > 1:
            return "its neighbours stand on other lines"
        lines[key.line - 1] = line[:start] + line[end:]
        return ""
    if line[: key.column - 1].strip() or re.match(r"\s*(#.*)?$", line[value.end_column - 1 :].rstrip("\r\n")) is None:
        return "something else stands on its line"
    if len(siblings) == 1:
        return _empty(lines, document, path)
    del lines[key.line - 1]
    return ""


def _empty(lines: list[str], document: Document, path: tuple[str, ...]) -> str:
    """The only field of a group: the group stays, and is empty."""
    key = document.keys[path]
    group = document.keys.get(path[:-1])
    if group is None or group.line >= key.line:
        return "it is all there is"
    head = lines[group.line - 1]
    end = len(head.rstrip("\r\n"))
    colon = head.find(":", (group.end_column or group.column) - 1)
    if colon < 0:
        return "it is all there is"
    lines[group.line - 1] = f"{head[: colon + 1]} {{}}{head[colon + 1 : end]}{head[end:]}"
    del lines[key.line - 1]
    return ""


def _line_end(lines: list[str]) -> str:
    return "\r\n" if lines and lines[0].endswith("\r\n") else "\n"
