"""Taking in edits of appointments, contacts and tasks, batch by batch. An edit and its key are one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from reconcile.lazy_dataclass import dataclass
from reconcile.model.activity_edit import EditRefusal, EditResult
from reconcile.model.intake import IntakeResult, LineOutcome, Refusal, Refused, Taken
from reconcile.model.item_edit import AddItem, ItemEdit, ItemEdited, ItemEditOutcome
from reconcile.ports.clock import Clock
from reconcile.ports.item_store import ItemStore
from reconcile.sync.decide.intake_line import LineError, column
from reconcile.sync.decide.item_line import item_line
from reconcile.sync.lines import Line
from reconcile.sync.refusal import misfit, too_long

_BATCH = 256
_RESULTS = {
    EditResult.EDITED: IntakeResult.EDITED,
    EditResult.UNCHANGED: IntakeResult.UNCHANGED,
    EditResult.REPEATED: IntakeResult.REPEATED,
}
_REFUSALS = {
    EditRefusal.CONFLICT: Refusal.CONFLICT,
    EditRefusal.NOT_FOUND: Refusal.NOT_FOUND,
    EditRefusal.KEY_USED: Refusal.KEY_USED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemIntake:
    """`by` is recorded with each edit."""

    edits: ItemStore
    clock: Clock
    by: str

    def take(self, lines: Iterable[Line]) -> Iterator[list[LineOutcome]]:
        """Outcomes of lines in their order, batch by batch, each durable when it is told."""
        batch: list[Line] = []
        for line in lines:
            batch.append(line)
            if len(batch) >= _BATCH:
                yield self._take(batch)
                batch = []
        if batch:
            yield self._take(batch)

    def _take(self, batch: list[Line]) -> list[LineOutcome]:
        read = [_edit(line) for line in batch]
        given = [one for one in read if not isinstance(one, Refused)]
        outcomes = iter(self.edits.edit(given, at=self.clock.now(), by=self.by))
        return [one if isinstance(one, Refused) else _outcome(line, one, next(outcomes)) for line, one in zip(batch, read, strict=True)]


def _edit(line: Line) -> ItemEdit | Refused:
    if line.data is None:
        return too_long(line)
    try:
        return item_line(line.data)
    except LineError as error:
        return misfit(line, error)


def _outcome(line: Line, edit: ItemEdit, outcome: ItemEditOutcome) -> LineOutcome:
    if isinstance(outcome, ItemEdited):
        added = isinstance(edit, AddItem) and outcome.result is EditResult.EDITED
        result = IntakeResult.ADDED if added else _RESULTS[outcome.result]
        return Taken(line=line.number, client_key=edit.client_key, result=result, id=outcome.id, version=outcome.version)
    assert line.data is not None
    return Refused(
        line=line.number,
        column=column(line.data.decode("utf-8-sig"), tuple(outcome.field.split("."))),
        client_key=edit.client_key,
        refusal=_REFUSALS[outcome.refusal],
        field=outcome.field,
        message=outcome.message,
        hint=outcome.hint,
        version=outcome.version,
    )
