"""What every part of a plan file's form has in common."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from reconcile.model.position import Position


class StrictForm(BaseModel):
    """Nothing unknown, nothing of another type, nothing repeated in errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, alias_generator=to_camel, hide_input_in_errors=True)


class PositionForm(StrictForm):
    """A place in git."""

    file: str
    line: int
    column: int
    end_column: int | None = None

    def position(self) -> Position:
        """The value."""
        return Position(self.file, self.line, self.column, self.end_column)
