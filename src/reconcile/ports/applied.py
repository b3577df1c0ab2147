"""The applied state of the `engine` target, as the sync engine reads it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from reconcile.ports.target import AppliedResource


class AppliedState(Protocol):
    """Read-only view; a missing store reads as empty."""

    def resources(self) -> Sequence[AppliedResource]:
        """All applied resources, in one consistent reading."""
        ...
