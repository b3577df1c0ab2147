"""Lines of an intake, taken in batches that share a transaction: each is read, what can be read goes to the store together, and each gets
its outcome, in the order of the lines."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final, TypeVar

from reconcile.model.activity_edit import EditResult
from reconcile.model.intake import IntakeResult, LineOutcome, Refused
from reconcile.sync.decide.intake_line import LineError
from reconcile.sync.lines import Line
from reconcile.sync.refusal import misfit, too_long

T = TypeVar("T")
#: What became of a T.
R = TypeVar("R")

#: So many edits, or about so many octets, share a transaction: their lines may bear files.
EDITS: Final = (256, 32 << 20)
#: What the store did with an edit, in the words of an intake.
EDITED: Final = {
    EditResult.EDITED: IntakeResult.EDITED,
    EditResult.UNCHANGED: IntakeResult.UNCHANGED,
    EditResult.REPEATED: IntakeResult.REPEATED,
}


def line_batches(lines: Iterable[Line], bounds: tuple[int, int]) -> Iterator[list[Line]]:
    """`bounds`: lines and octets of a batch, which ends with the line that reaches either."""
    most, octets = bounds
    batch, size = list[Line](), 0
    for line in lines:
        batch.append(line)
        size += len(line.data or b"")
        if len(batch) >= most or size >= octets:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def edited_lines(
    batch: Sequence[Line],
    *,
    read: Callable[[bytes], T],
    edit: Callable[[Sequence[T]], Iterable[R]],
    tell: Callable[[Line, T, R], LineOutcome],
) -> list[LineOutcome]:
    """Outcomes of a batch. `read` raises LineError, `edit` answers for each in order."""
    found = [_read(line, read) for line in batch]
    outcomes = iter(edit([one for one in found if not isinstance(one, Refused)]))
    return [one if isinstance(one, Refused) else tell(line, one, next(outcomes)) for line, one in zip(batch, found, strict=True)]


def _read(line: Line, read: Callable[[bytes], T]) -> T | Refused:
    if line.data is None:
        return too_long(line)
    try:
        return read(line.data)
    except LineError as error:
        return misfit(line, error)
