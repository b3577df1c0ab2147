"""The mailbox lists of one environment: which table each means, and the mailboxes that come out.

The path is relative to the folder of the document that wrote it (a later layer may name another table). What came of a list that
cannot be used is held, because its path counts as a bad file.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import field
from typing import TYPE_CHECKING

from reconcile.desired.check import check, key_of, place_in
from reconcile.desired.documents import Part, SourceDocument
from reconcile.desired.draft import Draft, Reread
from reconcile.desired.suggest import did_you_mean
from reconcile.desired.surroundings import Surroundings
from reconcile.desired.wording import show
from reconcile.desired.yaml import Path, Value
from reconcile.desired.yaml_places import Document
from reconcile.lazy_dataclass import dataclass
from reconcile.model import kinds
from reconcile.model.canonical import Spec
from reconcile.model.finding import Finding
from reconcile.model.resource import Resource

if TYPE_CHECKING:
    from reconcile.desired.table import Layout

KIND = "MailboxList"
_GROUPS: Mapping[str, tuple[str, ...]] = {
    "metadata": ("name",),
    "management": ("lifecycle", "onRemoval", "protect", "ignore", "movedFrom"),
}
_NAMED = ("metadata.labels.", "metadata.annotations.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tables:
    """The CSV files of a tree. `refused` are findings about those that a source would not read; `content` reads one."""

    files: Sequence[str]
    refused: Mapping[str, Finding]
    content: Callable[[str], bytes | None]


@dataclass(slots=True, kw_only=True)
class MailboxLists:
    """What the lists of one environment gave. `bad` maps files to reasons, `held` lists."""

    tables: Tables
    documents: list[SourceDocument] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    drafts: list[Draft] = field(default_factory=list)
    bad: dict[str, str] = field(default_factory=dict)
    layouts: dict[str, Layout] = field(default_factory=dict)

    def expand(self, document: SourceDocument, around: Surroundings, parts: Mapping[tuple[str, int], SourceDocument]) -> Resource | None:
        """Take the table of a list. `parts` are the lists as they were written, one a layer. Returns the list itself when it is sound."""
        resource, drafts = check(document, around)
        if resource is not None:
            drafts += self._unknown_fields(document, resource.spec)
        file = self._file(document, parts)
        if resource is None or drafts:
            self.drafts += drafts
            self._give_up(document, file, drafts[0].message if drafts else document.broken)
            return None
        if (draft := self._not_there(document, file)) is not None:
            self.drafts.append(draft)
            self._give_up(document, file, draft.message)
            return None
        from reconcile.desired.table import read_table

        layout = _layout(document, resource.spec, file)
        self.layouts[file] = layout
        table = read_table(self.tables.content(file) or b"", layout)
        self.findings += table.findings
        self.documents += table.documents
        if table.bad:
            self.bad.setdefault(file, table.bad)
        return resource

    def reread(self, reread: Reread) -> Reread:
        """Finds cells too."""
        layouts, content = self.layouts, self.tables.content
        if not layouts:
            return reread
        from reconcile.desired.table import TablePlaces

        def again(file: str) -> Sequence[Document]:
            layout = layouts.get(file)
            return reread(file) if layout is None else TablePlaces(content(file) or b"", layout)

        return again

    def _give_up(self, document: SourceDocument, file: str, why: str) -> None:
        reason = f"{document.file}:{document.line}: {why}"
        for path in (document.file, *(part.file for part in document.over), *([file] if file else [])):
            self.bad.setdefault(path, reason)

    def _file(self, document: SourceDocument, parts: Mapping[tuple[str, int], SourceDocument]) -> str:
        """Path of the table from the root of the estate; "" where none was written."""
        for part in (*document.over, Part(document.file, document.index)):
            written = parts.get((part.file, part.index))
            file = _written_file(written) if written is not None else None
            if file is not None:
                return posixpath.normpath(posixpath.join(posixpath.dirname(part.file), file))
        return ""

    def _not_there(self, document: SourceDocument, file: str) -> Draft | None:
        if file.startswith("../") or file == "..":
            message, hint = f"{show(file, ())} lies outside the estate", "put the table into the estate"
        elif (refused := self.tables.refused.get(file)) is not None:
            self.findings.append(refused)
            message, hint = f"the table {file} cannot be read: {refused.message}", refused.hint
        elif file in self.layouts:
            message = f"the table {file} is used by another list of this environment"
            hint = "one table gives one list; copy it if its mailboxes are to be declared twice"
        elif file not in self.tables.files:
            message = f"there is no table {file}"
            near = did_you_mean(file, self.tables.files)
            hint = near if near.startswith("did") else "write its path relative to the folder of this document"
        else:
            return None
        return _draft(document, "table/missing", message, hint, ("spec", "file"))

    def _unknown_fields(self, document: SourceDocument, spec: Spec) -> Iterator[Draft]:
        known = [*_leaves(), *(f"{group}.{name}" for group, names in _GROUPS.items() for name in names)]
        for header, path in _columns(spec).items():
            if path is None or path in known or any(path.startswith(prefix) and len(path) > len(prefix) for prefix in _NAMED):
                continue
            hint = did_you_mean(path, [*known, *(f"{prefix}NAME" for prefix in _NAMED)]) or "name a field of Mailbox as in `spec`"
            yield _draft(document, "table/unknown-field", f"Mailbox has no field {show(path, ())}", hint, ("spec", "columns", header))


def _leaves() -> Iterator[str]:
    for info in kinds.fields("Mailbox"):
        yield info.path
        if info.type == "secret":
            yield from (f"{info.path}.{part}" for part in ("ref", "generation", "expires"))


def _columns(spec: Spec) -> dict[str, str | None]:
    return {
        path.removeprefix("columns."): leaf if isinstance(leaf, str) else None for path, leaf in spec.items() if path.startswith("columns.")
    }


def _layout(document: SourceDocument, spec: Spec, file: str) -> Layout:
    from reconcile.desired.table import Layout

    # As written, so that variables are put into each mailbox and are found at their place in the list.
    value = document.value()
    written = value.get("spec") if isinstance(value, dict) else None
    settings = written.get("settings") if isinstance(written, dict) else None
    return Layout(
        file=file,
        delimiter=str(spec.get("delimiter", ",")),
        columns={header: None if path is None else _path(path) for header, path in _columns(spec).items()},
        settings=settings if isinstance(settings, dict) else {},
        under=tuple(Part(part.file, part.index, ("spec", "settings")) for part in (*document.over, Part(document.file, document.index))),
    )


def _path(text: str) -> Path:
    for prefix in _NAMED:
        if text.startswith(prefix):
            return (*prefix.rstrip(".").split("."), text.removeprefix(prefix))
    parts = text.split(".")
    return tuple(parts) if parts[0] in _GROUPS else ("spec", *parts)


def _written_file(document: SourceDocument) -> str | None:
    value: Value = document.value()
    spec = value.get("spec") if isinstance(value, dict) else None
    file = spec.get("file") if isinstance(spec, dict) else None
    return file if isinstance(file, str) else None


def _draft(document: SourceDocument, rule: str, message: str, hint: str, path: Path) -> Draft:
    return Draft(rule=rule, message=message, hint=hint, place=place_in(document, path), resource=key_of(document))
