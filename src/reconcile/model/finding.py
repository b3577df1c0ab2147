"""One result of a check, with its place."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

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
class Finding:
    """`rule` is a stable id such as `yaml/duplicate-key`; `message` says what, `hint` what to do next.

    `path` is the dotted path of the field inside the document ("spec.incoming.port"), `related` other places that
    belong to it (the first of two duplicates). `resource` is set when the document could be told apart.
    """

    rule: str
    severity: Severity
    message: str
    position: Position
    hint: str = ""
    path: str = ""
    resource: Key | None = None
    related: tuple[Position, ...] = ()

    def sort_key(self) -> tuple[str, int, int, str, str]:
        """Order of printing: by place, then rule."""
        return (self.position.file, self.position.line, self.position.column, self.rule, self.message)
