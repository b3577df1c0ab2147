"""The memory twin of alerts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field, replace
from datetime import datetime

from reconcile.lazy_dataclass import dataclass
from reconcile.model import instant
from reconcile.model.alert import Alert, Cause, Mailed
from reconcile.model.left_alone import LeftAlone
from reconcile.model.loop_sign import LoopSign


@dataclass(slots=True)
class MemoryAlerts:
    """See `AlertStore`."""

    _alerts: list[Alert] = field(default_factory=list)
    _sign: LoopSign | None = None
    _left_alone: tuple[LeftAlone, ...] = ()

    def alerts(self, *, ended: bool = False, kind: str = "") -> Sequence[Alert]:
        found = [alert for alert in self._alerts if (ended or not alert.ended) and kind in ("", alert.cause.kind)]
        return sorted(
            sorted(found, key=lambda one: (one.since, one.id), reverse=True), key=lambda one: (bool(one.ended), -one.cause.level.number)
        )

    def observe(self, causes: Sequence[Cause], *, now: datetime, keep_from: datetime) -> None:
        at = instant.text(now.replace(microsecond=0))
        current = {cause.identity: cause for cause in causes}
        after = []
        for alert in self._alerts:
            cause = None if alert.ended else current.pop(alert.cause.identity, None)
            if cause is not None:
                after.append(replace(alert, cause=cause, seen=at, count=alert.count + 1))
            elif not alert.ended:
                after.append(replace(alert, ended=at))
            elif datetime.fromisoformat(alert.ended) >= keep_from:
                after.append(alert)
        number = max((alert.id for alert in self._alerts), default=0)
        for cause in current.values():
            number += 1
            after.append(Alert(id=number, cause=cause, since=at, seen=at, count=1))
        self._alerts = after

    def mailed(self, alert_id: int, what: Mailed) -> None:
        self._alerts = [replace(alert, mailed=what) if alert.id == alert_id else alert for alert in self._alerts]

    def loop(self) -> LoopSign | None:
        return self._sign

    def sign(self, sign: LoopSign) -> None:
        self._sign = sign

    def left_alone(self) -> Sequence[LeftAlone]:
        return self._left_alone

    def leave_alone(self, found: Sequence[LeftAlone]) -> None:
        self._left_alone = tuple(found)
