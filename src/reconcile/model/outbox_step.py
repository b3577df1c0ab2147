"""The steps an outbox entry can take, and the one function that takes them. Every store calls it inside its transaction.

The order that keeps mail: `Claim` (one run alone works on the entry), then the server takes the recipients, then `Begin` (durable:
from here on a crash means *uncertain*), then DATA, then `Settle` with what the server said. A process that dies
before `Begin` has handed nothing over; its claim lapses with its lease. One that dies after it leaves `sending`, which `Abandon` turns
into `uncertain`. The gap cannot be closed: RFC 1047 describes it.

Several mails that go out one after the other in a moment are taken together with `Reserve`: `sending`, although no recipient is yet.
Whether the turn of one of them came stands in the run's notes (ports/settled_notes.py) alone. Where these can be trusted it is begun, or
given back (`GiveBack`); where they cannot, it may have come.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import TypeAlias, assert_never

from reconcile.errors import PreconditionFailed, UserError
from reconcile.lazy_dataclass import dataclass
from reconcile.model.outgoing import WITHDREW, OutboxEntry, OutgoingState, Recipient, RecipientState, derived_state
from reconcile.model.sending_limits import NO_LIMITS, SendingLimits
from reconcile.model.sent_already import refuse_unchecked
from reconcile.model.sent_folder import UNTOUCHED, CopyState, SentFolder


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """`owner` takes a due entry and counts a try. `attempt` is the number which that is to be (None: any): where somebody let the tries
    count anew meanwhile, what was prepared speaks for another try."""

    owner: str
    attempt: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Begin:
    """The server has taken these recipients; DATA comes next. The store counts one message of the account in `limits` in the same
    transaction, and raises Throttled instead where a limit is reached. `copy`: one is to be kept in the folder for sent mail."""

    owner: str
    recipients: tuple[str, ...]
    limits: SendingLimits = NO_LIMITS
    copy: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Reserve:
    """It is about to be this mail's turn. `limits` and `copy` as in `Begin`, which does not count a reserved mail again."""

    owner: str
    limits: SendingLimits = NO_LIMITS
    copy: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class GiveBack:
    """A reserved mail's turn did not come: it waits as before, and no try is counted. The store takes off again what it counted of the
    account with these limits at `counted_at`, the moment of the reservation (None: nothing): another moment would be another mail's. Where
    `limits` is None nobody knows the account any more: it is the one that was counted then, if no other was."""

    owner: str
    attempt: int
    why: str
    limits: SendingLimits | None = NO_LIMITS
    counted_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipientResult:
    """What became of one recipient in one try."""

    state: RecipientState
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Settle:
    """The try is over. `results` by address; `next_try_at` counts when something stays pending. `attempt` is the number the
    claim gave: a late answer of an older try must not speak for a newer one."""

    owner: str
    attempt: int
    results: Mapping[str, RecipientResult]
    next_try_at: datetime | None
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Postpone:
    """Nothing was tried with this mail, so no try is counted: its mailbox cannot send, or the server cannot be reached. `asked`: a server
    was asked in vain, from when on its days count. `give_up` ends it."""

    next_try_at: datetime
    why: str
    asked: bool = False
    give_up: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Abandon:
    """Whoever was sending this mail is gone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """A person wants another try. `checked_not_sent`: they looked, and an uncertain mail, or one that came back with a backup, did not
    arrive."""

    by: str
    checked_not_sent: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirm:
    """A person looked: an uncertain mail, or one that came back with a backup, did arrive."""

    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdraw:
    """A person does not want a waiting mail to go out any more. It fails; a retry brings it back."""

    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """A person says that a draft is ready. `checked_not_sent`: they looked, and one that came back with a backup has not gone out since."""

    by: str
    checked_not_sent: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The server's folder for sent mail holds an uncertain mail: it was taken. `where` says which folder, for people."""

    where: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """An uncertain mail was looked for and not found, or nobody could look; it stays as it is. `next_at`: when to look again."""

    note: str
    next_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Copied:
    """What became of a try to keep a copy in the folder for sent mail. The mail itself stays as it is."""

    state: CopyState
    note: str
    next_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubt:
    """What is known here may be older than what was done: a mail that waits, or was being handed over, may have gone out since."""

    why: str


Step: TypeAlias = (
    Claim
    | Reserve
    | Begin
    | GiveBack
    | Settle
    | Postpone
    | Abandon
    | Retry
    | Confirm
    | Withdraw
    | Release
    | Found
    | Looked
    | Copied
    | Doubt
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Advanced:
    """The entry after the step; `why` is None when the step is none that the history shows (a claim)."""

    entry: OutboxEntry
    why: str | None


def advanced(entry: OutboxEntry, step: Step, *, at: datetime, owner_is_live: bool) -> Advanced:
    """Take a step. `owner_is_live` says whether `entry.owner` still holds its lease at `at`.

    Raises PreconditionFailed when the entry is no longer where the step starts from, UserError when a person asks for
    what must not be done.
    """
    match step:
        case Claim():
            due = all(moment is None or moment <= at for moment in (entry.next_try_at, entry.postponed_until))
            _require(entry, entry.state is OutgoingState.PENDING and due and not (entry.owner and owner_is_live), "take")
            _require(entry, step.attempt in (None, entry.attempts + 1), "take")
            since = entry.tried_since or at
            return Advanced(entry=replace(entry, owner=step.owner, attempts=entry.attempts + 1, tried_since=since), why=None)
        case Reserve():
            _require(entry, entry.state is OutgoingState.PENDING and entry.owner == step.owner, "reserve")
            why = f"try {entry.attempts}: its turn to be handed over comes"
            folder = _asked_for(entry.sent_folder, copy=step.copy)
            held = replace(entry, state=OutgoingState.SENDING, next_try_at=None, reason="", sent_folder=folder)
            return Advanced(entry=held, why=why)
        case Begin():
            waits = entry.state is OutgoingState.PENDING or is_reserved(entry)
            _require(entry, waits and entry.owner == step.owner, "begin to send")
            pending = {recipient.address for recipient in entry.in_state(RecipientState.PENDING)}
            _require(entry, bool(step.recipients) and pending.issuperset(step.recipients), "begin to send")
            going = RecipientResult(state=RecipientState.SENDING, reason="")
            recipients = _with(entry.recipients, dict.fromkeys(step.recipients, going))
            why = f"try {entry.attempts}: the server takes {_count(len(step.recipients), 'recipient')}, handing the mail over"
            folder = _asked_for(entry.sent_folder, copy=step.copy)
            handed = replace(entry, recipients=recipients, state=OutgoingState.SENDING, next_try_at=None, reason="", sent_folder=folder)
            return Advanced(entry=handed, why=why)
        case GiveBack():
            mine = entry.owner == step.owner and entry.attempts == step.attempt
            _require(entry, mine and is_reserved(entry), "give back")
            attempts = entry.attempts - 1
            tried = entry.tried_since if attempts else None
            back = replace(entry, state=OutgoingState.PENDING, attempts=attempts, tried_since=tried, reason=step.why, owner="")
            return Advanced(entry=back, why=step.why)
        case Settle():
            return _settled(entry, step)
        case Postpone():
            _require(entry, entry.state is OutgoingState.PENDING and not (entry.owner and owner_is_live), "postpone")
            entry = replace(entry, tried_since=entry.tried_since or (at if step.asked else None))
            if step.give_up:
                gone = RecipientResult(state=RecipientState.FAILED, reason=step.why)
                names = [recipient.address for recipient in entry.in_state(RecipientState.PENDING)]
                return _moved(entry, _with(entry.recipients, dict.fromkeys(names, gone)), None, step.why)
            return Advanced(entry=replace(entry, next_try_at=step.next_try_at, reason=step.why, owner=""), why=step.why)
        case Abandon():
            _require(entry, entry.state is OutgoingState.SENDING and not owner_is_live, "give up")
            why = "the process ended between handing the mail over and the server's answer; it may or may not have been sent"
            lost = RecipientResult(state=RecipientState.UNCERTAIN, reason=why)
            open_state = RecipientState.PENDING if is_reserved(entry) else RecipientState.SENDING
            names = [recipient.address for recipient in entry.in_state(open_state)]
            # The owner stays, so that its answer still counts if it was only slow and not dead.
            kept = replace(entry, recipients=_with(entry.recipients, dict.fromkeys(names, lost)))
            return Advanced(entry=replace(kept, state=OutgoingState.UNCERTAIN, reason=why), why=why)
        case Retry() | Release() if entry.restored_from is not None:
            refuse_unchecked(entry, checked=step.checked_not_sent)
            done = advanced(replace(entry, restored_from=None), step, at=at, owner_is_live=owner_is_live)
            return replace(done, why=f"{done.why}; {step.by} checked that it was not sent since the backup")
        case Retry():
            return _retried(entry, step, at, taken=bool(entry.owner) and owner_is_live)
        case Confirm():
            restored = entry.restored_from is not None
            if entry.state is not OutgoingState.UNCERTAIN and not restored:
                raise UserError(f"mail {entry.id} is {entry.state}, not uncertain", hint="Only an uncertain mail is confirmed by hand.")
            arrived = RecipientResult(state=RecipientState.SENT, reason=f"{step.by} checked that it arrived")
            names = [one.address for one in entry.recipients if one.state is RecipientState.UNCERTAIN or restored]
            entry = replace(entry, restored_from=None)
            return _moved(entry, _with(entry.recipients, dict.fromkeys(names, arrived)), at, f"{step.by} checked that it was sent")
        case Withdraw():
            return _withdrawn(entry, step, taken=bool(entry.owner) and owner_is_live)
        case Release():
            if entry.state is not OutgoingState.DRAFT:
                raise UserError(f"mail {entry.id} is {entry.state}, no draft", hint="Only a draft is released.")
            return _moved(entry, entry.recipients, at, f"{step.by} released it")
        case Found():
            _require(entry, entry.state is OutgoingState.UNCERTAIN and folder_can_tell(entry), "resolve")
            taken = RecipientResult(state=RecipientState.SENT, reason=f"found in {step.where}: the server has taken it")
            names = [recipient.address for recipient in entry.in_state(RecipientState.UNCERTAIN)]
            there = replace(entry.sent_folder, copy=CopyState.KEPT, next_at=None, note=f"found in {step.where}")
            return _moved(replace(entry, sent_folder=there), _with(entry.recipients, dict.fromkeys(names, taken)), at, taken.reason)
        case Looked():
            _require(entry, entry.state is OutgoingState.UNCERTAIN, "look for")
            folder = entry.sent_folder
            looked = replace(folder, tries=folder.tries + 1, next_at=step.next_at, note=step.note)
            return Advanced(entry=replace(entry, sent_folder=looked), why=step.note if step.note != folder.note else None)
        case Copied():
            folder = entry.sent_folder
            _require(entry, folder.copy is CopyState.WANTED and wants_copy(entry), "note the copy of")
            told = replace(folder, copy=step.state, tries=folder.tries + 1, next_at=step.next_at, note=step.note)
            return Advanced(entry=replace(entry, sent_folder=told), why=step.note if step.note != folder.note else None)
        case Doubt():
            _require(entry, entry.state in (OutgoingState.PENDING, OutgoingState.SENDING), "doubt")
            doubted = RecipientResult(state=RecipientState.UNCERTAIN, reason=step.why)
            names = [one.address for one in entry.recipients if one.state in (RecipientState.PENDING, RecipientState.SENDING)]
            return _moved(entry, _with(entry.recipients, dict.fromkeys(names, doubted)), None, step.why)
        case _:
            assert_never(step)


def _withdrawn(entry: OutboxEntry, step: Withdraw, *, taken: bool) -> Advanced:
    if entry.state is OutgoingState.SENDING:
        raise PreconditionFailed(f"mail {entry.id} is being sent", hint="Wait for its outcome.")
    if entry.state not in (OutgoingState.PENDING, OutgoingState.DRAFT):
        raise UserError(f"mail {entry.id} is {entry.state}", hint="Only a mail that waits to be sent is withdrawn.")
    if taken:
        # Its run may be about to hand it over, and would not see this in time.
        raise PreconditionFailed(f"mail {entry.id} is being sent", hint="Wait for its outcome.")
    why = f"{step.by}{WITHDREW}"
    gone = RecipientResult(state=RecipientState.FAILED, reason=why)
    names = [recipient.address for recipient in entry.in_state(RecipientState.PENDING)]
    return _moved(entry, _with(entry.recipients, dict.fromkeys(names, gone)), None, why)


def _settled(entry: OutboxEntry, step: Settle) -> Advanced:
    open_states = (OutgoingState.PENDING, OutgoingState.SENDING, OutgoingState.UNCERTAIN)
    mine = entry.owner == step.owner and entry.attempts == step.attempt
    _require(entry, mine and entry.state in open_states, "settle")
    late = entry.state is OutgoingState.UNCERTAIN
    settled = _moved(entry, _with(entry.recipients, step.results), step.next_try_at, f"late answer: {step.why}" if late else step.why)
    # Whatever was being handed over must be accounted for, or a mail would stay `sending` for ever.
    _require(entry, settled.entry.state is not OutgoingState.SENDING, "settle")
    return settled


def _retried(entry: OutboxEntry, step: Retry, at: datetime, *, taken: bool) -> Advanced:
    refuse_unchecked(entry, checked=step.checked_not_sent)
    match entry.state:
        case OutgoingState.SENT:
            raise UserError(f"mail {entry.id} was sent", hint="Add it anew if it is to go out once more.")
        case OutgoingState.SENDING:
            raise PreconditionFailed(f"mail {entry.id} is being sent", hint="Wait for its outcome.")
        case OutgoingState.PENDING if taken:
            # Counting its tries anew now would make the answer of the run that has it look like one of another try.
            raise PreconditionFailed(f"mail {entry.id} is being sent", hint="Wait for its outcome.")
        case OutgoingState.UNCERTAIN:
            again, why = RecipientState.UNCERTAIN, f"{step.by} checked that it was not sent and asked for another try"
        case OutgoingState.FAILED:
            again, why = RecipientState.FAILED, f"{step.by} asked for another try"
        case OutgoingState.PENDING | OutgoingState.DRAFT:
            again, why = RecipientState.PENDING, f"{step.by} asked for a try now"
        case _:
            assert_never(entry.state)
    result = RecipientResult(state=RecipientState.PENDING, reason="")
    names = [recipient.address for recipient in entry.in_state(again)]
    # A person who says "now" means it.
    entry = replace(entry, attempts=0, tried_since=None, postponed_until=None, sent_folder=_afresh(entry.sent_folder))
    return _moved(entry, _with(entry.recipients, dict.fromkeys(names, result)), at, why)


def is_reserved(entry: OutboxEntry) -> bool:
    """Whether its turn to be handed over may have come, and the entry does not say so."""
    return entry.state is OutgoingState.SENDING and not entry.in_state(RecipientState.SENDING)


def folder_can_tell(entry: OutboxEntry) -> bool:
    """Whether finding the Message-ID among sent mail proves that the uncertain recipients were served: not where another handing over of
    the same mail, or we ourselves, may have put it there."""
    return not entry.in_state(RecipientState.SENT) and entry.sent_folder.copy is not CopyState.KEPT


def wants_copy(entry: OutboxEntry) -> bool:
    """Whether a copy is owed: asked for, and it is known that the mail was sent and to nobody else it may still be."""
    settled = entry.state in (OutgoingState.SENT, OutgoingState.FAILED)
    return entry.sent_folder.copy is CopyState.WANTED and settled and bool(entry.in_state(RecipientState.SENT))


def _asked_for(folder: SentFolder, *, copy: bool) -> SentFolder:
    return SentFolder(copy=CopyState.WANTED) if copy and folder.copy is not CopyState.KEPT else folder


def _afresh(folder: SentFolder) -> SentFolder:
    return folder if folder.copy is CopyState.KEPT else UNTOUCHED


def _moved(entry: OutboxEntry, recipients: tuple[Recipient, ...], next_try_at: datetime | None, why: str) -> Advanced:
    state = derived_state(recipients)
    due = next_try_at if state is OutgoingState.PENDING else None
    if state is OutgoingState.UNCERTAIN and entry.state is not state:
        # Looks are counted from here.
        entry = replace(entry, sent_folder=replace(entry.sent_folder, tries=0, next_at=None, note=""))
    return Advanced(entry=replace(entry, recipients=recipients, state=state, next_try_at=due, reason=why, owner=""), why=why)


def _with(recipients: tuple[Recipient, ...], results: Mapping[str, RecipientResult]) -> tuple[Recipient, ...]:
    return tuple(
        replace(recipient, state=results[recipient.address].state, reason=results[recipient.address].reason)
        if recipient.address in results
        else recipient
        for recipient in recipients
    )


def _require(entry: OutboxEntry, holds: bool, verb: str) -> None:
    if not holds:
        owner = f", owner {entry.owner}" if entry.owner else ""
        raise PreconditionFailed(f"cannot {verb}: mail {entry.id} is {entry.state}, try {entry.attempts}{owner}")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
