"""What became of what a CRM handed in, as JSON. Field names are public: they change only with `formatVersion`."""

from __future__ import annotations

from typing import assert_never

from reconcile.model.activity_edit import Edited
from reconcile.model.intake import LineOutcome, Refused, Taken, Tally

FORMAT_VERSION = "1.0"


def edited_json(outcome: Edited) -> dict[str, object]:
    """One edit that was not refused."""
    return {"outcome": str(outcome.result), "id": outcome.activity_id, "version": outcome.version}


def outcome_json(outcome: LineOutcome) -> dict[str, object]:
    """One line of a batch. A refused one bears its place, its reason as a stable word, and the next step."""
    match outcome:
        case Taken():
            version = {} if outcome.version is None else {"version": outcome.version}
            return {"line": outcome.line, "clientKey": outcome.client_key, "outcome": str(outcome.result), "id": outcome.id, **version}
        case Refused():
            return {
                "line": outcome.line,
                "clientKey": outcome.client_key or None,
                "outcome": "refused",
                "reason": str(outcome.refusal),
                "column": outcome.column,
                "field": outcome.field or None,
                "message": outcome.message,
                "hint": outcome.hint,
                "version": outcome.version,
            }
        case _:
            assert_never(outcome)


def tally_json(tally: Tally) -> dict[str, object]:
    """The last line of a batch."""
    counts = {str(result): number for result, number in tally.taken.items()}
    return {"formatVersion": FORMAT_VERSION, "counts": {**counts, "refused": tally.refused}, "exit": tally.code.reason}
