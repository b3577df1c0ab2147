"""A circuit breaker for one mail server, as a pure state machine. Times are seconds on the monotonic clock.

closed --FAILURES connection failures in a row--> open --after its pause, one mailbox tries--> closed again, at a rate: one at a time,
then with each success one more, until nothing limits it. A failure before that opens it again, for twice as long.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from reconcile.lazy_dataclass import dataclass

#: Connection failures in a row, with no success in between, that open it.
FAILURES: Final = 5
#: The first pause and the longest.
PAUSES: Final = (30.0, 900.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Circuit:
    """`until` is set while it is open, `probing` while one mailbox tries. `width` bounds how many may run at once after an outage, None:
    nothing is bounded. `held` is until when the server itself asked for a pause."""

    failures: int = 0
    until: float | None = None
    pause: float = 0.0
    probing: bool = False
    width: int | None = None
    held: float = 0.0

    @property
    def is_open(self) -> bool:
        """Whether the server is taken to be away."""
        return self.until is not None


CLOSED: Final = Circuit()


def admits(circuit: Circuit, *, running: int, now: float) -> bool:
    """Whether one more mailbox may start beside `running` ones."""
    if circuit.held > now:
        return False
    if circuit.until is not None:
        return circuit.until <= now and not circuit.probing
    return circuit.width is None or running < circuit.width


def started(circuit: Circuit) -> Circuit:
    """A mailbox that was admitted begins."""
    return replace(circuit, probing=True) if circuit.is_open else circuit


def after_failure(circuit: Circuit, *, now: float) -> Circuit:
    """Name, connection or TLS failed."""
    failures = circuit.failures + 1
    if circuit.is_open and not circuit.probing:
        # Began before it was opened.
        return replace(circuit, failures=failures)
    if not circuit.is_open and circuit.width is None and failures < FAILURES:
        return replace(circuit, failures=failures)
    first, longest = PAUSES
    pause = min(circuit.pause * 2 or first, longest)
    return Circuit(failures=failures, until=now + pause, pause=pause, held=circuit.held)


def after_success(circuit: Circuit, *, full: int) -> Circuit:
    """The server answered. With `full` at once nothing limits it any more."""
    if circuit.is_open:
        return Circuit(width=1, pause=circuit.pause, held=circuit.held)
    if circuit.width is not None and circuit.width + 1 < full:
        return replace(circuit, failures=0, width=circuit.width + 1)
    return replace(CLOSED, held=circuit.held) if circuit != CLOSED else circuit


def after_neither(circuit: Circuit, *, now: float) -> Circuit:
    """The look ended without saying anything about the server (its token endpoint was away, another process had the mailbox)."""
    return replace(circuit, probing=False, until=now) if circuit.probing else circuit


def after_request(circuit: Circuit, *, seconds: float, now: float) -> Circuit:
    """The server asked everybody for a pause."""
    return replace(after_neither(circuit, now=now), held=max(circuit.held, now + seconds))
