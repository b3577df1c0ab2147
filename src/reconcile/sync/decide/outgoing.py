"""What a try to send means for the mail, and when the next one is."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import assert_never

from reconcile.errors import ReconcileError, Throttled, TransientError
from reconcile.lazy_dataclass import dataclass
from reconcile.model.outbox_step import Copied, Looked, Postpone, RecipientResult, Settle, folder_can_tell
from reconcile.model.outgoing import GIVEN_UP, OutboxEntry, RecipientState
from reconcile.model.sending_limits import Exhausted, SendingLimits, slot
from reconcile.model.sent_folder import CopyState
from reconcile.ports.sender import Broken, Delivery, Refused, Reply, Taken, Unanswered

#: How the reason of a counted try begins; waits that are about the mailbox have another.
_TRY = "try "
#: Greylisting has no code of its own; servers say it in words after 450 or 451.
_GREY = re.compile(r"^45[01]\b.*gr[ae]y-?\s?list", re.IGNORECASE)
#: How reasons begin of mail that waits for a limit.
_LIMIT = "the limit of "
#: How often an uncertain mail is looked for at its server, and when after the last look. A provider may file it late.
LOOKS = (timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=30), timedelta(hours=2), timedelta(hours=6))
#: What a server asks for is not kept for longer (seconds).
_LONGEST_PAUSE = 86400.0
#: How often a copy is tried.
COPIES = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """Waits double from `first` up to `ceiling`; after `attempts` tries, or `age` after the first of them, what is still pending fails. A
    try is one in which the server was asked about the mail. The defaults give up after a day: soon enough for a person to notice, long
    enough for greylisting. Where passes are rare, or the server is away, `age` ends it (RFC 5321, 4.5.4.1: four to five days). Greylisting
    lets in who comes back after minutes: `greylisted`."""

    first: timedelta = timedelta(minutes=1)
    ceiling: timedelta = timedelta(hours=1)
    attempts: int = 30
    age: timedelta = timedelta(days=5)
    greylisted: timedelta = timedelta(minutes=5)

    def wait(self, attempt: int) -> timedelta:
        """After try number `attempt`, counted from 1."""
        doublings = min(max(attempt, 1) - 1, 30)
        return min(self.ceiling, self.first * (1 << doublings))


def after_try(
    entry: OutboxEntry, owner: str, delivery: Delivery, *, now: datetime, policy: RetryPolicy, asked: Collection[str] | None = None
) -> Settle:
    """What to write down after a try with `entry` as it was claimed. `asked` are the recipients of this try (None: all that wait); the
    others go on at once, for theirs was not the fault."""
    results: dict[str, RecipientResult] = {}
    turns = [one for one in entry.in_state(RecipientState.PENDING) if asked is None or one.address in asked]
    for recipient in turns:
        results[recipient.address] = _recipient(delivery.recipients.get(recipient.address), delivery)
    why = given_up(entry, now=now, policy=policy)
    if why:
        for address, result in results.items():
            if result.state is RecipientState.PENDING:
                results[address] = RecipientResult(state=RecipientState.FAILED, reason=f"{why}: {result.reason}")
    waiting = [result for result in results.values() if result.state is RecipientState.PENDING]
    others = len(turns) < len(entry.in_state(RecipientState.PENDING))
    next_try_at = now if others and not waiting else now + _wait(entry, waiting, policy) if waiting else None
    words = f"{_TRY}{entry.attempts}: {_summary(results)}"
    if others:
        words += "; the next recipients follow"
    return Settle(owner=owner, attempt=entry.attempts, results=results, next_try_at=next_try_at, why=words)


def given_up(entry: OutboxEntry, *, now: datetime, policy: RetryPolicy) -> str:
    """Why nothing is tried any more after this try, "" while it is."""
    # A turn for some of the recipients, which settled them, was no fault of the others.
    settled = sum(1 for one in entry.recipients if one.state in (RecipientState.SENT, RecipientState.FAILED))
    if entry.attempts - settled >= policy.attempts:
        return f"{GIVEN_UP} {entry.attempts} tries"
    return _too_old(entry, now=now, policy=policy)


def _too_old(entry: OutboxEntry, *, now: datetime, policy: RetryPolicy) -> str:
    if entry.tried_since is None or now - entry.tried_since < policy.age:
        return ""
    tries = f" and {entry.attempts} {'try' if entry.attempts == 1 else 'tries'}" if entry.attempts else ""
    return f"{GIVEN_UP} {policy.age.days} days{tries}"


def _wait(entry: OutboxEntry, waiting: Sequence[RecipientResult], policy: RetryPolicy) -> timedelta:
    usual = policy.wait(entry.attempts)
    if all(_GREY.search(result.reason) for result in waiting):
        # Who comes back too early is only greylisted for longer; who doubles the wait comes back an hour later than needed.
        return min(policy.greylisted, policy.ceiling)
    return usual


def _recipient(reply: Reply | None, delivery: Delivery) -> RecipientResult:
    if reply is not None and not reply.is_positive:
        # 552 to RCPT means "too many recipients", and is to be taken as 452 (RFC 5321, 4.5.3.1.10).
        permanent = reply.is_permanent and reply.code != 552
        return RecipientResult(state=RecipientState.FAILED if permanent else RecipientState.PENDING, reason=str(reply))
    match delivery.end:
        case Taken(reply=answer) if reply is not None:
            return RecipientResult(state=RecipientState.SENT, reason=str(answer))
        case Refused(step=step, permanent=permanent, why=why):
            return RecipientResult(state=RecipientState.FAILED if permanent else RecipientState.PENDING, reason=f"{why} ({step})")
        case Broken(step=step, why=why):
            return RecipientResult(state=RecipientState.PENDING, reason=f"{why} ({step})")
        case Unanswered(why=why) if reply is not None:
            return RecipientResult(
                state=RecipientState.UNCERTAIN, reason=f"no answer to the end of data ({why}); it may or may not have been sent"
            )
        case Taken() | Unanswered() | None:
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


def after_no_connection(
    entry: OutboxEntry, why: str, *, now: datetime, error: ReconcileError | None = None, policy: RetryPolicy
) -> Postpone:
    """The server could not be asked about this mail, which counts no try: `error` is what it met, None where its mailbox may not send. It
    goes out once that has passed, or somebody has mended it; only a server that is asked in vain for days ends it."""
    match error:
        case Throttled(retry_after=seconds):
            return Postpone(next_try_at=now + timedelta(seconds=max(1.0, min(seconds, _LONGEST_PAUSE))), why=why)
        case TransientError():
            end = _too_old(entry, now=now, policy=policy)
            if end:
                return Postpone(next_try_at=now, why=f"{end}: {why}", give_up=True)
            # As long again as it is in vain already, which doubles.
            waited = now - (entry.tried_since or now)
            return Postpone(next_try_at=now + min(policy.ceiling, max(policy.first, waited)), why=why, asked=True)
        case _:
            return Postpone(next_try_at=now + policy.ceiling, why=why)


def waits_for_mailbox(entry: OutboxEntry, *, now: datetime) -> bool:
    """Whether the mail waits, uncounted, for somebody to mend its mailbox, rather than for a server that said "later"."""
    return entry.next_try_at is not None and entry.next_try_at > now and not entry.reason.startswith(_TRY)


def seems_misdated(entry: OutboxEntry, *, now: datetime, policy: RetryPolicy) -> bool:
    """Whether it waits longer than a try or a limit makes it wait: the clock may have been set back since that was written down."""
    longest = timedelta(days=7) if entry.reason.startswith(_LIMIT) else policy.ceiling
    return entry.next_try_at is not None and entry.next_try_at - now > longest


def after_limit(place: int, found: Exhausted, limits: SendingLimits) -> Postpone:
    """For the mail at `place` (from 0) of those that wait because a limit of their account is reached."""
    until = slot(limits, place, found.until)
    why = f"{_LIMIT}{found.limit} of {limits.account} is reached; waits until {until:%Y-%m-%d %H:%M:%SZ}"
    return Postpone(next_try_at=until, why=why)


def after_look(entry: OutboxEntry, note: str, *, now: datetime) -> Looked:
    """An uncertain mail was not found. After the last look it is looked for no more."""
    tries = entry.sent_folder.tries
    far = LOOKS[tries] if tries < len(LOOKS) else timedelta(days=36500)
    return Looked(note=note, next_at=now + far)


def look_is_due(entry: OutboxEntry, *, now: datetime) -> bool:
    """Whether the folder for sent mail may still tell something about an uncertain mail."""
    folder = entry.sent_folder
    return folder_can_tell(entry) and folder.tries <= len(LOOKS) and (folder.next_at is None or folder.next_at <= now)


def after_copy(entry: OutboxEntry, why: str, *, now: datetime, policy: RetryPolicy, final: bool = False) -> Copied:
    """The copy could not be kept now. `final`: trying again would not help."""
    tries = entry.sent_folder.tries + 1
    if final or tries >= COPIES:
        return Copied(state=CopyState.FAILED, note=why if final else f"given up after {tries} tries: {why}")
    return Copied(state=CopyState.WANTED, note=why, next_at=now + policy.wait(tries))
