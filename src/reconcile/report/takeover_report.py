"""What an import wrote or would write, and what it left alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from reconcile.desired.estate import is_table
from reconcile.lazy_dataclass import dataclass
from reconcile.model.exit_code import ExitCode
from reconcile.model.key import Key
from reconcile.plan.takeover.takeover import LeftOut, Takeover
from reconcile.report.counted import counted
from reconcile.report.safe_text import neutral

_FORMAT_VERSION = "1.0"
_EXAMPLES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportResult:
    """`files` are paths relative to `estate` with the number of documents in each (of a table: of rows), in the order of writing;
    `warnings` are for people."""

    takeover: Takeover
    estate: str
    origin: str
    files: Sequence[tuple[str, int]]
    written: bool
    warnings: Sequence[str] = ()


def takeover_text(result: ImportResult) -> str:
    """For people: a few lines each, however many rows there are."""
    return "\n".join(_lines(result))


def _lines(result: ImportResult) -> Iterator[str]:
    done = result.takeover
    verb = "wrote" if result.written else "would write"
    if result.files:
        yield f"{verb} {counted(len(result.files), 'file')} in {neutral(result.estate)}, from {neutral(result.origin)}"
        for folder, files in groupby(result.files, key=lambda file: file[0].rpartition("/")[0]):
            yield from _folder(folder, [*files])
    else:
        yield f"nothing to write in {neutral(result.estate)}: every row of {neutral(result.origin)} is declared, or is named below"
    if done.kept:
        yield f"stayed as they are, and their rows are as declared: {counted(len(done.kept), 'document')}"
    if done.differing:
        yield f"stayed as they are, and their rows differ (see `reconcile plan`): {counted(len(done.differing), 'document')}"
        yield from _some(f"{key}: {', '.join(paths)}" for key, paths in done.differing.items())
    if done.vanished:
        yield f"stayed as they are, and are not in {neutral(result.origin)}: {counted(len(done.vanished), 'document')}"
        yield from _some(map(str, done.vanished))
    for why, rows in _by_reason(done.left_out):
        yield f"left out {counted(len(rows), 'row')}: {neutral(why)}"
        yield from _some(f"{row.kind} {row.shown} ({row.external_id})" for row in rows)
    if done.unknown:
        yield f"could not be read: {len(done.unknown)}"
        yield from _some(done.unknown)
    yield from (f"warning: {neutral(warning)}" for warning in result.warnings)


def _folder(folder: str, files: list[tuple[str, int]]) -> Iterator[str]:
    yield from (f"  {neutral(path)}  ({rows:,} {'row' if rows == 1 else 'rows'})" for path, rows in files if is_table(path))
    files = [(path, documents) for path, documents in files if not is_table(path)]
    if len(files) <= _EXAMPLES:
        for path, documents in files:
            yield f"  {neutral(path)}" + (f"  ({documents} documents)" if documents > 1 else "")
        return
    documents = sum(number for _, number in files)
    together = "" if documents == len(files) else f" with {documents:,} documents"
    yield f"  {neutral(folder)}/  ({len(files):,} files{together}: {neutral(files[0][0].rpartition('/')[2])} and others)"


def _some(lines: Iterable[str]) -> Iterator[str]:
    every = [*lines]
    yield from (f"  {neutral(line)}" for line in every[:_EXAMPLES])
    if len(every) > _EXAMPLES:
        yield f"  and {len(every) - _EXAMPLES:,} more; --output json lists all"


def _by_reason(rows: Sequence[LeftOut]) -> Iterator[tuple[str, list[LeftOut]]]:
    """What is said of many rows alike, once. Ids and counts in the reason make it one of its own."""
    found: dict[str, list[LeftOut]] = {}
    for row in rows:
        found.setdefault(row.why, []).append(row)
    yield from found.items()


def takeover_json(result: ImportResult, code: ExitCode) -> dict[str, object]:
    """Everything, for programs."""
    done = result.takeover
    return {
        "formatVersion": _FORMAT_VERSION,
        "estate": result.estate,
        "origin": result.origin,
        "written": result.written,
        "files": [{"path": path, "rows" if is_table(path) else "documents": number} for path, number in result.files],
        "new": [str(draft.key) for draft in done.drafts],
        "kept": _keys(done.kept),
        "differing": [{"key": str(key), "fields": [*paths]} for key, paths in done.differing.items()],
        "vanished": _keys(done.vanished),
        "leftOut": [{"kind": row.kind, "externalId": row.external_id, "shown": row.shown, "why": row.why} for row in done.left_out],
        "unknown": [*done.unknown],
        "warnings": [*result.warnings],
        "exit": code.reason,
    }


def _keys(keys: Iterable[Key]) -> list[str]:
    return [str(key) for key in keys]
