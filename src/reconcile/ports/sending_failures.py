"""Failures to send that count toward ten, by mailbox."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from reconcile.lazy_dataclass import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class SendingFailures:
    """`failures` in a row, `counted_at` when the last was counted (UTC RFC 3339), and what it was."""

    failures: int
    counted_at: str
    error: str


class SendingFailureStore(Protocol):
    """Durable when a method returns."""

    def sending_failures(self) -> Mapping[str, SendingFailures]:
        """By mailbox id, of those that have any."""
        ...

    def keep(self, changed: Mapping[str, SendingFailures | None]) -> None:
        """Each as it is now; None for one that has none any more."""
        ...
