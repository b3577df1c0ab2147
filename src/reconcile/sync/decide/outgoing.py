"""What a try to send means for the mail, and when the next one is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import assert_never

from reconcile.model.outbox_step import Postpone, RecipientResult, Settle
from reconcile.model.outgoing import OutboxEntry, RecipientState
from reconcile.ports.sender import Broken, Delivery, Refused, Reply, Taken, Unanswered

#: How the reason of a counted try begins; waits that are about the mailbox have another.
_TRY = "try "


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """Waits double from `first` up to `ceiling`; after `attempts` tries what is still pending fails. The defaults give up after a day:
    soon enough for a person to notice, long enough for greylisting and a night's outage."""

    first: timedelta = timedelta(minutes=1)
    ceiling: timedelta = timedelta(hours=1)
    attempts: int = 30

    def wait(self, attempt: int) -> timedelta:
        """After try number `attempt`, counted from 1."""
        doublings = min(max(attempt, 1) - 1, 30)
        return min(self.ceiling, self.first * (1 << doublings))


def after_try(entry: OutboxEntry, owner: str, delivery: Delivery, *, now: datetime, policy: RetryPolicy) -> Settle:
    """What to write down after a try with `entry` as it was claimed."""
    results: dict[str, RecipientResult] = {}
    for recipient in entry.in_state(RecipientState.PENDING):
        reply = delivery.recipients.get(recipient.address)
        results[recipient.address] = _recipient(reply, delivery)
    last = entry.attempts >= policy.attempts
    if last:
        for address, result in results.items():
            if result.state is RecipientState.PENDING:
                results[address] = RecipientResult(
                    state=RecipientState.FAILED, reason=f"given up after {entry.attempts} tries: {result.reason}"
                )
    waits = any(result.state is RecipientState.PENDING for result in results.values())
    return Settle(
        owner=owner,
        attempt=entry.attempts,
        results=results,
        next_try_at=now + policy.wait(entry.attempts) if waits else None,
        why=f"{_TRY}{entry.attempts}: {_summary(results)}",
    )


def _recipient(reply: Reply | None, delivery: Delivery) -> RecipientResult:
    if reply is not None and not reply.is_positive:
        # 552 to RCPT means "too many recipients", and is to be taken as 452 (RFC 5321, 4.5.3.1.10).
        permanent = reply.is_permanent and reply.code != 552
        return RecipientResult(state=RecipientState.FAILED if permanent else RecipientState.PENDING, reason=str(reply))
    match delivery.end:
        case Taken(reply=answer):
            return RecipientResult(state=RecipientState.SENT, reason=str(answer))
        case Refused(step=step, permanent=permanent, why=why):
            return RecipientResult(state=RecipientState.FAILED if permanent else RecipientState.PENDING, reason=f"{why} ({step})")
        case Broken(step=step, why=why):
            return RecipientResult(state=RecipientState.PENDING, reason=f"{why} ({step})")
        case Unanswered(why=why) if reply is not None:
            return RecipientResult(
                state=RecipientState.UNCERTAIN, reason=f"no answer to the end of data ({why}); it may or may not have been sent"
            )
        case Unanswered() | None:
            return RecipientResult(state=RecipientState.PENDING, reason="not asked for in this try")
        case _:
            assert_never(delivery.end)


def _summary(results: dict[str, RecipientResult]) -> str:
    """One line: how many of each, and why for the one that most wants a person."""
    order = (RecipientState.SENT, RecipientState.PENDING, RecipientState.FAILED, RecipientState.UNCERTAIN)
    states = [result.state for result in results.values()]
    counts = ", ".join(f"{states.count(state)} {state}" for state in order if state in states)
    for state in (RecipientState.UNCERTAIN, RecipientState.FAILED, RecipientState.PENDING):
        for address, result in results.items():
            if result.state is state:
                return f"{counts}; {address}: {result.reason}"
    return f"{counts}: {next(iter(results.values())).reason}" if results else "nobody to send to"


def after_no_connection(entry: OutboxEntry, why: str, *, now: datetime, permanent: bool, policy: RetryPolicy) -> Postpone:
    """The server could not be reached or does not let us in. `permanent` is about the mailbox, not about this mail: it waits, uncounted,
    until somebody has mended the mailbox."""
    if permanent:
        return Postpone(next_try_at=now + policy.ceiling, why=why, counted=False)
    attempt = entry.attempts + 1
    if attempt >= policy.attempts:
        return Postpone(next_try_at=now, why=f"given up after {attempt} tries: {why}", counted=True, give_up=True)
    return Postpone(next_try_at=now + policy.wait(attempt), why=f"{_TRY}{attempt}: {why}", counted=True)


def waits_for_mailbox(entry: OutboxEntry, *, now: datetime) -> bool:
    """Whether the mail waits, uncounted, for somebody to mend its mailbox, rather than for a server that said "later"."""
    return entry.next_try_at is not None and entry.next_try_at > now and not entry.reason.startswith(_TRY)
