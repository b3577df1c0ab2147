"""Alerts, and the sign of life of what writes them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from reconcile.model.alert import Alert, Cause, Mailed
from reconcile.model.left_alone import LeftAlone
from reconcile.model.loop_sign import LoopSign


class AlertReader(Protocol):
    """A missing store reads as empty."""

    def alerts(self, *, ended: bool = False, kind: str = "") -> Sequence[Alert]:
        """Errors first, then the newest; with `ended` also those that are over; with `kind` those about such things alone."""
        ...

    def loop(self) -> LoopSign | None:
        """Of the last `run` that looked at mail; None where none ever did."""
        ...

    def left_alone(self) -> Sequence[LeftAlone]:
        """What that `run` does not ask for a while, as it said last."""
        ...


class AlertStore(AlertReader, Protocol):
    """Durable when a method returns."""

    def observe(self, causes: Sequence[Cause], *, now: datetime, keep_from: datetime) -> None:
        """These are so now, and nothing else: new ones begin, others go on, those that are missing end. Ended ones of before `keep_from`
        are forgotten."""
        ...

    def mailed(self, alert_id: int, what: Mailed) -> None:
        """Somebody was written to about it."""
        ...

    def leave_alone(self, found: Sequence[LeftAlone]) -> None:
        """These are not asked for a while, and nothing else."""
        ...

    def sign(self, sign: LoopSign) -> None:
        """The loop lives."""
        ...
