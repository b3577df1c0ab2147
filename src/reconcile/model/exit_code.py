"""The one table of exit codes, for all commands."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum


class ExitCode(IntEnum):
    """Values are what the process returns; `reason` is the same as a word, for JSON output."""

    NOTHING_TO_DO = 0
    FAILURE = 1
    CHANGES_PENDING = 2
    FINDINGS = 3
    BRAKE = 4
    STALE_PLAN = 5
    PARTLY_APPLIED = 6
    COULD_NOT_OBSERVE = 7
    LOCKED = 8
    USAGE = 64
    INTERRUPTED = 130

    @property
    def reason(self) -> str:
        """Stable word for machines."""
        return self.name.lower().replace("_", "-")


_PRECEDENCE = (130, 64, 8, 1, 7, 4, 3, 5, 6, 2, 0)

#: Shown in --help.
TABLE = (
    "0 nothing to do · 1 failure · 2 changes pending (plan --detailed-exitcode, drift) · 3 findings at or above the gate · "
    "4 brake tripped · 5 stale plan · 6 partly applied · 7 could not observe · 8 locked · 64 usage · 130 interrupted"
)


def strongest(codes: Iterable[ExitCode]) -> ExitCode:
    """The first that holds, by precedence; 0 when none is given."""
    seen = {int(code) for code in codes}
    return ExitCode(next((code for code in _PRECEDENCE if code in seen), 0))
