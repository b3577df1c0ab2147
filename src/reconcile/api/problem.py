"""What a caller did wrong, or cannot have now: a status, a stable word, and the next step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import TypeAlias

from reconcile.errors import CursorInvalid, PermanentError, PreconditionFailed, ReconcileError, Superseded, TransientError, UserError
from reconcile.lazy_dataclass import dataclass

#: Answers that are not 200 and say so in JSON.
Headers: TypeAlias = Mapping[str, str]


@dataclass(slots=True)
class Problem(Exception):
    """`kind` is a stable word. `close`: the connection ends, because what follows on it cannot be told apart any more."""

    status: int
    kind: str
    message: str
    hint: str
    headers: Headers = field(default_factory=dict)
    close: bool = False


def problem_of(error: ReconcileError) -> Problem:
    """An error of ours as an answer."""
    kind = type(error).__name__
    match error:
        case CursorInvalid():
            return Problem(410, kind, error.message, error.hint)
        case Superseded():
            return Problem(503, kind, error.message, error.hint, {"Retry-After": "1"}, close=True)
        case UserError():
            return Problem(400, kind, error.message, error.hint)
        case PreconditionFailed():
            return Problem(409, kind, error.message, error.hint)
        case TransientError():
            return Problem(503, kind, error.message, error.hint or "Try again.", {"Retry-After": "1"})
        case PermanentError():
            return Problem(500, kind, error.message, error.hint)
        case _:
            return Problem(500, kind, error.message, error.hint)


def no_such(what: str, hint: str) -> Problem:
    """404."""
    return Problem(404, "NotFound", f"there is no {what}", hint)
