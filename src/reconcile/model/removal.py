"""What may be done to a message at its server once it is kept here."""

from __future__ import annotations

from enum import StrEnum


class MarkAction(StrEnum):
    """`delete` after processing, `mark` with a keyword, `move` to the folder of undeliverable mail."""

    DELETE = "delete"
    MARK = "mark"
    MOVE = "move"
