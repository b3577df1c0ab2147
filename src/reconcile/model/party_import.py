"""What an import of parties changed, or why it changed nothing."""

from __future__ import annotations

from dataclasses import field

from reconcile.lazy_dataclass import dataclass
from reconcile.model.exit_code import ExitCode


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectoryImport:
    """What an import changed, in rows. `superseded` are contacts made from mail whose address an imported row has now."""

    added: int
    changed: int
    unchanged: int
    removed: int
    superseded: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class WrongRow:
    """`line` and `column` count from 1, the column in characters."""

    line: int
    column: int
    message: str


@dataclass(slots=True, kw_only=True)
class PartyImported:
    """`done` is None when nothing was taken in: lines are wrong, or the brake held `removals` of `rows_before` rows.

    `wrong` are the first of `wrong_count` wrong lines. `kept_rest`: a whole import that removed nothing, because lines were left out.
    """

    done: DirectoryImport | None = None
    wrong: list[WrongRow] = field(default_factory=list)
    wrong_count: int = 0
    kept_rest: bool = False
    removals: int = 0
    rows_before: int = 0

    @property
    def code(self) -> ExitCode:
        """0 when every row was taken in, 6 when lines were left out, 4 for the brake, 1 when lines are wrong."""
        if self.done is None:
            return ExitCode.BRAKE if self.removals else ExitCode.FAILURE
        return ExitCode.PARTLY_APPLIED if self.wrong_count else ExitCode.NOTHING_TO_DO
