"""Taking in edits of appointments, contacts and tasks, batch by batch. An edit and its key are one transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial

from reconcile.lazy_dataclass import dataclass
from reconcile.model.activity_edit import EditRefusal, EditResult
from reconcile.model.intake import IntakeResult, LineOutcome, Refusal, Refused, Taken
from reconcile.model.item_edit import AddItem, ItemEdit, ItemEdited, ItemEditOutcome
from reconcile.ports.clock import Clock
from reconcile.ports.item_store import ItemStore
from reconcile.sync.decide.intake_line import column
from reconcile.sync.decide.item_files import FilesIn
from reconcile.sync.decide.item_line import item_line
from reconcile.sync.line_batches import EDITED, EDITS, edited_lines, line_batches
from reconcile.sync.lines import Line

_REFUSALS = {
    EditRefusal.CONFLICT: Refusal.CONFLICT,
    EditRefusal.NOT_FOUND: Refusal.NOT_FOUND,
    EditRefusal.KEY_USED: Refusal.KEY_USED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemIntake:
    """`by` is recorded with each edit. `files` says, as it is applied now, how attachments are taken in."""

    edits: ItemStore
    clock: Clock
    by: str
    files: Callable[[], FilesIn] = FilesIn

    def take(self, lines: Iterable[Line]) -> Iterator[list[LineOutcome]]:
        """Outcomes of lines in their order, batch by batch, each durable when it is told."""
        read = partial(item_line, files=self.files())
        for batch in line_batches(lines, EDITS):
            yield edited_lines(batch, read=read, edit=partial(self.edits.edit, at=self.clock.now(), by=self.by), tell=_outcome)


def _outcome(line: Line, edit: ItemEdit, outcome: ItemEditOutcome) -> LineOutcome:
    if isinstance(outcome, ItemEdited):
        added = isinstance(edit, AddItem) and outcome.result is EditResult.EDITED
        result = IntakeResult.ADDED if added else EDITED[outcome.result]
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
