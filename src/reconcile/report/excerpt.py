"""One line of source with a caret under it, for a terminal: nothing secret, nothing that steers, nothing endless."""

from __future__ import annotations

import re

from reconcile.desired.plaintext import SECRET_NAME, is_reference, known_forms
from reconcile.lazy_dataclass import dataclass
from reconcile.report.safe_text import neutral, width

MASK = "***"
_TAB = "    "
_LONGEST_CARET = 60

# `password: value`, also inside braces; the value ends where YAML ends it on this line.
_NAMED = re.compile(
    rf"(?:{SECRET_NAME.pattern.removeprefix('(?i)')})[\w.-]*[\"']?\s*:\s+(\"(?:[^\"\\]|\\.)*\"?|'[^']*'?|[^\s,{{}}\[\]#|>&*!][^,}}\]]*)",
    re.IGNORECASE,
)
# The inside of a key or certificate in base64.
_ENCODED = re.compile(r"[A-Za-z0-9+/]{40,}={0,2}")
# `password: {value: hunter2}` and `password: [hunter2]`: what stands in the braces on this line, and the texts in it.
_NAMED_GROUP = re.compile(rf"(?:{SECRET_NAME.pattern.removeprefix('(?i)')})[\w.-]*[\"']?\s*:\s+([{{\[].*)", re.IGNORECASE)
_GROUPED = re.compile(r"""(?:(\w+)["']?\s*:\s+)?("(?:[^"\\]|\\.)*"?|'[^']*'?|[^\s,{}\[\]"'][^,{}\[\]]*)""")
_OPEN_NAMES = ("generation", "expires")
_HARMLESS = re.compile(r"(?:null|~|true|false|[0-9]{1,3}|)$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Excerpt:
    """`line` ready to print, `caret` to print under it."""

    line: str
    caret: str


def excerpt(line: str, column: int, end_column: int | None, *, columns: int, secret: bool = False) -> Excerpt:
    """`column` and `end_column` count characters from 1. `secret`: what is marked must not be shown either."""
    start = min(max(column - 1, 0), len(line))
    end = min(max(end_column - 1, start), len(line)) if end_column is not None else start
    spans = _secret_spans(line, start, end) if secret else []
    shown, places = _masked(line, _merge([*spans, *_known_secrets(line)]))
    return _window(shown, places[start], max(places[end], places[start] + 1), columns)


def _secret_spans(line: str, start: int, end: int) -> list[tuple[int, int]]:
    key = re.compile(r"[\"']?\s*:\s+").match(line, end) if end > start else None
    span = (key.end(), len(line)) if key is not None else (start, end if end > start else len(line))
    text = line[slice(*span)].strip().strip("\"'")
    again = [(found.start(), found.end()) for found in re.finditer(re.escape(text), line)] if text else []
    return [span, *again]


def _known_secrets(line: str) -> list[tuple[int, int]]:
    spans = [(found.start(), found.end()) for found in known_forms().finditer(line)]
    spans += [(found.start(), found.end()) for found in _ENCODED.finditer(line) if _is_mixed(found.group())]
    for found in _NAMED.finditer(line):
        value = found.group(1).strip().strip("\"'")
        if not is_reference(value) and not _HARMLESS.match(value):
            spans.append((found.start(1), found.start(1) + len(found.group(1).rstrip())))
    for found in _NAMED_GROUP.finditer(line):
        for inner in _GROUPED.finditer(line, found.start(1)):
            value = inner.group(2).strip().strip("\"'")
            if inner.group(1) not in _OPEN_NAMES and not is_reference(value) and not _HARMLESS.match(value):
                spans.append((inner.start(2), inner.start(2) + len(inner.group(2).rstrip())))
    return spans


def _is_mixed(text: str) -> bool:
    """Forty random base64 characters have all three; a long name rarely does."""
    return any(map(str.isdigit, text)) and any(map(str.isupper, text)) and any(map(str.islower, text))


def _merge(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for start, end in sorted(span for span in spans if span[1] > span[0]):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _masked(line: str, spans: list[tuple[int, int]]) -> tuple[str, list[int]]:
    """The line as it may be shown, and for each index of the original the index in it."""
    parts: list[str] = []
    places: list[int] = []
    length = 0
    hidden = iter([*spans, (len(line) + 1, len(line) + 1)])
    start, end = next(hidden)
    for index, character in enumerate(line):
        if index >= end:
            start, end = next(hidden)
        if start <= index < end:
            places.append(length)
            if index == end - 1:
                parts.append(MASK)
                length += len(MASK)
            continue
        shown = _TAB if character == "\t" else neutral(character)
        places.append(length)
        parts.append(shown)
        length += len(shown)
    places.append(length)
    return "".join(parts), places


def _window(line: str, start: int, end: int, columns: int) -> Excerpt:
    """At most `columns` wide around the caret."""
    end = min(end, start + _LONGEST_CARET)
    left, right = "", ""
    if width(line) > columns:
        budget = columns - 2  # the two ellipses
        first = _back(line, start, budget // 3)
        last = _forth(line, start, budget - width(line[first:start]))
        first = _back(line, start, budget - width(line[start:last]))
        left, right = ("…" if first else ""), ("…" if last < len(line) else "")
        line, start, end = line[first:last], start - first, min(end, last) - first
    before = width(left) + width(line[:start])
    marked = max(1, width(line[start:end]))
    return Excerpt(f"{left}{line}{right}", " " * before + "^" * marked)


def _back(line: str, index: int, columns: int) -> int:
    """The first index from which the text up to `index` is at most `columns` wide."""
    while index > 0 and (columns := columns - width(line[index - 1])) >= 0:
        index -= 1
    return index


def _forth(line: str, index: int, columns: int) -> int:
    """The last index up to which the text from `index` is at most `columns` wide."""
    while index < len(line) and (columns := columns - width(line[index])) >= 0:
        index += 1
    return index
