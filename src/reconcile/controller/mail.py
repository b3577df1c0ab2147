"""Mail in and out, for as long as the process runs: each pass lets begin what is due, and tells what ended meanwhile."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager, ExitStack
from dataclasses import field
from datetime import datetime, timedelta
from typing import Final

from reconcile.controller.loop import Report
from reconcile.controller.recoveries import Recovered, Recoveries, over
from reconcile.lazy_dataclass import dataclass
from reconcile.model import instant
from reconcile.model.exit_code import ExitCode
from reconcile.model.left_alone import LeftAlone
from reconcile.model.loop_sign import LoopSign
from reconcile.model.mailbox_state import MailboxState
from reconcile.model.outgoing import OutgoingState
from reconcile.model.sending_report import SendingReport
from reconcile.ports.alert_store import AlertStore
from reconcile.ports.mail import Watcher
from reconcile.ports.sending_failures import SendingFailureStore
from reconcile.report.counted import counted
from reconcile.report.outbox_text import sent_of
from reconcile.sync.admission import Limits, server_of
from reconcile.sync.alarm_mailing import AlarmMail, mail_alarms
from reconcile.sync.alerting import write_alerts
from reconcile.sync.claiming import Claim, admitted
from reconcile.sync.counting_failures import count_sending_failures
from reconcile.sync.decide.alerts import configuration_cause
from reconcile.sync.decide.eligible import IdleMailbox, ReceivingMailbox
from reconcile.sync.decide.submission import sending_setup
from reconcile.sync.due import next_look
from reconcile.sync.kept import Kept
from reconcile.sync.look import LookTools, MailboxRun
from reconcile.sync.mail_intake import MailIntake
from reconcile.sync.outgoing import Outgoing, send_due
from reconcile.sync.receivers import Receivers
from reconcile.sync.servers import Outage, Servers
from reconcile.sync.status import ItemFinding, rhythm_of
from reconcile.sync.watching import Watching

#: Passes are never closer together,
SHORTEST: Final = timedelta(seconds=1)
#: and so far apart that finding out who is due takes at most a tenth of a core.
_SHARE: Final = 10
#: How long a pass waits for what it let begin; what takes longer is told by a later one.
PATIENCE: Final = 2.0
#: Alerts are written so far apart (seconds).
ALERTS: Final = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class MailTools:
    """What a pass works with; `outgoing` has the applied state, the clock and the way to stop. `watch` makes what waits for news,
    `alarms` takes in alarms that are mailed, `quarantined` counts messages that were given up, by mailbox id."""

    outgoing: Outgoing
    looks: LookTools
    claim: Claim
    watch: Callable[[ReceivingMailbox], Watcher] | None = None
    alerts: AlertStore | None = None
    sending_failures: SendingFailureStore | None = None
    alarms: MailIntake | None = None
    quarantined: Callable[[], Mapping[str, int]] = dict
    items: Callable[[], Mapping[str, ItemFinding]] = dict


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """An open store: `tools` makes what a pass works with, from what is applied now."""

    environment: str
    tools: Callable[[], MailTools]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """`kept` connections stay open between looks, `watched` mailboxes have a connection that waits for news."""

    limits: Limits
    kept: int = 0
    watched: int = 0


@dataclass(slots=True)
class _Standing:
    """What outlives a pass."""

    opened: Opened
    receivers: Receivers
    watching: Watching | None
    sender: ThreadPoolExecutor
    stack: ExitStack
    since: datetime
    alerted: float | None = None
    alerted_of: str = ""
    sending: Future[SendingReport] | None = None
    told_outages: frozenset[str] = frozenset()
    left_alone: list[LeftAlone] | None = None
    told_refused: set[str] = field(default_factory=set)
    recoveries: Recoveries = field(default_factory=Recoveries)


@dataclass(slots=True, kw_only=True)
class Mail:
    """`environment` names the one that is applied, `opened` opens its store, which stays open until `close`; looks at the outbox are at
    most `longest` apart. `once`: a pass waits for everything it let begin. `configuration` says why what is declared waits for a person, ""
    where it does not."""

    environment: Callable[[], str]
    opened: Callable[[str], AbstractContextManager[Opened]]
    longest: timedelta
    bounds: Bounds
    once: bool = False
    configuration: Callable[[], str] = str
    _standing: _Standing | None = field(default=None, repr=False)

    def run(self) -> Report:
        """One pass. Raises ReconcileError as the store does; single mailboxes are in the report."""
        standing = self._open(self.environment())
        tools = standing.opened.tools()
        outgoing, receivers = tools.outgoing, standing.receivers
        clock = outgoing.clock
        began = time.thread_time()
        chosen = admitted(outgoing.applied.resources(), outgoing.permits(), tools.claim, now=instant.text(clock.now()))
        receiving = [mailbox for mailbox in chosen.found if isinstance(mailbox, ReceivingMailbox)]
        if standing.sending is None:
            standing.sending = standing.sender.submit(send_due, outgoing)
        standing.recoveries.begin(tools.looks.store.states)
        receivers.kept.retain({mailbox.mailbox_id: mailbox.fingerprint for mailbox in receiving})
        answered_elsewhere(receiving, tools.looks.store.states, receivers.servers)
        due = self._due(receiving, tools, receivers, clock.now())
        receivers.look(due, tools.looks)
        if standing.watching is not None and tools.watch is not None:
            standing.watching.connect = tools.watch
            standing.watching.want(mailbox for mailbox in receiving if mailbox.idle)
        spent = time.thread_time() - began
        sent = self._sent(standing)
        if tools.sending_failures is not None and tools.looks.give_up is not None:
            said = outgoing.permits().enablements
            count_sending_failures(sent, tools.sending_failures, said, tools.looks.give_up, now=clock.now())
        runs = receivers.collect(None if self.once else PATIENCE)
        began = time.thread_time()
        after = until_next(receiving, tools.looks.store.states(), clock.now(), self.longest, servers=receivers.servers)
        spent += time.thread_time() - began
        outages, waiting = receivers.servers.outages(), receivers.waiting()
        mailed, profiles = self._alert(standing, tools, chosen.found, outages)
        self._tell_left_alone(standing, tools)
        recovered = Recovered(
            mailboxes=standing.recoveries.mailboxes(runs), servers=standing.recoveries.servers(outages), profiles=profiles
        )
        fresh = frozenset(outages) - standing.told_outages
        standing.told_outages = frozenset(outages)
        return told(
            runs,
            sent,
            again_after=min(max(after, timedelta(seconds=spent * _SHARE)), max(after, self.longest)),
            outages=[outages[name] for name in sorted(outages)],
            fresh=fresh,
            waiting=waiting,
            mailed=mailed,
            recovered=recovered,
        )

    def close(self) -> None:
        """What runs ends after its batch, everything is put away. Raises what the store raises."""
        standing, self._standing = self._standing, None
        if standing is not None:
            standing.stack.close()

    def _open(self, environment: str) -> _Standing:
        if self._standing is not None and self._standing.opened.environment != environment:
            self.close()
        if self._standing is None:
            with ExitStack() as stack:
                opened = stack.enter_context(self.opened(environment))
                tools = opened.tools()
                clock, stop = tools.outgoing.clock, tools.outgoing.stop
                servers = Servers(clock=clock, full=self.bounds.limits.per_server)
                receivers = Receivers(
                    store=tools.looks.store,
                    clock=clock,
                    limits=self.bounds.limits,
                    servers=servers,
                    kept=Kept(most=0 if self.once else self.bounds.kept),
                    stopping=stop,
                )
                stack.callback(receivers.close)
                watching = None
                if tools.watch is not None and self.bounds.watched and not self.once:
                    watching = Watching(most=self.bounds.watched, servers=servers, connect=tools.watch, news=receivers.offer)
                    stack.callback(watching.close)
                sender = stack.enter_context(ThreadPoolExecutor(1, thread_name_prefix="outbox"))
                self._standing = _Standing(opened, receivers, watching, sender, stack.pop_all(), since=clock.now())
        return self._standing

    def _due(self, receiving: Sequence[ReceivingMailbox], tools: MailTools, receivers: Receivers, now: datetime) -> list[ReceivingMailbox]:
        states = tools.looks.store.states()
        fresh = [mailbox for mailbox in receiving if receivers.is_recorded(mailbox.mailbox_id, states.get(mailbox.mailbox_id))]
        return due_mailboxes(fresh, states, now, servers=receivers.servers)

    def _alert(
        self, standing: _Standing, tools: MailTools, found: Sequence[ReceivingMailbox | IdleMailbox], outages: Mapping[str, Outage]
    ) -> tuple[list[AlarmMail], tuple[str, ...]]:
        """What became of alarms that are mailed, and profiles whose alarm is over."""
        clock = tools.outgoing.clock
        waits = self.configuration()
        lately = standing.alerted is not None and clock.monotonic() - standing.alerted < ALERTS
        if tools.alerts is None or (lately and waits == standing.alerted_of):
            return [], ()
        now = clock.now()
        before = tools.alerts.alerts(kind="EmailServerProfile")
        resources = tools.outgoing.applied.resources()
        write_alerts(
            tools.alerts,
            found,
            tools.looks.store.states(),
            resources,
            outages,
            loop=LoopSign(since=standing.since, seen=now),
            now=now,
            sending=sending_setup(resources, now=instant.text(now), permits=tools.outgoing.permits()).mailboxes,
            quarantined=tools.quarantined(),
            items=tools.items(),
            declared=[configuration_cause(standing.opened.environment, waits)] if waits else [],
        )
        standing.alerted_of = waits
        mailed = mail_alarms(tools.alerts, tools.alarms, environment=standing.opened.environment) if tools.alarms is not None else []
        standing.alerted = clock.monotonic()
        # One that is refused is tried again each minute, and told once.
        mailed = [one for one in mailed if not one.refused or one.letter.key not in standing.told_refused]
        standing.told_refused |= {one.letter.key for one in mailed if one.refused}
        return mailed, over(before, tools.alerts.alerts(kind="EmailServerProfile"))

    def _tell_left_alone(self, standing: _Standing, tools: MailTools) -> None:
        """For `status`, which is another process; written when something of it changed."""
        found, before = standing.receivers.servers.left_alone(), standing.left_alone
        if tools.alerts is not None and (before is None or _differ(before, found)):
            tools.alerts.leave_alone(found)
            standing.left_alone = found

    def _sent(self, standing: _Standing) -> SendingReport:
        """What was sent, once all of it is; nothing while it goes on."""
        assert standing.sending is not None
        wait([standing.sending], timeout=None if self.once else PATIENCE)
        if not standing.sending.done():
            return SendingReport()
        sending, standing.sending = standing.sending, None
        return sending.result()


def answered_elsewhere(mailboxes: Iterable[ReceivingMailbox], states: Callable[[], Mapping[str, MailboxState]], servers: Servers) -> None:
    """A server that is taken to be away is not, once a look of another process (`sync`) got through. States are read only
    while a server is away."""
    away = servers.outages()
    if not away:
        return
    known = states()
    for mailbox in mailboxes:
        state = known.get(mailbox.mailbox_id)
        if state is not None and state.last_success and server_of(mailbox) in away:
            servers.answered(server_of(mailbox), datetime.fromisoformat(state.last_success))


def due_mailboxes(
    mailboxes: Iterable[ReceivingMailbox], states: Mapping[str, MailboxState], now: datetime, *, servers: Servers | None = None
) -> list[ReceivingMailbox]:
    """Those whose time has come, the longest waiting first."""
    times = [(_next(mailbox, states, now, servers), mailbox) for mailbox in mailboxes]
    return [mailbox for at, mailbox in sorted(times, key=lambda one: (one[0], one[1].name)) if at <= now]


def until_next(
    mailboxes: Iterable[ReceivingMailbox],
    states: Mapping[str, MailboxState],
    now: datetime,
    longest: timedelta,
    *,
    servers: Servers | None = None,
) -> timedelta:
    """How long nothing comes due, at least SHORTEST and at most `longest`."""
    first = min((_next(mailbox, states, now, servers) for mailbox in mailboxes), default=now + longest)
    return min(max(first - now, SHORTEST), longest)


def told(
    runs: Sequence[MailboxRun],
    sent: SendingReport,
    *,
    again_after: timedelta,
    outages: Sequence[Outage] = (),
    fresh: frozenset[str] = frozenset(),
    waiting: Mapping[str, int] | None = None,
    mailed: Sequence[AlarmMail] = (),
    recovered: Recovered = Recovered(),
) -> Report:
    """What the loop says about a pass. Single mailboxes that fail have their own pauses, so the pass as a whole is settled. Pure.

    `outages` are servers that are away, `fresh` those of them that nobody was told of, `waiting` how many mailboxes wait, by server,
    `mailed` what became of alarms, `recovered` what works again.
    """
    results = [run.result() for run in runs]
    away = {outage.server for outage in outages}
    failed = [run.result() for run in runs if run.result().error_kind]
    # A server that is away is told once, not by each of its mailboxes.
    own = [run.result() for run in runs if run.result().error_kind and server_of(run.mailbox) not in away]
    tracked = sum(result.tracked for result in results)
    uncertain = [entry.id for entry in (*sent.abandoned, *sent.settled) if entry.state is OutgoingState.UNCERTAIN]
    parts = [f"{counted(tracked, 'e-mail')} tracked from {counted(len(results), 'mailbox', 'mailboxes')}"] if results else []
    parts += [f"{own[0].mailbox}: {own[0].error}" + (f" (and {len(own) - 1} more failed)" if len(own) > 1 else "")] if own else []
    parts += [sent_of(sent)] if sent.settled else []
    parts += [f"uncertain: {', '.join(str(number) for number in uncertain)}"] if uncertain else []
    parts += [
        f"{trouble.name}: {counted(trouble.waiting, 'mail waits', 'mails wait')}: {trouble.condition.message}" for trouble in sent.troubles
    ]
    left = waiting or {}
    parts += [_outage_words(outage, left.get(outage.server, 0)) for outage in outages if outage.server in fresh]
    parts += [f"alarm: {one.words}" for one in mailed]
    parts += recovered.words
    return Report(
        message="; ".join(parts),
        quiet=not (tracked or own or sent.settled or sent.abandoned or sent.troubles or fresh or mailed or recovered),
        detail={
            "looked": len(results),
            "tracked": tracked,
            "failed": [result.mailbox for result in failed],
            "sent": sent.count(OutgoingState.SENT),
            "mails": len(sent.settled),
            "uncertain": uncertain,
            "recovered": recovered.detail,
            "alarms": [
                {"key": one.letter.key, "mail": one.entry or None, "subject": one.letter.draft.subject, "refused": one.refused or None}
                for one in mailed
            ],
            "cannotSend": [trouble.name for trouble in sent.troubles],
            "away": [
                {"server": outage.server, "since": instant.text(outage.since.replace(microsecond=0)), "waiting": left.get(outage.server, 0)}
                for outage in outages
            ],
        },
        again_after=again_after,
        code=ExitCode.FAILURE if failed or outages or sent.needs_a_look else ExitCode.NOTHING_TO_DO,
    )


def _differ(one: Sequence[LeftAlone], other: Sequence[LeftAlone]) -> bool:
    """Apart from what the way from one clock to the other makes of a moment."""
    if [(each.kind, each.name, each.why) for each in one] != [(each.kind, each.name, each.why) for each in other]:
        return True
    return any(abs(mine.again_at - theirs.again_at) > SHORTEST for mine, theirs in zip(one, other, strict=True))


def _outage_words(outage: Outage, waiting: int) -> str:
    waits = f"; {counted(waiting, 'mailbox waits', 'mailboxes wait')}" if waiting else ""
    return f"{outage.error}{waits}, tried again in {outage.retry_in:.0f} s and then at a rate"


def _next(mailbox: ReceivingMailbox, states: Mapping[str, MailboxState], now: datetime, servers: Servers | None) -> datetime:
    recovered = servers.recovered(server_of(mailbox)) if servers is not None and servers.any_recovered else None
    return next_look(states.get(mailbox.mailbox_id), rhythm_of(mailbox), now=now, recovered=recovered).at
