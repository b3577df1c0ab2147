"""Refused sign-ins of the last hour, over all processes on this state."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from reconcile.model.sign_in_refusals import Refusal


class SignInRefusals(Protocol):
    """Durable when a method returns."""

    def refuse(self, account: str, refusal: Refusal) -> None:
        """One more. What is older than an hour is forgotten."""
        ...

    def recent(self, account: str, *, now: datetime) -> Sequence[Refusal]:
        """Those of the last hour."""
        ...
