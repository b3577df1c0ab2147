"""`reconcile run`."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from types import FrameType
from typing import TYPE_CHECKING

import click

from reconcile.cli.approving import plan_judge
from reconcile.cli.context import Context, common
from reconcile.cli.interrupt import end_at_once
from reconcile.cli.number import Seconds
from reconcile.lazy_dataclass import dataclass
from reconcile.model.exit_code import ExitCode

if TYPE_CHECKING:
    from reconcile.apply.tools import Locate, Tools
    from reconcile.controller.items import ItemWork
    from reconcile.controller.loop import Event
    from reconcile.controller.mail import Opened
    from reconcile.controller.retention import RetentionTools
    from reconcile.controller.rules import JudgedAs
    from reconcile.desired.load import LoadResult
    from reconcile.model.finding import Finding
    from reconcile.model.item import ItemKind
    from reconcile.ports.clock import Clock


@click.command("run", short_help="Keep it so: watch, lint, plan, apply, synchronise, over and over.")
@click.option("--once", is_flag=True, help="One pass of everything, then end.")
@click.option("--interval", type=Seconds(1, 86400), default=30.0, metavar="SECONDS", help="Between two looks at the estate [30].")
@click.option(
    "--drift", type=click.Choice(["heal", "report"]), default="heal", help="Put back what was changed outside, or only tell [heal]."
)
@common()
def command(context: Context, once: bool, interval: float, drift: str) -> ExitCode:
    """Keep the target as git says and the mail moving, until SIGTERM or Ctrl-C; the work at hand is finished first.

    With --revision BRANCH the branch's head is looked up in each pass. Brakes hold here too: a person lifts them, with `apply`.
    One line an event; with --output json one document a line.
    """
    from reconcile.controller.configuration import Configuration
    from reconcile.controller.items import ITEMS, Items
    from reconcile.controller.loop import Loop, Part
    from reconcile.controller.mail import Bounds, Mail
    from reconcile.controller.retention import RETENTION, Retention
    from reconcile.controller.rules import Rules
    from reconcile.report.event_text import event_json, event_text
    from reconcile.sync.admission import Limits
    from reconcile.wiring.state import environment_name
    from reconcile.wiring.system import SystemClock

    stop = threading.Event()
    clock = SystemClock(stop)

    def tell(event: Event) -> None:
        if context.as_json:
            click.echo(event_json(event.at, event.part, event.kind, event.message, event.detail))
        else:
            context.data(event_text(event.at, event.part, event.kind, event.message, event.detail))

    estate = _Estate(context, context.environment, clock)
    configuration = Configuration(
        load=estate.load,
        opened=lambda environment, target, locate: _apply_tools(context, clock, environment, target, locate),
        heal=drift == "heal",
        judge=lambda plan, desired: plan_judge(context, ())(plan, desired),
    )
    usual, longest = timedelta(seconds=interval), timedelta(seconds=min(interval, 15.0))
    settings = context.settings
    limits = Limits(parallel=settings.parallel_mailboxes, per_server=settings.per_server)
    items = Items(opened=lambda: _item_work(context, estate.environment, clock, stop), clock=clock, limits=limits)
    mail = Mail(
        environment=lambda: environment_name(settings, estate.environment),
        opened=lambda name: _mail_opened(context, clock, stop, name, items.news),
        longest=longest,
        bounds=Bounds(
            limits=limits,
            kept=settings.kept_connections,
            watched=settings.watched_mailboxes,
        ),
        once=once,
        configuration=lambda: loop.stalled("configuration"),
    )
    retention = Retention(opened=lambda: _retention_tools(context, estate.environment, clock), clock=clock, stop=stop.is_set)
    parts = (
        Part(name="configuration", interval=usual, run=configuration.run),
        Part(name="rules", interval=usual, run=Rules(found=lambda: (*estate.errors, *estate.judged)).run),
        Part(name="mail", interval=longest, run=mail.run),
        Part(name="items", interval=ITEMS, run=items.run, early=items.early),
        Part(name="retention", interval=RETENTION, run=retention.run),
    )
    loop = Loop(parts=parts, clock=clock, stop=stop.is_set, tell=tell)
    if not once:
        context.say(f"Looking at {context.directory.resolve()} every {interval:g} s, and at mail that is due. Ctrl-C ends it.")
    with _signals(stop, context):
        try:
            code = loop.run(once=once)
        finally:
            mail.close()
    return code if once else ExitCode.NOTHING_TO_DO


@dataclass(slots=True)
class _Estate:
    """Reads the estate in each pass. The environment that was found first stays the one this process works on: under another
    name it would start from nothing and read all mail again, and that is for a person to decide."""

    context: Context
    environment: str | None
    clock: Clock
    judged: Sequence[Finding] = ()
    errors: Sequence[Finding] = ()
    _judged_as: JudgedAs | None = None

    def load(self) -> LoadResult:
        from reconcile.cli.estate import estate_label, load_judged
        from reconcile.controller.rules import judged_as
        from reconcile.errors import DesiredStateError
        from reconcile.model.finding import Severity
        from reconcile.wiring.estate import document_cache, open_source
        from reconcile.wiring.judging import BASELINE_FILE

        context, now = self.context, self.clock.now()
        source = open_source(context.directory, context.revision)
        listing = source.list()
        try:
            baseline = source.octets(BASELINE_FILE)
        except DesiredStateError:
            baseline = None  # a finding says so; what is applied does not depend on it
        fresh = self._judged_as is None or not self._judged_as.holds(source.revision, listing.files, baseline, now)
        result, judged = load_judged(
            context,
            source,
            listing,
            environment=self.environment,
            label=estate_label(context.directory),
            cache=document_cache(context.settings),
            judge=fresh,
        )
        if fresh:
            self.judged = judged
            self._judged_as = judged_as(source.revision, listing.files, baseline, now, result.desired)
        # Rules cannot judge what cannot be read: without these a broken file would look like one that was mended.
        self.errors = [finding for finding in result.findings if finding.severity is Severity.ERROR]
        if result.desired is not None:
            self.environment = result.desired.environment
        return result


@contextmanager
def _apply_tools(context: Context, clock: Clock, environment: str, target: str, locate: Locate) -> Iterator[Tools]:
    from reconcile.apply.tools import Tools
    from reconcile.wiring.configuration import apply_store
    from reconcile.wiring.permits import deciding
    from reconcile.wiring.secrets import secret_digester, secret_resolver
    from reconcile.wiring.state import open_database
    from reconcile.wiring.system import mint
    from reconcile.wiring.target import check_writable, target_writer

    check_writable(target)
    with open_database(context.settings, environment, read_only=False) as database:
        assert database is not None
        yield Tools(
            writer=target_writer(target, database, context.settings),
            store=apply_store(database, clock, lease=context.settings.lease),
            resolver=secret_resolver(context.settings),
            digester=secret_digester(context.settings),
            clock=clock,
            actor=context.actor,
            mint=mint,
            locate=locate,
            deciding=deciding(context.settings, database, environment),
        )


@contextmanager
def _item_work(context: Context, environment: str | None, clock: Clock, stop: threading.Event) -> Iterator[ItemWork]:
    from reconcile.controller.items import ItemWork
    from reconcile.sync.decide.item_mailboxes import KeptInStep
    from reconcile.wiring.items import item_mailbox, item_tools, kept_in_step
    from reconcile.wiring.state import environment_name, writable_database

    settings = context.settings
    name = environment_name(settings, environment)
    with writable_database(settings, name) as database:
        kept = [item_mailbox(one) for one in kept_in_step(settings, database, name) if isinstance(one, KeptInStep)]
        yield ItemWork(mailboxes=kept, tools=item_tools(settings, database, clock, stop.is_set) if kept else None)


@contextmanager
def _mail_opened(
    context: Context, clock: Clock, stop: threading.Event, name: str, items: Callable[[str, frozenset[ItemKind]], None]
) -> Iterator[Opened]:
    from reconcile.controller.mail import MailTools, Opened
    from reconcile.sync.connections import Connections
    from reconcile.sync.look import LookTools
    from reconcile.wiring.alerts import alert_store, sending_failures
    from reconcile.wiring.feed import mail_intake
    from reconcile.wiring.item_findings import item_findings
    from reconcile.wiring.mail import deciders, inboxes, mail_store, marker, outgoing, quarantine_of, watchers
    from reconcile.wiring.permits import claims, gives_up
    from reconcile.wiring.secrets import secret_resolver
    from reconcile.wiring.sign_in import sign_ins
    from reconcile.wiring.state import writable_database

    settings = context.settings
    connections = Connections()
    with writable_database(settings, name) as database, mail_store(database) as store:

        def tools() -> MailTools:
            accounts, secrets = sign_ins(settings, database), secret_resolver(settings)
            return MailTools(
                outgoing=outgoing(settings, database, clock, stop.is_set, connections),
                looks=LookTools(
                    store=store,
                    connect=inboxes(settings, accounts, secrets),
                    clock=clock,
                    decider=deciders(database, clock),
                    marker=marker(settings, database),
                    give_up=gives_up(database),
                    connections=connections,
                ),
                claim=partial(claims(settings).claim, name),
                watch=watchers(settings, accounts, secrets, items),
                alerts=alert_store(database),
                sending_failures=sending_failures(database),
                alarms=mail_intake(database),
                quarantined=quarantine_of(database).counts,
                items=partial(item_findings, database, counted_too=True),
            )

        yield Opened(environment=name, tools=tools)


@contextmanager
def _retention_tools(context: Context, environment: str | None, clock: Clock) -> Iterator[RetentionTools]:
    from reconcile.controller.retention import RetentionTools
    from reconcile.wiring.applied import applied_state
    from reconcile.wiring.audit import audit_record
    from reconcile.wiring.purge import mail_purge
    from reconcile.wiring.state import environment_name, writable_database

    name = environment_name(context.settings, environment)
    with writable_database(context.settings, name) as database:
        yield RetentionTools(
            applied=applied_state(database),
            purge=mail_purge(database),
            record=lambda: audit_record(actor=context.actor, action="purge", key=f"Environment/{name}", detail={"reason": "retention"}),
        )


@contextmanager
def _signals(stop: threading.Event, context: Context) -> Iterator[None]:
    """SIGTERM and SIGINT ask the loop to end; a second one ends the process at once, even while threads wait for a server."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

    def asked(number: int, frame: FrameType | None) -> None:
        if stop.is_set():
            end_at_once(context)
        stop.set()

    for number in before:
        signal.signal(number, asked)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
