"""The way of `reconcile import`: read the estate and the origin, decide, write what is new."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from reconcile.cli.context import Context
from reconcile.errors import DesiredStateError, SettingsError
from reconcile.lazy_dataclass import dataclass
from reconcile.model.canonical import Leaf
from reconcile.model.finding import Finding, Severity
from reconcile.model.key import SLUG_PATTERN, Key
from reconcile.model.observation import ObservedState
from reconcile.model.resource import DesiredState
from reconcile.ports.source import SourceFile

if TYPE_CHECKING:
    from reconcile.plan.takeover.declare import Draft
    from reconcile.report.estate_files import Layout
    from reconcile.report.takeover_report import ImportResult
    from reconcile.source.writer import EstateWriter

_ENVIRONMENT: Final = SourceFile(path="environment.yaml", content_id="", size=0)
_BLOCK: Final = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class _Origin:
    """What is imported from. `export` is the file of a snapshot, `target` what an Environment says of it."""

    observed: ObservedState
    words: str
    owners: dict[str, str]
    exposed: tuple[str, ...] = ()
    export: Path | None = None
    everything: bool = True
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Estate:
    """What git declares; `environment` is the document to be written where the estate had none."""

    desired: DesiredState
    folder: str
    environment: Draft | None = None


def taken_over(
    context: Context, origin: str, into: Path, layout: Layout | None, delimiter: str | None, *, write: bool
) -> ImportResult | None:
    """None when the estate cannot be used: what is wrong has been said then. Raises SettingsError for an origin that cannot be read."""
    from reconcile.plan.identity import pinned
    from reconcile.plan.takeover.takeover import take_over
    from reconcile.report.estate_files import estate_files
    from reconcile.report.takeover_report import ImportResult
    from reconcile.wiring.estate import estate_writer

    read = _read(context, origin, into, delimiter)
    estate = _estate(context, into, read)
    if estate is None:
        return None
    pinned(estate.desired, "organizationId", read.observed.organization_id)
    pinned(estate.desired, "tenantId", read.observed.tenant_id)
    takeover = take_over(read.observed, estate.desired, read.owners, everything=read.everything)
    drafts = [*([estate.environment] if estate.environment is not None else []), *takeover.drafts]
    writer = estate_writer(into)
    files: list[tuple[str, int]] = []
    warnings = [*_warnings(read)]
    if estate.environment is not None:
        files += _copied(read, into, estate.environment, writer if write else None)
    for file in estate_files(drafts, writer, layout=layout, folder=estate.folder, origin=read.words):
        if write and not writer.holds(file.path, file.content):
            writer.write(file.path, [file.content])
        # A list of mailboxes is one document, and declares nothing beside what its table does.
        files.append((file.path, len(file.drafts) or 1))
    return ImportResult(takeover=takeover, estate=str(into), origin=read.words, files=files, written=write, warnings=warnings)


def _read(context: Context, origin: str, into: Path, delimiter: str | None) -> _Origin:
    kind, _, path = origin.partition(":")
    match kind:
        case "snapshot" if path:
            return _snapshot(Path(path), into)
        case "engine" if not path:
            return _engine(context)
        case "csv" if path:
            return _table(Path(path), delimiter)
        case _:
            raise SettingsError(
                f"--from {origin!a} is nothing that can be imported from", hint="Write snapshot:PATH, engine, or csv:FILE after --from."
            )


def _snapshot(path: Path, into: Path) -> _Origin:
    from reconcile.wiring.target import SnapshotPath, snapshot_reader

    shown = _inside(path, into) or path.name
    reader = snapshot_reader(SnapshotPath(root=path.parent, path=path.name), shown=shown)
    observed = reader.observe()
    if not observed.rows:
        why = next(iter([*observed.unknown_kinds.values(), *observed.unknown_rows.values()]), "it has no rows")
        raise SettingsError(f"nothing can be imported from {path}: {why}", hint="Name an export: --from snapshot:FILE (docs/take-over.md).")
    return _Origin(observed=observed, words=shown, owners=dict(reader.names), exposed=reader.exposed, export=path)


def _engine(context: Context) -> _Origin:
    from reconcile.wiring.state import environment_name, open_database
    from reconcile.wiring.target import target_reader

    name = environment_name(context.settings, context.environment)
    with open_database(context.settings, name, read_only=True) as database:
        observed = target_reader("engine", database).observe()
    return _Origin(observed=observed, words=f"the store of {name}", owners={})


def _table(path: Path, delimiter: str | None) -> _Origin:
    from reconcile.desired.table_rows import NoTable, table_rows

    try:
        rows = table_rows(path.read_bytes(), delimiter=delimiter, time_zone="UTC")
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}", hint="Name a CSV file: --from csv:FILE.") from error
    except NoTable as error:
        raise SettingsError(f"nothing can be imported from {path}: {error.message}", hint=error.hint) from error
    remarks = [f"the column {header} means no field and is not used" for header in rows.unused]
    return _Origin(observed=rows.observed, words=path.name, owners={}, exposed=rows.secret, everything=False, remarks=tuple(remarks))


def _inside(path: Path, estate: Path) -> str | None:
    """The path of an export relative to the estate, where it lies in it."""
    resolved, root = path.resolve(), estate.resolve()
    return resolved.relative_to(root).as_posix() if resolved.is_relative_to(root) else None


def _estate(context: Context, into: Path, read: _Origin) -> _Estate | None:
    """The declared estate, with the Environment it is going to have."""
    from reconcile.desired.load import load
    from reconcile.report.document_text import document_text
    from reconcile.report.findings_text import findings_text
    from reconcile.wiring.estate import open_source

    source = open_source(into, None) if into.exists() else None
    listing = source.list() if source is not None else None
    listed: tuple[SourceFile, ...] = listing.files if listing is not None else ()
    refused: Sequence[Finding] = listing.findings if listing is not None else ()
    made: list[tuple[SourceFile, bytes]] = []

    def contents(files: Iterable[SourceFile]) -> Iterator[tuple[SourceFile, bytes | Finding]]:
        for file in files:
            yield from ((one, text) for one, text in made if one is file)
            if source is not None and not any(one is file for one, _ in made):
                yield from source.read([file])

    result = load(listed, refused, contents, environment=context.environment, source=str(into), revision="")
    environment = None
    if not result.environments:
        environment = _environment(context, into, read)
        made.append((_ENVIRONMENT, document_text(environment, origin=read.words).encode("utf-8")))
        result = load([*listed, _ENVIRONMENT], refused, contents, environment=None, source=str(into), revision="")
    errors = [finding for finding in result.findings if finding.severity >= Severity.ERROR]
    if errors or result.desired is None:
        for block in findings_text(errors, lambda path: None, color=context.progress, columns=context.talk_room):
            context.say(block + "\n")
        if result.desired is None or result.desired.held or result.desired.held_files:
            raise DesiredStateError(
                f"{into} has errors, so nobody can tell which rows it declares",
                hint=f"Mend the findings first: reconcile lint -C {into}",
            )
    own = result.desired.resources[Key("Environment", result.desired.environment)].spec.get("layers")
    folder = f"{own[-1]}/" if isinstance(own, tuple) and own and own[-1] != "." else ""
    return _Estate(desired=result.desired, folder=folder, environment=environment)


def _environment(context: Context, into: Path, read: _Origin) -> Draft:
    """The document of the environment: named with -e, else after the export."""
    from reconcile.model.slug import slug
    from reconcile.plan.takeover.declare import Draft

    observed = read.observed
    declared = next((row for row in observed.rows if row.kind == "Environment"), None)
    if declared is not None:
        # What is written is one tree: the folders that lay over each other where it was applied from are not in it.
        tree = {path: leaf for path, leaf in declared.spec.items() if path != "layers"}
        return Draft(key=Key("Environment", str(declared.name)), spec=tree, external_id="")
    export = read.export
    name = context.environment or slug(export.stem if export is not None else "") or "production"
    if not re.fullmatch(SLUG_PATTERN, name):
        raise SettingsError(f"{name!a} is no name of an environment", hint="Name it with lower-case letters, digits and dashes: -e NAME.")
    spec: dict[str, Leaf] = {}
    if export is not None:
        inside = _inside(export, into)
        spec = {"target.type": "snapshot", "target.path": inside or f"exports/{slug(export.stem) or 'export'}{export.suffix.lower()}"}
    if observed.organization_id is not None:
        spec["organizationId"] = observed.organization_id
    if observed.tenant_id is not None:
        spec["tenantId"] = observed.tenant_id
    return Draft(key=Key("Environment", name), spec=spec, external_id="")


def _copied(read: _Origin, into: Path, environment: Draft, writer: EstateWriter | None) -> list[tuple[str, int]]:
    """The export goes into the estate, where its Environment names it; not when it holds secrets. Without a writer it is only told."""
    path = environment.spec.get("target.path")
    if read.export is None or not isinstance(path, str) or _inside(read.export, into) is not None or read.exposed:
        return []
    if read.export.is_dir():
        files = [(f"{path}/{file.name}", file) for file in sorted(read.export.iterdir()) if file.suffix.lower() == ".json"]
    else:
        files = [(path, read.export)]
    for destination, file in files:
        if writer is not None and not writer.exists(destination):
            with file.open("rb") as opened:
                writer.write(destination, iter(lambda: opened.read(_BLOCK), b""))
    return [(destination, 0) for destination, _ in files]


def _warnings(read: _Origin) -> Iterator[str]:
    yield from read.remarks
    if read.exposed:
        columns = ", ".join(read.exposed)
        yield f"{read.words} holds secrets in the clear ({columns}); none is written. Change them, and export again without these columns"
