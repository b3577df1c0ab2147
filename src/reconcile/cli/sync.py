"""`reconcile sync`."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

import click

from reconcile.cli.context import Context, common
from reconcile.cli.mailbox_name import no_such_mailbox
from reconcile.lazy_dataclass import dataclass
from reconcile.model.exit_code import ExitCode, strongest

if TYPE_CHECKING:
    from reconcile.cli.synced_items import SyncedItems
    from reconcile.model.sending_report import SendingReport
    from reconcile.model.sync_result import SyncResult
    from reconcile.ports.clock import Clock
    from reconcile.ports.mail_store import MailStore
    from reconcile.report.unsent import Unsent
    from reconcile.store.sqlite.database import Database
    from reconcile.sync.decide.eligible import IdleMailbox, ReceivingMailbox
    from reconcile.sync.run import MailboxRun


@click.command("sync", short_help="Synchronise mailboxes once: mail in, mail out.")
@click.argument("mailboxes", nargs=-1, metavar="[MAILBOX]...")
@common(estate=False)
def command(context: Context, mailboxes: tuple[str, ...]) -> ExitCode:
    """Look at every mailbox that is applied, or at those named by slug or address, once.

    Works from what was applied, never from git. Ends with 1 when a mailbox failed or was not tried, or a mail needs a look, with 8 when
    others work on all mailboxes.
    """
    from dataclasses import replace

    from reconcile.cli.interrupt import soon_interrupted
    from reconcile.cli.synced_items import synced_items
    from reconcile.report.sync_run import run_json, run_text
    from reconcile.report.wrapped import wrapped
    from reconcile.sync.claiming import admitted
    from reconcile.sync.decide.eligible import ReceivingMailbox
    from reconcile.sync.decide.instant_text import instant_text
    from reconcile.wiring.applied import applied_state
    from reconcile.wiring.mail import holds_outgoing, mail_store
    from reconcile.wiring.permits import claims, permits
    from reconcile.wiring.state import environment_name, writable_database
    from reconcile.wiring.system import SystemClock

    settings = context.settings
    environment = environment_name(settings, context.environment)
    stop = threading.Event()
    clock = SystemClock(stop)
    started = time.monotonic()
    with soon_interrupted(context), writable_database(settings, environment) as database, mail_store(database) as store:
        claim = partial(claims(settings).claim, environment)
        now = instant_text(clock.now())
        resources = applied_state(database).resources()
        found = _chosen(admitted(resources, permits(settings, database, environment)(), claim, now=now).found, mailboxes)
        receiving = [mailbox for mailbox in found if isinstance(mailbox, ReceivingMailbox)]
        progress = _Progress(context, len(receiving))
        try:
            runs = _received(context, receiving, database=database, store=store, clock=clock, progress=progress, stop=stop)
            named = {mailbox.mailbox_id for mailbox in found} if mailboxes else None
            # Where nobody ever queued mail, what sends is not even loaded.
            sent = _sent(context, named, database=database, clock=clock, stop=stop) if holds_outgoing(database) else None
            items = synced_items(context, environment, named, resources, database=database, clock=clock, stop=stop)
        except KeyboardInterrupt:
            stop.set()
            raise
        finally:
            progress.close()
    results = [replace(run.result(), tried=run.tried) for run in runs]
    code = strongest([_code(results), ExitCode.FAILURE if sent and sent.report.needs_a_look else ExitCode.NOTHING_TO_DO, items.code])
    idle = [mailbox for mailbox in found if not isinstance(mailbox, ReceivingMailbox)]
    conditions = [(mailbox.name, condition) for mailbox in found for condition in mailbox.conditions if condition.type != "Off"]
    conditions += items.refused
    seconds = time.monotonic() - started
    if context.as_json:
        document = run_json(environment, results, conditions, idle=len(idle), seconds=seconds, exit_reason=code.reason)
        context.json({**document, "outgoing": _sending_json(sent), "items": _items_json(items)})
    else:
        report = run_text(results, conditions, idle=len(idle), seconds=seconds, fit=context.columns)
        context.data(wrapped("\n".join([report, *_sending_lines(sent), *_items_lines(items)]), context.columns))
    return code


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sent:
    """What a pass over the outbox did, what waits besides, and what a person does first where sending is withheld, by mailbox id."""

    report: SendingReport
    waiting: Sequence[Unsent]
    steps: Mapping[str, str]


def _sent(context: Context, named: set[str] | None, *, database: Database, clock: Clock, stop: threading.Event) -> _Sent:
    from reconcile.report.unsent import STATES, unsent
    from reconcile.sync.counting_failures import count_sending_failures
    from reconcile.sync.decide.instant_text import instant_text
    from reconcile.sync.decide.submission import sending_setup
    from reconcile.sync.outgoing import send_due
    from reconcile.sync.status import sending_steps
    from reconcile.wiring.alerts import sending_failures
    from reconcile.wiring.mail import outgoing
    from reconcile.wiring.permits import gives_up

    sending = outgoing(context.settings, database, clock, stop.is_set)
    report = send_due(sending, mailboxes=named)
    said = sending.permits()
    count_sending_failures(report, sending_failures(database), said.enablements, gives_up(database), now=clock.now())
    open_mail = [entry for entry in sending.outbox.entries(states=STATES) if named is None or entry.mailbox_id in named]
    steps: Mapping[str, str] = {}
    if open_mail or report.troubles:
        steps = sending_steps(sending_setup(sending.applied.resources(), now=instant_text(clock.now()), permits=said).mailboxes)
    return _Sent(report=report, waiting=unsent(open_mail, now=clock.now(), steps=steps), steps=steps)


def _sending_lines(sent: _Sent | None) -> list[str]:
    if sent is None:
        return []
    from reconcile.report.outbox_text import sending_lines

    return sending_lines(sent.report, sent.waiting, steps=sent.steps)


def _sending_json(sent: _Sent | None) -> dict[str, object]:
    from reconcile.model.sending_report import SendingReport
    from reconcile.report.outbox_json import sending_json

    return sending_json(SendingReport()) if sent is None else sending_json(sent.report, sent.waiting, steps=sent.steps)


def _items_lines(items: SyncedItems) -> list[str]:
    if not items.lines:
        return []
    from reconcile.report.counted import counted
    from reconcile.report.item_runs import runs_lines

    found = list(runs_lines(items.lines))
    looked = counted(len(items.lines), "mailbox", "mailboxes")
    return [f"appointments, contacts and tasks of {looked}{':' if found else ': nothing new'}", *found]


def _items_json(items: SyncedItems) -> list[dict[str, object]]:
    if not items.lines:
        return []
    from reconcile.report.item_runs import runs_json

    return runs_json(items.lines)


def _received(
    context: Context,
    receiving: Sequence[ReceivingMailbox],
    *,
    database: Database,
    store: MailStore,
    clock: Clock,
    progress: _Progress,
    stop: threading.Event,
) -> Sequence[MailboxRun]:
    if not receiving:
        # Who only sends need not wait until everything for receiving is loaded.
        return ()
    from reconcile.sync.run import Limits, synchronise
    from reconcile.wiring.mail import deciders, inboxes, marker
    from reconcile.wiring.permits import gives_up
    from reconcile.wiring.secrets import secret_resolver
    from reconcile.wiring.sign_in import sign_ins

    settings = context.settings
    return synchronise(
        receiving,
        store=store,
        connect=inboxes(settings, sign_ins(settings, database), secret_resolver(settings)),
        clock=clock,
        limits=Limits(parallel=settings.parallel_mailboxes, per_server=settings.per_server),
        decider=deciders(database, clock),
        marker=marker(settings, database),
        give_up=gives_up(database),
        started=progress.started,
        ended=progress.ended,
        stopping=stop.is_set,
    )


def _chosen(found: Sequence[ReceivingMailbox | IdleMailbox], wanted: tuple[str, ...]) -> list[ReceivingMailbox | IdleMailbox]:
    if not wanted:
        return list(found)
    from reconcile.model.mail_address import same_mailbox

    chosen = []
    for word in wanted:
        matching = [mailbox for mailbox in found if word in (mailbox.name, mailbox.mailbox_id) or same_mailbox(word, mailbox.address)]
        if not matching:
            raise no_such_mailbox(word, (name for mailbox in found for name in (mailbox.name, mailbox.address)))
        chosen += [mailbox for mailbox in matching if mailbox not in chosen]
    return chosen


def _code(results: Sequence[SyncResult]) -> ExitCode:
    codes = [ExitCode.FAILURE for result in results if result.error_kind]
    if results and all(result.skipped for result in results):
        codes.append(ExitCode.LOCKED)
    return strongest(codes)


class _Progress:
    """One line on a terminal that is rewritten; nothing elsewhere."""

    def __init__(self, context: Context, total: int) -> None:
        self._show = context.progress and not context.as_json and total > 0
        self._total = total
        self._running: dict[str, MailboxRun] = {}
        self._done = 0
        self._read = 0
        self._guard = threading.Lock()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._draw, name="progress", daemon=True)
        if self._show:
            self._thread.start()

    def started(self, run: MailboxRun) -> None:
        with self._guard:
            self._running[run.mailbox.mailbox_id] = run

    def ended(self, run: MailboxRun) -> None:
        with self._guard:
            self._running.pop(run.mailbox.mailbox_id, None)
            self._done += 1
            self._read += run.received.read

    def _draw(self) -> None:
        from reconcile.report.counted import counted

        while not self._ended.wait(0.2):
            with self._guard:
                read = self._read + sum(run.received.read for run in self._running.values())
                names = ", ".join(sorted(run.mailbox.name for run in self._running.values())[:3])
                line = f"{self._done}/{counted(self._total, 'mailbox', 'mailboxes')}, {counted(read, 'message')}  {names}"
            click.echo(f"\r\x1b[K{line[:100]}", nl=False, err=True)

    def close(self) -> None:
        if self._show:
            self._ended.set()
            self._thread.join()
            click.echo("\r\x1b[K", nl=False, err=True)
