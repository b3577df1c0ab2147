"""Lines of a batch that are refused before anybody looks at what they ask for."""

from __future__ import annotations

from reconcile.model.intake import Refusal, Refused
from reconcile.sync.decide.intake_line import LineError, key_of
from reconcile.sync.lines import LONGEST_LINE, Line


def too_long(line: Line) -> Refused:
    """A line that was not kept."""
    return Refused(
        line=line.number,
        column=1,
        client_key="",
        refusal=Refusal.TOO_LONG,
        field="",
        message=f"the line has more than {LONGEST_LINE:,} octets",
        hint="Attach large files by their path, or send a link.",
    )


def misfit(line: Line, error: LineError) -> Refused:
    """A line that is not what it should be."""
    return Refused(
        line=line.number,
        column=error.column,
        client_key=key_of(line.data or b""),
        refusal=Refusal.INVALID,
        field=error.field,
        message=error.message,
        hint=error.hint,
    )
