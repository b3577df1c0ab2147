"""A target that is a JSON export of the product's tables: read only, so it has a reader and no writer.

Rows that cannot be understood are Unknown with the reason; a table that is missing or not there to its end makes its kind Unknown.
"""

from __future__ import annotations

import errno
import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, assert_never

from reconcile.lazy_dataclass import dataclass
from reconcile.model import kinds
from reconcile.model.canonical import digest
from reconcile.model.columns import COLUMNS, Column, FieldRole, by_path
from reconcile.model.observation import ObservedState, Present
from reconcile.model.product_row import TABLES, ProductRow, external_id, read_row
from reconcile.ports.target import Capabilities, TargetIdentity
from reconcile.targets.snapshot.stream import CutOff, End, Item, Remark, Row, items

NAME: Final = "snapshot"
_KINDS: Final = tuple(TABLES)
CAPABILITIES: Final = Capabilities(
    kinds=_KINDS, adopted_only=frozenset({"Mailbox"}), chooses_id=False, keeps_names=False, runs_own_sync=True, writable=False
)

_KIND_OF: Final[Mapping[str, str]] = {table: kind for kind, (table, _) in TABLES.items()}
#: Tables that are read for names only, with their key and the column of the name.
_NAMED: Final[Mapping[str, tuple[str, str]]] = {
    "systemuser": ("systemuserid", "fullname"),
    "queue": ("queueid", "name"),
    "team": ("teamid", "name"),
    "businessunit": ("businessunitid", "name"),
}
_PLURALS: Final[Mapping[str, str]] = {"mailboxes": "mailbox", **{f"{name}s": name for name in (*_KIND_OF, *_NAMED) if name != "mailbox"}}
#: A file of a folder of exports: `mailbox.json`, `mailboxes-2.json`.
_FILE: Final = re.compile(r"([a-z]+)(?:[-_.]?[0-9]+)?\.json", re.IGNORECASE)
#: Fields that are told by several columns, so that the table of columns has none for them.
_DERIVED: Final = frozenset({"type", "incoming.protocol", "outgoing.protocol"})


def table_of(name: str) -> str | None:
    """The table of a name or of an entity set, whatever its case."""
    lower = name.lower()
    return lower if lower in _KIND_OF or lower in _NAMED else _PLURALS.get(lower)


class SnapshotReader:
    """`path` is a file or a folder of files, `shown` how people know it. Reads once, at the first question."""

    def __init__(self, path: Path, *, shown: str) -> None:
        self._path = path
        self._shown = shown
        self._observed: ObservedState | None = None
        #: Columns in which the export holds a secret in the clear, after `observe`.
        self.exposed: tuple[str, ...] = ()
        #: Names of owners by id, after `observe`.
        self.names: Mapping[str, str] = {}

    @property
    def name(self) -> str:
        return NAME

    @property
    def capabilities(self) -> Capabilities:
        return CAPABILITIES

    def identity(self) -> TargetIdentity:
        """As the row of the organization says."""
        observed = self.observe()
        return TargetIdentity(organization_id=observed.organization_id, tenant_id=observed.tenant_id)

    def observe(self) -> ObservedState:
        """Everything the export shows."""
        if self._observed is None:
            reading = _Reading()
            try:
                files = _files(self._path)
                for file in files:
                    reading.read(file)
                if not files:
                    reading.fault = "there is no file of a table in it, such as mailbox.json"
                self._observed = reading.state(self._shown, max((file.stat().st_mtime for file in files), default=None))
            except OSError as error:
                why = f"{self._shown} cannot be read: {error.strerror or type(error).__name__}"
                self._observed = ObservedState(target=NAME, refers_by_id=True, unknown_kinds=dict.fromkeys(_KINDS, why), origin=self._shown)
            self.exposed, self.names = tuple(sorted(reading.exposed)), reading.names
        return self._observed


def _files(path: Path) -> list[Path]:
    """The export itself, or the files of known tables in a folder. Raises OSError."""
    if not path.is_dir():
        path.stat()
        return [path]
    found = [file for file in path.iterdir() if (name := _FILE.fullmatch(file.name)) and table_of(name[1])]
    for file in found:
        if file.is_symlink():  # it may lead to what others may not see
            raise OSError(errno.ELOOP, f"{file.name} is a link, which is not followed")
    return sorted(found, key=lambda file: (file.stem.rstrip("0123456789-_."), len(file.name), file.name))


@dataclass(slots=True)
class _Reading:
    rows: dict[str, tuple[str, ProductRow]] = field(default_factory=dict)
    twice: set[str] = field(default_factory=set)
    unknown: dict[str, str] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    columns: dict[str, set[str]] = field(default_factory=lambda: {kind: set() for kind in _KINDS})
    exposed: set[str] = field(default_factory=set)
    complete: set[str] = field(default_factory=set)
    more: dict[str, str] = field(default_factory=dict)
    cut: dict[str, str] = field(default_factory=dict)
    remarks: dict[str, str] = field(default_factory=dict)
    tenant: str | None = None
    fault: str = ""
    _seen: int = 0

    def read(self, file: Path) -> None:
        name = _FILE.fullmatch(file.name)
        with file.open("rb") as opened:
            try:
                for item in items(opened, (table_of(name[1]) if name else None) or "", table_of):
                    self._take(item)
            except CutOff as cut:
                self.fault = f"{file.name} is not complete: {cut.why}"
                if cut.table in _KIND_OF:
                    self.cut[_KIND_OF[cut.table]] = self.fault

    def _take(self, item: Item) -> None:
        match item:
            case Row(table=table, values=values):
                kind = _KIND_OF.get(table)
                if kind is not None:
                    self._row(kind, values)
                elif table in _NAMED:
                    key, column = _NAMED[table]
                    identity, name = values.get(key), values.get(column)
                    if isinstance(identity, str) and isinstance(name, str):
                        self.names[identity.lower()] = name
            case End(table=table, why=why):
                kind = _KIND_OF.get(table)
                if kind is not None and why:
                    self.more[kind] = why
                elif kind is not None:
                    self.complete.add(kind)
                    self.more.pop(kind, None)  # this was the last page
            case Remark(name=name, value=value):
                if isinstance(value, str):
                    self.remarks[name] = value
            case _:
                assert_never(item)

    def _row(self, kind: str, values: dict[str, object]) -> None:
        self._seen += 1
        identity = external_id(kind, values)
        if identity is None:
            self.unknown[f"{TABLES[kind][0]} {self._seen}"] = f"a row of {TABLES[kind][0]} without an id in {TABLES[kind][1]}"
            return
        if kind == "Organization" and isinstance(tenant := values.get("tenantid"), str):
            self.tenant = tenant.lower()
        try:
            row = read_row(kind, values)
        except ValueError as error:
            self.unknown[identity] = f"{TABLES[kind][0]}: {error}"
            return
        if identity in self.rows:
            self.twice.add(identity)
        self.rows[identity] = (kind, row)
        self.columns[kind] |= row.columns
        self.exposed.update(row.secrets)

    def state(self, shown: str, changed: float | None) -> ObservedState:
        for identity in self.twice:
            self.unknown[identity] = f"{TABLES[self.rows.pop(identity)[0]][0]}: the export has this row twice"
        unknown_kinds = {**self.more, **self.cut}
        for kind in _KINDS:
            if kind not in self.complete and kind not in unknown_kinds:
                unknown_kinds[kind] = self.fault or f"the export has no table {TABLES[kind][0]}"
        organizations = [identity for identity, (kind, _) in self.rows.items() if kind == "Organization"]
        return ObservedState(
            target=NAME,
            organization_id=organizations[0] if len(organizations) == 1 else None,
            tenant_id=self.tenant,
            refers_by_id=True,
            rows=tuple(self._present(kind, row) for kind, row in self.rows.values()),
            unknown_rows=dict(sorted(self.unknown.items())),
            unknown_kinds=dict(sorted(unknown_kinds.items())),
            hidden={kind: _hidden(kind, self.columns[kind]) for kind in _KINDS},
            origin=_origin(shown, self.remarks, changed),
        )

    def _present(self, kind: str, row: ProductRow) -> Present:
        attributes = {name: sys.intern(self.names.get(identity, identity)) for name, identity in row.attributes.items()}
        return Present(
            kind=kind,
            external_id=row.external_id,
            spec=row.spec,
            version=digest(row.spec),
            attributes=attributes,
            built_in=row.built_in,
        )


def _hidden(kind: str, columns: Iterable[str]) -> dict[str, str]:
    """Which fields the export does not show, and why."""
    shown = {column.path for column in _desired_columns(kind, columns)}
    if "type" in columns:
        shown.add("type")
    if "serverType" in shown:
        shown |= {"incoming.protocol", "outgoing.protocol"}
    found: dict[str, str] = {}
    for info in kinds.fields(kind):
        column = by_path(kind).get(info.path)
        if info.path in shown:
            continue
        if info.type == "secret":
            found[info.path] = "the product never shows a secret"
        elif info.path in _DERIVED:
            found[info.path] = "the export does not tell"
        elif column is None:
            found[info.path] = "the product has no column for it"
        elif column.role is FieldRole.WATERMARK:
            found[info.path] = "the product moves this date on by itself"
        elif column.name.startswith("filter/"):
            found[info.path] = "it stands in the settings of the user or in the queue, not in this export"
        else:
            found[info.path] = f"the export does not have {column.name}"
    return found


def _desired_columns(kind: str, columns: Iterable[str]) -> list[Column]:
    wanted = set(columns)
    return [column for column in COLUMNS[kind] if column.role is FieldRole.DESIRED and column.name in wanted]


def _origin(shown: str, remarks: Mapping[str, str], changed: float | None) -> str:
    """`exports/prod.json of 2026-11-20 07:30 UTC`; the date is the export's own where it has one, else that of the file."""
    stated = next((value for name, value in remarks.items() if name.lower() == "exportedat"), None)
    moment = None
    if stated is not None:
        try:
            moment = datetime.fromisoformat(stated)
        except ValueError:
            moment = None
    if moment is None and changed is not None:
        moment = datetime.fromtimestamp(changed, UTC)
    if moment is None:
        return shown
    utc = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    return f"{shown} of {utc:%Y-%m-%d %H:%M} UTC"
