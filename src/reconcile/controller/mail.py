"""One pass over the mail: what is due comes in, what is due goes out, and when to look again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta

from reconcile.controller.loop import Report
from reconcile.model import instant
from reconcile.model.exit_code import ExitCode
from reconcile.model.mailbox_state import MailboxState
from reconcile.model.outgoing import OutgoingState
from reconcile.model.sending_report import SendingReport
from reconcile.ports.mail import Inbox
from reconcile.ports.mail_store import MailStore
from reconcile.report.counted import counted
from reconcile.report.outbox_text import sent_of
from reconcile.sync.claiming import Claim, admitted
from reconcile.sync.decide.eligible import ReceivingMailbox
from reconcile.sync.deciding import DeciderFor
from reconcile.sync.due import next_look
from reconcile.sync.giving_up import GiveUp
from reconcile.sync.marking import Marker
from reconcile.sync.outgoing import Outgoing, send_due
from reconcile.sync.run import Limits, MailboxRun, synchronise
from reconcile.sync.status import rhythm_of

#: Passes are never closer together.
SHORTEST = timedelta(seconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class MailTools:
    """What a pass works with; `outgoing` has the applied state, the clock and the way to stop."""

    outgoing: Outgoing
    store: MailStore
    connect: Callable[[ReceivingMailbox], Inbox]
    limits: Limits
    claim: Claim
    decider: DeciderFor = lambda _: None
    marker: Marker | None = None
    give_up: GiveUp | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """`opened` opens the store of the environment that is applied; looks at the outbox are at most `longest` apart."""

    opened: Callable[[], AbstractContextManager[MailTools]]
    longest: timedelta

    def run(self) -> Report:
        """One pass. Raises ReconcileError as the store does; single mailboxes are in the report."""
        with self.opened() as tools:
            clock = tools.outgoing.clock
            now = clock.now()
            chosen = admitted(tools.outgoing.applied.resources(), tools.outgoing.permits(), tools.claim, now=instant.text(now))
            receiving = [mailbox for mailbox in chosen.found if isinstance(mailbox, ReceivingMailbox)]
            sent = send_due(tools.outgoing)
            now = clock.now()
            due = due_mailboxes(receiving, tools.store.states(), now)
            runs = synchronise(
                due,
                store=tools.store,
                connect=tools.connect,
                clock=clock,
                limits=tools.limits,
                decider=tools.decider,
                marker=tools.marker,
                give_up=tools.give_up,
                stopping=tools.outgoing.stop,
            )
            after = until_next(receiving, tools.store.states(), clock.now(), self.longest)
        return told(runs, sent, again_after=after)


def due_mailboxes(mailboxes: Sequence[ReceivingMailbox], states: Mapping[str, MailboxState], now: datetime) -> list[ReceivingMailbox]:
    """Those whose time has come, the longest waiting first."""
    times = [(_next(mailbox, states, now), mailbox) for mailbox in mailboxes]
    return [mailbox for at, mailbox in sorted(times, key=lambda one: (one[0], one[1].name)) if at <= now]


def until_next(mailboxes: Sequence[ReceivingMailbox], states: Mapping[str, MailboxState], now: datetime, longest: timedelta) -> timedelta:
    """How long nothing comes due, at least SHORTEST and at most `longest`."""
    first = min((_next(mailbox, states, now) for mailbox in mailboxes), default=now + longest)
    return min(max(first - now, SHORTEST), longest)


def told(runs: Sequence[MailboxRun], sent: SendingReport, *, again_after: timedelta) -> Report:
    """What the loop says about a pass. Single mailboxes that fail have their own pauses, so the pass as a whole is settled. Pure."""
    results = [run.result() for run in runs]
    failed = [result for result in results if result.error_kind]
    tracked = sum(result.tracked for result in results)
    uncertain = [entry.id for entry in (*sent.abandoned, *sent.settled) if entry.state is OutgoingState.UNCERTAIN]
    parts = [f"{counted(tracked, 'e-mail')} tracked from {counted(len(results), 'mailbox', 'mailboxes')}"] if results else []
    parts += (
        [f"{failed[0].mailbox}: {failed[0].error}" + (f" (and {len(failed) - 1} more failed)" if len(failed) > 1 else "")] if failed else []
    )
    parts += [sent_of(sent)] if sent.settled else []
    parts += [f"uncertain: {', '.join(str(number) for number in uncertain)}"] if uncertain else []
    parts += [
        f"{trouble.name}: {counted(trouble.waiting, 'mail waits', 'mails wait')}: {trouble.condition.message}" for trouble in sent.troubles
    ]
    return Report(
        message="; ".join(parts),
        quiet=not (tracked or failed or sent.settled or sent.abandoned or sent.troubles),
        detail={
            "looked": len(results),
            "tracked": tracked,
            "failed": [result.mailbox for result in failed],
            "sent": sent.count(OutgoingState.SENT),
            "mails": len(sent.settled),
            "uncertain": uncertain,
            "cannotSend": [trouble.name for trouble in sent.troubles],
        },
        again_after=again_after,
        code=ExitCode.FAILURE if failed or sent.needs_a_look else ExitCode.NOTHING_TO_DO,
    )


def _next(mailbox: ReceivingMailbox, states: Mapping[str, MailboxState], now: datetime) -> datetime:
    return next_look(states.get(mailbox.mailbox_id), rhythm_of(mailbox), now=now).at
