"""One result of a check, with its place."""

from __future__ import annotations

from datetime import datetime
from enum import IntEnum
from typing import Literal

from reconcile.lazy_dataclass import dataclass
from reconcile.model.key import Key
from reconcile.model.position import Position


class Severity(IntEnum):
    """Ordered, so that a gate is a comparison."""

    INFORMATION = 1
    WARNING = 2
    ERROR = 3

    def __str__(self) -> str:
        return self.name.lower()


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """Why a finding does not count: a Waiver (`name` its metadata.name, `until` its end), the baseline, or the approval that its rule asks
    for (`name` who gave it)."""

    by: Literal["waiver", "baseline", "approval"]
    name: str = ""
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """`rule` is a stable id such as `yaml/duplicate-key`; `message` says what, `hint` what to do next.

    `path` is the dotted path of the field inside the document ("spec.incoming.port"), `related` other places that
    belong to it (the first of two duplicates). `resource` is set when the document could be told apart.

    Findings of rules (their id has no slash) also say `cause`, the resource whose fault it is where one breaks many, and `values`, the
    variables that made the rule fire as (name, text). `accepted` findings are shown, but count for no gate.
    """

    rule: str
    severity: Severity
    message: str
    position: Position
    hint: str = ""
    path: str = ""
    resource: Key | None = None
    related: tuple[Position, ...] = ()
    cause: Key | None = None
    values: tuple[tuple[str, str], ...] = ()
    accepted: Accepted | None = None

    def sort_key(self) -> tuple[str, int, int, str, str, str, str]:
        """Order of printing: by place, then rule; whom it is about tells apart what is said of many at one place."""
        about = "" if self.resource is None else str(self.resource)
        return (self.position.file, self.position.line, self.position.column, self.rule, self.message, about, self.path)

    @property
    def counts(self) -> bool:
        """Whether a gate looks at it."""
        return self.accepted is None
