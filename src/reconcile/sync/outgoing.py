"""One pass over the outbox: what is due goes out, each mail claimed, checked, handed over and settled by itself.

If the process dies here, the next pass finds: not begun: due as before, nothing had been handed over; begun and not settled: `uncertain`,
for a person, unless the dead run noted the answer (sync/settling.py); settled: done. See model/outbox_step.py. A mail is claimed in the
transaction that begins it: two passes may both ask a server about its recipients, but only one begins. Where a server is quick, several
are claimed at a time (sync/reserving.py), and the run's notes say which of them is begun.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from functools import partial

from reconcile.errors import PermanentError, PreconditionFailed, ReconcileError, SettingsError, Throttled, TransientError
from reconcile.model import instant
from reconcile.model.condition import Condition
from reconcile.model.outbox_step import Begin, Claim, Postpone, RecipientResult, Settle, Step, advanced
from reconcile.model.outgoing import NEXT_STEP, OutboxEntry, OutgoingState, RecipientState
from reconcile.model.sending_limits import Exhausted, SendingLimits, exhausted
from reconcile.model.sending_report import MailboxTrouble, SendingReport
from reconcile.ports.outbox_store import Move
from reconcile.ports.sender import Envelope, Session
from reconcile.sync.connections import account_of as account_group
from reconcile.sync.decide.failures import verdict
from reconcile.sync.decide.outgoing import after_limit, after_no_connection, after_try, seems_misdated, waits_for_mailbox
from reconcile.sync.decide.refused_recipients import refused_recipients
from reconcile.sync.decide.submission import SendingMailbox, SendingSetup, SilentMailbox, sending_setup
from reconcile.sync.outbox_lease import alive
from reconcile.sync.reserving import Relaxing, Reserved
from reconcile.sync.sending import Outgoing as Outgoing
from reconcile.sync.sending import account_of as account_of
from reconcile.sync.sent_folder import tend_sent_folders
from reconcile.sync.settling import Settling, recover

#: Applied state is read again before a mail when it is older than this (seconds).
FRESH = 1.0
#: The bytes of so many mails, or of so many octets, are read at a time.
AHEAD, AHEAD_OCTETS = 64, 2_000_000
#: A mail to more recipients is never one of several that are taken together.
MANY = 20


def send_due(outgoing: Outgoing, *, mailboxes: Collection[str] | None = None) -> SendingReport:
    """Send what is due, of all mailboxes or of those with these external ids.

    Raises what the store raises. What happens with single mailboxes and mails is in the report.
    """
    now = outgoing.clock.now()
    recovered = recover(outgoing.outbox, now=now, notes=outgoing.notes)
    abandoned = tuple(entry for entry in recovered if entry.state is OutgoingState.UNCERTAIN)
    settled = tuple(entry for entry in recovered if entry.state is not OutgoingState.UNCERTAIN)
    _wake(outgoing)
    all_due = outgoing.outbox.due(at=outgoing.clock.now())
    if not all_due:
        tend_sent_folders(outgoing, mailboxes=mailboxes)
        return SendingReport(settled=settled, abandoned=abandoned, troubles=())
    with alive(outgoing):
        due: dict[str, list[OutboxEntry]] = {}
        for entry in all_due:
            if mailboxes is None or entry.mailbox_id in mailboxes:
                due.setdefault(entry.mailbox_id, []).append(entry)
        pass_ = _Pass(outgoing)
        pass_.run(due)
    tend_sent_folders(outgoing, mailboxes=mailboxes)
    return SendingReport(settled=(*settled, *pass_.settled), abandoned=abandoned, troubles=tuple(pass_.troubles))


def _wake(outgoing: Outgoing) -> None:
    """Mail that waits for its mailbox to be mended is due once something was applied since: that may have been the mending."""
    now = outgoing.clock.now()
    later = outgoing.outbox.entries(states=(OutgoingState.PENDING,), next_after=now)
    for entry in later:
        if seems_misdated(entry, now=now, policy=outgoing.policy) and outgoing.outbox.events(entry.id)[-1].at > now:
            _due_now(outgoing, entry, now, "the clock of this host was set back; it is tried again")
    waiting = [entry for entry in later if waits_for_mailbox(entry, now=now)]
    applied = outgoing.last_applied() if waiting else None
    for entry in waiting:
        if applied is not None and outgoing.outbox.events(entry.id)[-1].at < applied:
            _due_now(outgoing, entry, now, "something was applied since; it is tried again")


def _due_now(outgoing: Outgoing, entry: OutboxEntry, now: datetime, why: str) -> None:
    # Another process may have it.
    with suppress(PreconditionFailed):
        outgoing.outbox.advance(entry.id, Postpone(next_try_at=now, why=why), at=now)


def _held(outgoing: Outgoing, limits: SendingLimits) -> Exhausted | None:
    """Which limit of the account is reached."""
    return exhausted(limits, partial(outgoing.outbox.handed_over, limits.account), now=outgoing.clock.now())


class _Overtaken(Exception):
    """The mail that is being handed over is no longer this run's."""


class _Pass:
    """The state of one pass: results, and applied state as last read."""

    def __init__(self, outgoing: Outgoing) -> None:
        self._outgoing = outgoing
        self._guard = threading.Lock()
        self._setup: tuple[float, SendingSetup] | None = None
        #: Answers of a connection may stand in the notes alone, and its thread must not write over them.
        self._unwritten = threading.Event()
        self._relaxing = Relaxing(outgoing.patience)
        self.settled: list[OutboxEntry] = []
        self.troubles: list[MailboxTrouble] = []

    def run(self, due: dict[str, list[OutboxEntry]]) -> None:
        """All mailboxes, in parallel within each account's limit: the profile's where its credentials are used, else the mailbox's own."""
        setup = self._current()
        by_account: dict[str, queue.SimpleQueue[tuple[SendingMailbox, list[OutboxEntry]]]] = {}
        sizes: dict[str, int] = {}
        for mailbox_id, entries in due.items():
            match setup.mailboxes.get(mailbox_id):
                case SendingMailbox() as mailbox:
                    account = account_group(mailbox.sign_in, mailbox.profile)
                    by_account.setdefault(account, queue.SimpleQueue()).put((mailbox, entries))
                    sizes[account] = min(sizes.get(account, 0) + 1, mailbox.connections)
                case SilentMailbox(condition=condition, name=name):
                    self._postpone(entries, name, condition.message, condition=condition)
                case None:
                    self._postpone(entries, entries[0].mailbox_name, "the mailbox is no longer applied")
        lanes = [by_account[account] for account, size in sizes.items() for _ in range(size)]
        try:
            if len(lanes) == 1:
                self._lane(lanes[0])
            elif lanes:
                with ThreadPoolExecutor(max_workers=min(len(lanes), self._outgoing.parallel), thread_name_prefix="send") as pool:
                    for finished in [pool.submit(self._lane, lane) for lane in lanes]:
                        finished.result()
        finally:
            self._relaxing.end()

    def _lane(self, waiting: queue.SimpleQueue[tuple[SendingMailbox, list[OutboxEntry]]]) -> None:
        """One connection's worth of work: mailboxes of one account, one after the other."""
        while not self._outgoing.stop() and not self._unwritten.is_set():
            try:
                mailbox, entries = waiting.get_nowait()
            except queue.Empty:
                return
            try:
                self._mailbox(mailbox, entries)
            except BaseException:
                self._unwritten.set()
                raise

    def _mailbox(self, mailbox: SendingMailbox, entries: Sequence[OutboxEntry]) -> None:
        left = list(entries)
        settling = Settling(self._outgoing.outbox, self._outgoing.notes, self._outgoing.owner, self._tell)
        reserved = Reserved(self._outgoing, settling, mailbox)
        try:
            with self._relaxing.watched(reserved):
                self._over_connections(mailbox, left, settling, reserved)
        except (PermanentError, TransientError, SettingsError) as error:
            # About this mailbox alone (a certificate file that is missing is a SettingsError): the others go on.
            self._postpone(left, mailbox.name, error.message, error=error)
        finally:
            settling.flush()

    def _over_connections(self, mailbox: SendingMailbox, left: list[OutboxEntry], settling: Settling, reserved: Reserved) -> None:
        """A connection that breaks is opened anew for the next mail; one that cannot be opened ends the mailbox's turn."""
        outgoing, contents = self._outgoing, dict[int, bytes]()
        account, group = account_of(outgoing, mailbox), account_group(mailbox.sign_in, mailbox.profile)
        while left and not outgoing.stop():
            room = outgoing.connections.hold(group, mailbox.connections, outgoing.stop)
            with room, outgoing.sender.open(account) as session:
                while left and session.is_usable and not outgoing.stop():
                    one = reserved.known(left[0])
                    if reserved.holds(one.id) and (reserved.is_stale() or self._refused(one)):
                        reserved.give_back("something has changed since its turn was near")
                        one = reserved.known(one)
                    if not reserved.holds(one.id):
                        held = _held(outgoing, mailbox.limits)
                        if held is not None:
                            self._wait_for(held, mailbox.limits, left)
                            return
                        if one.id not in contents:
                            contents = dict(outgoing.outbox.contents([each.id for each in left[:AHEAD]], octets=AHEAD_OCTETS))
                        reserved.reserve(self._alike(mailbox, map(reserved.known, left[: reserved.room()]), contents))
                    with reserved.timed():
                        ahead = partial(_next_content, left, contents)
                        more = self._mail(session, mailbox, one, settling, contents.get(one.id), reserved, ahead)
                    left[:1] = [more] if more is not None else []
                # Parting from the server may take a while.
                reserved.give_back("the connection ended before its turn")
                settling.flush()

    def _alike(self, mailbox: SendingMailbox, waiting: Iterable[OutboxEntry], contents: Collection[int]) -> list[OutboxEntry]:
        """Of the next ones those that can be taken together: there is nothing to decide about them."""
        most = min(mailbox.recipients_per_message or MANY, MANY)
        found = []
        for one in waiting:
            pending = [recipient.address for recipient in one.in_state(RecipientState.PENDING)]
            if one.id not in contents or not 0 < len(pending) <= most or not self._outgoing.notes.fits(pending) or self._refused(one):
                break
            found.append(one)
        return found

    def _wait_for(self, held: Exhausted, limits: SendingLimits, left: Sequence[OutboxEntry]) -> None:
        """A limit of the account is reached: nothing is wrong, so it is nobody's trouble."""
        now = self._outgoing.clock.now()
        for place, entry in enumerate(left):
            with suppress(PreconditionFailed):
                self._outgoing.outbox.advance(entry.id, after_limit(place, held, limits), at=now)

    def _mail(
        self,
        session: Session,
        mailbox: SendingMailbox,
        listed: OutboxEntry,
        settling: Settling,
        content: bytes | None,
        turns: Reserved,
        following: Callable[[], bytes | None],
    ) -> OutboxEntry | None:
        """The same mail where more of its recipients are due now. `content` is None when it is gone."""
        outgoing = self._outgoing
        now_applied = self._current().mailboxes.get(mailbox.mailbox_id)
        if not isinstance(now_applied, SendingMailbox):
            raise PermanentError(now_applied.condition.message if now_applied else "the mailbox is no longer applied")
        # Not before: what raises until here leaves it to be given back.
        reserved = turns.take(listed.id)
        claim = Claim(owner=outgoing.owner, attempt=reserved.attempts if reserved is not None else listed.attempts + 1)
        try:
            # As it will be if nobody else takes it meanwhile: the claim is written with what follows from it.
            entry = reserved or advanced(listed, claim, at=outgoing.clock.now(), owner_is_live=False).entry
        except PreconditionFailed:
            return None
        refused = self._refused(entry) if reserved is None else {}
        wanted = tuple(one.address for one in entry.in_state(RecipientState.PENDING) if one.address not in refused)
        if not wanted:
            why = next(iter(refused.values()), None)
            step = Settle(owner=outgoing.owner, attempt=entry.attempts, results=refused, next_try_at=None, why=why.reason if why else "")
            settling.settle(Move(known=listed, steps=(claim, step), at=outgoing.clock.now()))
            return None
        wanted = wanted[: mailbox.recipients_per_message]
        if content is None:
            return None  # a person removed it meanwhile
        envelope = Envelope(
            sender=entry.sender,
            recipients=wanted,
            content=content,
            reports=mailbox.delivery_reports,
            id=entry.message_id.strip("<>"),
        )
        known, begun, taken = reserved or listed, outgoing.clock.monotonic(), tuple[str, ...]()
        #: What the answer is written with, until the mail is handed over.
        before: list[Step] = [claim]
        if reserved is not None:
            before = [turns.unused(reserved, "nothing was handed over"), claim]

        def begin(accepted: Sequence[str]) -> None:
            nonlocal known, begun, taken
            taken = tuple(accepted)
            if reserved is None:
                step = Begin(owner=outgoing.owner, recipients=taken, limits=mailbox.limits, copy=mailbox.sent_copy)
                known = settling.begin(Move(known=listed, steps=(claim, step), at=outgoing.clock.now()))
                before.clear()
                begun = outgoing.clock.monotonic()

        def ending() -> None:
            if outgoing.clock.monotonic() - begun >= outgoing.lease.total_seconds() / 4:
                self._still_mine(known)
            if reserved is not None:
                if not outgoing.notes.begin(outgoing.owner, entry.id, entry.attempts, taken):
                    raise PermanentError("what is handed over cannot be noted", hint="Look at the disk of the state folder.")
                before.clear()

        def end(step: Settle) -> Move:
            return Move(known=known, steps=(*before, step), at=outgoing.clock.now())

        try:
            delivery = session.send(envelope, begin=begin, ending=ending, at_once=reserved is not None, following=following)
        except _Overtaken:
            # Nobody else knows that it was not handed over; where a person has decided meanwhile, that counts.
            settling.settle(end(_not_handed_over(known, at=outgoing.clock.now())))
            return None
        except PreconditionFailed:
            return None  # another process has it, or a person changed it meanwhile; nothing was handed over
        except (PermanentError, Throttled):
            # The server wants a login or a pause, or another connection of the account used up its limit: not about this mail, and nothing
            # was handed over, so no try is counted.
            if reserved is not None and before:
                settling.follow([Move(known=known, steps=tuple(before[:1]), at=outgoing.clock.now())])
            held = _held(outgoing, mailbox.limits)
            if held is not None:
                self._wait_for(held, mailbox.limits, [listed])
                return None
            raise
        now = outgoing.clock.now()
        asked = [address for address in wanted if address not in delivery.left]
        step = after_try(entry, outgoing.owner, delivery, now=now, policy=outgoing.policy, asked=asked)
        step = replace(step, results={**step.results, **refused}) if refused else step
        settling.answered(end(step), step)
        if step.next_try_at is None or step.next_try_at > now:
            return None
        settling.flush()
        found = outgoing.outbox.entry(entry.id)
        return found if found is not None and found.state is OutgoingState.PENDING and found.due_at <= now else None

    def _still_mine(self, begun: OutboxEntry) -> None:
        """Some time went by since the mail was begun: this process may have stood still for longer than its lease, and others may have
        called the mail uncertain, or sent it. Raises _Overtaken then."""
        outgoing = self._outgoing
        # First: once it holds again, nobody else calls the mail uncertain.
        outgoing.outbox.hold_lease(outgoing.owner, until=outgoing.clock.now() + outgoing.lease)
        found = outgoing.outbox.entry(begun.id)
        if found is None or (found.state, found.owner, found.attempts) != (begun.state, begun.owner, begun.attempts):
            raise _Overtaken

    def _tell(self, found: OutboxEntry) -> None:
        with self._guard:
            # A mail that goes out in several turns is told once, as it is now.
            self.settled = [one for one in self.settled if one.id != found.id] if found.attempts > 1 else self.settled
            self.settled.append(found)
        self._outgoing.on_settled(found)

    def _refused(self, entry: OutboxEntry) -> dict[str, RecipientResult]:
        return refused_recipients(self._current(), entry)

    def _current(self) -> SendingSetup:
        """Applied state, at most FRESH seconds old: whoever narrows the allow-list wants it to hold now."""
        clock = self._outgoing.clock
        with self._guard:
            if self._setup is None or clock.monotonic() - self._setup[0] >= FRESH:
                self._setup = (
                    clock.monotonic(),
                    sending_setup(self._outgoing.applied.resources(), now=instant.text(clock.now()), permits=self._outgoing.permits()),
                )
            return self._setup[1]

    def _postpone(
        self,
        entries: Sequence[OutboxEntry],
        name: str,
        why: str,
        *,
        condition: Condition | None = None,
        error: ReconcileError | None = None,
    ) -> None:
        now, told = self._outgoing.clock.now(), f"{why}{NEXT_STEP}{error.hint}" if error and error.hint else why
        for entry in entries:
            step = after_no_connection(entry, told, now=now, error=error, policy=self._outgoing.policy)
            with suppress(PreconditionFailed):
                self._outgoing.outbox.advance(entry.id, step, at=now)
        if condition is None:
            reason = type(error).__name__ if error else "NotApplied"
            condition = Condition(type="Ready", status=False, reason=reason, message=why, since=instant.text(now))
        trouble = MailboxTrouble(
            mailbox_id=entries[0].mailbox_id if entries else "",
            name=name,
            condition=condition,
            waiting=len(entries),
            hint=error.hint if error else "",
            counts=error is not None and verdict(error).counts,
        )
        with self._guard:
            self.troubles.append(trouble)


def _next_content(left: Sequence[OutboxEntry], contents: Mapping[int, bytes]) -> bytes | None:
    return contents.get(left[1].id) if len(left) > 1 else None


def _not_handed_over(begun: OutboxEntry, *, at: datetime) -> Settle:
    why = "this process stood still for too long; the mail was not handed over"
    waits = RecipientResult(state=RecipientState.PENDING, reason=why)
    results = {one.address: waits for one in begun.in_state(RecipientState.SENDING)}
    return Settle(owner=begun.owner, attempt=begun.attempts, results=results, next_try_at=at, why=why)
