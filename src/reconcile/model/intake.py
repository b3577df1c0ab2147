"""What became of each line of a batch that a CRM handed in."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import TypeAlias

from reconcile.lazy_dataclass import dataclass
from reconcile.model.exit_code import ExitCode


class IntakeResult(StrEnum):
    """What became of a line that was not refused."""

    ADDED = "added"  # a mail
    EDITED = "edited"  # an activity
    UNCHANGED = "unchanged"  # the activity stood so already
    REPEATED = "already-there"  # this key was taken in before, with the same content


class Refusal(StrEnum):
    """Why a line was refused."""

    INVALID = "invalid"  # no JSON, a field that is wrong, a mail that cannot be made
    TOO_LONG = "too-long"
    NOT_ALLOWED = "not-allowed"  # a recipient outside of allowedRecipients
    UNRESOLVED = "unresolved-recipient"  # nobody of the directory has the address, and such mail is not sent
    NOT_CONSENTED = "send-as-not-allowed"  # the other mailbox's sendAs does not name this one
    NO_MAILBOX = "no-such-mailbox"
    CANNOT_SEND = "mailbox-cannot-send"
    ATTACHMENT = "attachment"  # cannot be read
    KEY_USED = "key-used"  # for something else
    CONFLICT = "conflict"  # the activity is at another version
    NOT_FOUND = "not-found"


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """`line` counts from 1. `id` is the mail's or the activity's, `version` the activity's."""

    line: int
    client_key: str
    result: IntakeResult
    id: int
    version: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """`column` counts characters of the line from 1. `version` is the one an activity stands at."""

    line: int
    column: int
    client_key: str
    refusal: Refusal
    field: str
    message: str
    hint: str
    version: int | None = None


LineOutcome: TypeAlias = Taken | Refused


@dataclass(slots=True)
class Tally:
    """Counts of a batch by outcome."""

    taken: dict[IntakeResult, int]
    refused: int = 0

    @classmethod
    def empty(cls) -> Tally:
        """Of nothing yet."""
        return cls(taken=dict.fromkeys(IntakeResult, 0))

    def count(self, outcomes: Iterable[LineOutcome]) -> None:
        """Add some."""
        for outcome in outcomes:
            if isinstance(outcome, Taken):
                self.taken[outcome.result] += 1
            else:
                self.refused += 1

    @property
    def code(self) -> ExitCode:
        """0 when every line was taken, 6 when some were, 1 when none was."""
        if not self.refused:
            return ExitCode.NOTHING_TO_DO
        return ExitCode.PARTLY_APPLIED if any(self.taken.values()) else ExitCode.FAILURE
