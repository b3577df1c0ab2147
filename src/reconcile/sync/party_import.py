"""An import of parties: read, checked to the end, and only then taken in."""

from __future__ import annotations

from collections.abc import Iterator
from io import BufferedReader
from typing import IO, Final

from reconcile.model import instant
from reconcile.model.party import PartyRef, PartyRow
from reconcile.model.party_import import PartyImported, WrongRow
from reconcile.ports.clock import Clock
from reconcile.ports.party_directory import PartyStore, TooManyRemovals
from reconcile.sync.decide.given_row import GivenRow, GivenRows, UnreadableFile
from reconcile.sync.party_csv import csv_rows
from reconcile.sync.party_json import json_array, json_lines

#: What is wrong is told so often; the rest is counted.
MOST_TOLD: Final = 100
#: Each row's key is remembered, to tell those that are given twice.
MOST_ROWS: Final = 2_000_000


class _LinesAreWrong(Exception):
    """Ends the reading before anything is written; never leaves this module."""


def removal_limit(rows: int) -> int:
    """How many rows a whole import may remove unasked: three, or a tenth of what was imported."""
    return max(3, rows // 10)


def import_parties(
    store: PartyStore,
    stream: IO[bytes],
    clock: Clock,
    *,
    form: str = "",
    delimiter: str = "",
    incremental: bool = False,
    skip_invalid: bool = False,
    allow_removals: bool = False,
) -> PartyImported:
    """`form` is csv, json, or "" where the beginning of the file tells. Raises UnreadableFile."""
    result = PartyImported()
    gone: list[PartyRef] = []

    def whole() -> bool:
        # What is left out of a whole import would look as if the CRM no longer had it.
        result.kept_rest = not incremental and result.wrong_count > 0
        return not incremental and not result.kept_rest

    try:
        result.done = store.take_in(
            _checked(_opened(stream, form, delimiter), result, gone, incremental=incremental, skip_invalid=skip_invalid),
            removed=gone,
            whole=whole,
            at=instant.text(clock.now()),
            most_removals=None if allow_removals else removal_limit,
        )
    except _LinesAreWrong:
        pass
    except TooManyRemovals as error:
        result.removals, result.rows_before = error.removals, error.rows
    return result


def _checked(given: GivenRows, result: PartyImported, gone: list[PartyRef], *, incremental: bool, skip_invalid: bool) -> Iterator[PartyRow]:
    seen: dict[int, int] = {}
    for each in given:
        wrong = each if isinstance(each, WrongRow) else _misplaced(each, seen, incremental=incremental)
        if wrong is not None:
            result.wrong_count += 1
            if len(result.wrong) < MOST_TOLD:
                result.wrong.append(wrong)
            continue
        assert isinstance(each, GivenRow)
        if each.removed:
            gone.append(each.row.ref)
        else:
            yield each.row
    if result.wrong_count and not skip_invalid:
        raise _LinesAreWrong


def _misplaced(given: GivenRow, seen: dict[int, int], *, incremental: bool) -> WrongRow | None:
    """What is wrong with a row beside the others."""
    ref = given.row.ref
    first = seen.setdefault(hash((ref.type, ref.id)), given.number)
    if first != given.number:
        line, column = given.place("id")
        return WrongRow(line=line, column=column, message=f"{ref.type} {ref.id!r} is given twice, first as number {first}")
    if given.removed and not incremental:
        line, column = given.place("removed")
        return WrongRow(line=line, column=column, message="a row is marked as removed only with --incremental; else leave it out")
    if len(seen) > MOST_ROWS:
        line, _ = given.place("id")
        raise UnreadableFile(f"more than {MOST_ROWS:,} rows", line=line, hint="Import what writes mail: leave out rows without addresses.")
    return None


def _opened(stream: IO[bytes], form: str, delimiter: str) -> GivenRows:
    buffered = stream if isinstance(stream, BufferedReader) else BufferedReader(stream)  # type: ignore[type-var]
    head = buffered.peek(1)
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise UnreadableFile("this is UTF-16, not UTF-8", line=1)
    if head[:4] == b"PK\x03\x04":
        raise UnreadableFile("this is a workbook or an archive, not a text", line=1)
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if not start:
        raise UnreadableFile("there is nothing in it", line=1, hint="Name the file that the CRM's export has written.")
    if form == "csv" or (not form and start[:1] not in (b"{", b"[")):
        return csv_rows(buffered, delimiter)
    return json_array(buffered) if start[:1] == b"[" else json_lines(buffered)
