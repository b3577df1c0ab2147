"""Taking in edits of tracked e-mail, batch by batch. An edit and its key are one transaction; a repeat is found by its key."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from typing import assert_never

from reconcile.lazy_dataclass import dataclass
from reconcile.model.activity_edit import Edit, Edited, EditOutcome, EditRefusal, EditRefused
from reconcile.model.intake import LineOutcome, Refusal, Refused, Taken
from reconcile.ports.clock import Clock
from reconcile.ports.edit_store import EditStore
from reconcile.sync.decide.edit_intake import edit_line
from reconcile.sync.decide.intake_line import column
from reconcile.sync.line_batches import EDITED, EDITS, edited_lines, line_batches
from reconcile.sync.lines import Line

#: Why the store refuses, and which field of the line that is about.
_REFUSALS = {
    EditRefusal.CONFLICT: (Refusal.CONFLICT, "expectedVersion"),
    EditRefusal.NOT_FOUND: (Refusal.NOT_FOUND, "id"),
    EditRefusal.KEY_USED: (Refusal.KEY_USED, "clientKey"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class EditIntake:
    """`by` is recorded with each edit."""

    edits: EditStore
    clock: Clock
    by: str

    def take(self, lines: Iterable[Line]) -> Iterator[list[LineOutcome]]:
        """Outcomes of lines in their order, batch by batch, each durable when it is told."""
        for batch in line_batches(lines, EDITS):
            yield edited_lines(batch, read=edit_line, edit=partial(self.edits.edit, at=self.clock.now(), by=self.by), tell=_outcome)


def _outcome(line: Line, edit: Edit, outcome: EditOutcome) -> LineOutcome:
    match outcome:
        case Edited():
            return Taken(
                line=line.number,
                client_key=edit.client_key,
                result=EDITED[outcome.result],
                id=outcome.activity_id,
                version=outcome.version,
            )
        case EditRefused():
            refusal, field = _REFUSALS[outcome.refusal]
            assert line.data is not None
            return Refused(
                line=line.number,
                column=column(line.data.decode("utf-8-sig"), (field,)),
                client_key=edit.client_key,
                refusal=refusal,
                field=field,
                message=outcome.message,
                hint=outcome.hint,
                version=outcome.version,
            )
        case _:
            assert_never(outcome)
