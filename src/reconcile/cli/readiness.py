"""`reconcile readiness`."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconcile.cli.context import Context, common
from reconcile.cli.today import moment, today_option
from reconcile.errors import SettingsError
from reconcile.model.exit_code import ExitCode

if TYPE_CHECKING:
    from reconcile.model.resource import DesiredState
    from reconcile.policy.readiness import Readiness
    from reconcile.report.rule_facts import Facts


@click.command("readiness", short_help="Say which mailboxes stop working on which date, and what to change.")
@click.argument("report", required=False, metavar="[REPORT]")
@click.option("--from", "origin", metavar="ORIGIN", help="Judge snapshot:PATH, an export of the product, as import would declare it.")
@today_option
@click.option("--offline", is_flag=True, help="From the files alone, without looking at the target.")
@click.option("--verbose", "-v", is_flag=True, help="Name every mailbox, however many there are.")
@common(outputs=("text", "json", "html"))
def command(context: Context, report: str | None, origin: str | None, today: str | None, offline: bool, verbose: bool) -> ExitCode:
    """Which profiles and mailboxes stop working on which date, which permission or setting is missing, and what to do. Without REPORT
    the reports there are.

    Reads only, and resolves no secret. Waivers, the baseline and settings of rules hide nothing here. Ends with 0 whatever it finds.

    Example: reconcile readiness ews-retirement -e production --output html > readiness.html
    """
    from reconcile.policy.readiness_topics import TOPICS
    from reconcile.report.table import table

    if report is None:
        if context.as_json:
            context.json(
                {"formatVersion": "1.0", "reports": [{"name": one.name, "title": one.title} for one in TOPICS.values()], "exit": 0}
            )
        else:
            context.data(table(("REPORT", "WHAT IT SAYS"), [(one.name, one.title) for one in TOPICS.values()]))
            context.say(f"Next: `reconcile readiness {next(iter(TOPICS))}` names the mailboxes and what to change.")
        return ExitCode.NOTHING_TO_DO
    topic = TOPICS.get(report)
    if topic is None:
        raise click.UsageError(f"There is no readiness report {report!a}; there are {', '.join(TOPICS)}.")
    judged_at = moment(today)
    with ExitStack() as held:
        found = _declared(context, offline) if origin is None else held.enter_context(_exported(context, origin))
        if found is None:
            return ExitCode.FINDINGS
        desired, source = found

        from reconcile.policy.readiness import readiness
        from reconcile.report.rule_facts import facts
        from reconcile.wiring.estate import document_cache
        from reconcile.wiring.readiness import readiness_rules

        book, rules = readiness_rules(topic.name, desired, document_cache(context.settings))
        result = readiness(topic, book, desired, today=judged_at, clock=time.thread_time)
        _print(context, result, facts(rules), source, verbose=verbose)
    return ExitCode.NOTHING_TO_DO


def _print(context: Context, result: Readiness, known: Facts, source: str, *, verbose: bool) -> None:
    from reconcile.report.readiness_html import readiness_html
    from reconcile.report.readiness_json import readiness_json
    from reconcile.report.readiness_text import readiness_text

    match context.output:
        case "json":
            context.json(readiness_json(result, known, ExitCode.NOTHING_TO_DO, source=source))
        case "html":
            context.octets(readiness_html(result, known, source=source).encode("utf-8"))
        case _:
            context.data(readiness_text(result, known, source=source, fit=context.columns, verbose=verbose))


def _declared(context: Context, offline: bool) -> tuple[DesiredState, str] | None:
    from reconcile.cli.estate import load_environment
    from reconcile.cli.over_target import seen

    loaded = load_environment(context)
    if loaded is None:
        return None
    return seen(context, loaded, offline=offline).desired, loaded.desired.source


@contextmanager
def _exported(context: Context, origin: str) -> Iterator[tuple[DesiredState, str] | None]:
    """What import would write, read back: in a folder of its own that is there as long as places in it are looked up."""
    from tempfile import TemporaryDirectory

    from reconcile.cli.estate import load_environment
    from reconcile.cli.taking_over import taken_over

    kind, _, path = origin.partition(":")
    if kind != "snapshot" or not path:
        raise SettingsError(f"--from {origin!a} is no export", hint="Write snapshot:PATH after --from.")
    with TemporaryDirectory(prefix="reconcile-readiness-") as folder:
        into = Path(folder)
        done = taken_over(replace(context, revision=None), origin, into, None, None, write=True)
        loaded = load_environment(replace(context, directory=into, revision=None, environment=None)) if done is not None else None
        yield None if loaded is None else (loaded.desired, Path(path).name)
