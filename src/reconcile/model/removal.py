"""What may be done to a message at its server once it is decided and kept here."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class MarkAction(StrEnum):
    """`delete` after processing, keywords for what is tracked or undeliverable, `move` to the folder of undeliverable mail."""

    DELETE = "delete"
    TRACKED = "tracked"
    UNDELIVERABLE = "undeliverable"
    MOVE = "move"

    @property
    def for_kept(self) -> bool:
        """Whether it is done to kept messages; otherwise to those that were given up."""
        return self in (MarkAction.DELETE, MarkAction.TRACKED)


#: The counterparts of the product's categories "Tracked to Dynamics 365" and "Tracked to Dynamics 365 (Undeliverable)". The folder is
#: another mechanism, and has the product's name.
KEYWORDS: Final = {MarkAction.TRACKED: "Reconcile-Tracked", MarkAction.UNDELIVERABLE: "Reconcile-Undeliverable"}
UNDELIVERABLE_FOLDER: Final = "Undeliverable"
