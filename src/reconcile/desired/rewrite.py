"""A file of an older version, rewritten for today: only the words that change, all else as it was to the last byte.

Comments, quotes, line ends and byte-order mark stay because they are never touched. What comes out is read again and must mean
what the old file meant; otherwise it is not offered.
"""

from __future__ import annotations

from reconcile.desired.migrations import is_old, migrated, steps_from
from reconcile.desired.text import read_text
from reconcile.desired.yaml import read_values
from reconcile.desired.yaml_places import Document, Span, read_places
from reconcile.lazy_dataclass import dataclass
from reconcile.model.finding import Finding, Severity
from reconcile.model.key import API_VERSION
from reconcile.model.position import Position

_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rewritten:
    """`content` is None where nothing changes, or the file cannot be rewritten (`findings` say why). `documents` counts what changed."""

    content: bytes | None = None
    documents: int = 0
    findings: tuple[Finding, ...] = ()


def rewrite(data: bytes, *, file: str) -> Rewritten:
    """Raises nothing for bad input."""
    places = read_places(data, file=file)
    old = [document for document in places.documents if is_old(document.value)]
    if places.findings or not places.complete:
        # Whoever cannot read all of it does not write it either.
        return Rewritten(findings=places.findings)
    if not old:
        return Rewritten()
    text = read_text(data)
    assert isinstance(text, str)
    edits = [edit for document in old for edit in _edits(document)]
    written = _MARK * data.startswith(_MARK) + _edited(text, edits).encode("utf-8")
    before, after = read_values(data), read_values(written)
    if before is None or after is None or [migrated(value) for _, value in before] != [value for _, value in after]:
        finding = Finding(
            rule="document/not-migrated",
            severity=Severity.ERROR,
            message="the file cannot be rewritten without changing what it says",
            hint=f"write apiVersion: {API_VERSION} yourself, and rename what `reconcile lint` then shows",
            position=Position(file, old[0].start.line),
        )
        return Rewritten(findings=(finding,))
    return Rewritten(content=written, documents=len(old))


def _edits(document: Document) -> list[tuple[Span, str]]:
    """(place of a word, what stands there from now on)."""
    value = document.value
    assert isinstance(value, dict)
    renamed = [
        (document.keys[step.path], step.name)
        for step in steps_from(str(value["apiVersion"]))
        if value.get("kind") == step.kind and step.path in document.keys and (*step.path[:-1], step.name) not in document.keys
    ]
    return [(document.values["apiVersion",], API_VERSION), *renamed]


def _edited(text: str, edits: list[tuple[Span, str]]) -> str:
    """Each word replaced; quotes around it stay."""
    lines = text.splitlines(keepends=True) if "\n" in text or "\r" in text else [text]
    for span, word in sorted(edits, key=lambda edit: (edit[0].line, edit[0].column), reverse=True):
        line = lines[span.line - 1]
        end = span.end_column if span.end_column is not None else len(line) + 1
        there = line[span.column - 1 : end - 1]
        quote = there[0] if there[:1] in ("'", '"') else ""
        lines[span.line - 1] = f"{line[: span.column - 1]}{quote}{word}{quote}{line[end - 1 :]}"
    return "".join(lines)
