"""`reconcile apply`."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconcile.cli.applying import apply_tools, print_report
from reconcile.cli.approving import approving, judged_again, plan_judge
from reconcile.cli.context import Context, common
from reconcile.cli.selecting import selecting
from reconcile.errors import PlanRefused, SettingsError
from reconcile.model.exit_code import ExitCode

if TYPE_CHECKING:
    from reconcile.model.change import Plan
    from reconcile.model.discovered import Pinned
    from reconcile.model.selection import Selection
    from reconcile.store.sqlite.database import Database


@click.command("apply", short_help="Carry out a plan: show it, ask, do it, record it.")
@click.argument("plan_file", type=click.Path(exists=True, dir_okay=False, path_type=Path), required=False)
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
@click.option("--lift-brake", "lifted", multiple=True, metavar="NAME", help="Lift one brake for this run; may be repeated.")
@click.option("--wait-lock", type=click.FloatRange(0, 86400), default=0.0, metavar="SECONDS", help="Wait for another apply [0].")
@approving
@selecting
@common()
def command(
    context: Context,
    plan_file: Path | None,
    yes: bool,
    lifted: tuple[str, ...],
    wait_lock: float,
    approvals: tuple[str, ...],
    selection: Selection | None,
) -> ExitCode:
    """Bring the target in line with git, or carry out PLAN_FILE.

    Without PLAN_FILE the plan is shown first and a person is asked, unless --yes says so beforehand. A saved plan was looked at
    already: it is carried out as far as the target is still as it was. Safe to run again after a crash.
    """
    if plan_file is not None:
        if selection is not None:
            raise SettingsError(
                "a saved plan keeps the selection it was made with", hint="Leave --only and --exclude out, or plan again with them."
            )
        return _saved(context, plan_file, lifted, wait_lock, approvals)
    if not yes and (context.as_json or not sys.stdin.isatty()):
        raise PlanRefused("nobody can be asked here", hint="Pass --yes, or plan with --out FILE and apply that file.")
    return _fresh(context, yes, lifted, wait_lock, selection, approvals)


def _fresh(
    context: Context, yes: bool, lifted: tuple[str, ...], wait_lock: float, selection: Selection | None, approvals: tuple[str, ...]
) -> ExitCode:
    from reconcile.apply.apply import apply_plan, stopped
    from reconcile.apply.planning import planned
    from reconcile.apply.recover import recover
    from reconcile.cli.estate import load_environment
    from reconcile.plan.commits import with_commits
    from reconcile.report.plan_text import plan_text
    from reconcile.wiring.configuration import apply_store, comparing_secrets
    from reconcile.wiring.estate import history
    from reconcile.wiring.mail import plan_counts
    from reconcile.wiring.permits import deciding
    from reconcile.wiring.state import open_database
    from reconcile.wiring.system import SystemClock
    from reconcile.wiring.target import check_writable, target_writer

    judge = plan_judge(context, approvals)
    loaded = load_environment(context, judge=True)
    if loaded is None:
        return ExitCode.FINDINGS
    check_writable(loaded.target)
    clock = SystemClock()
    with open_database(context.settings, loaded.desired.environment, read_only=False) as database:
        assert database is not None
        store = apply_store(database, clock, lease=context.settings.lease)
        with store.lock(owner=context.actor, purpose="apply", patience=wait_lock):
            writer = target_writer(loaded.target, database, context.settings)
            recovered = recover(writer, store, clock=clock, actor=context.actor)
            comparing = comparing_secrets(context.settings)
            found = planned(
                loaded.desired,
                writer,
                store,
                lifted=lifted,
                comparing=comparing,
                count=plan_counts(context.settings, database, online=False).count,
                selection=selection,
                deciding=deciding(context.settings, database, loaded.desired.environment),
            )
            plan = judge(replace(found.plan, notes=(*loaded.notes, *found.plan.notes)), found.desired)
            if not context.as_json:
                known = with_commits(plan, history(context.directory, context.revision).last_commits)
                context.data(plan_text(known, color=context.color))
            if plan.changes and not stopped(plan) and not yes and not _agreed(plan):
                raise PlanRefused("declined; nothing was changed", hint="Run it again when you are ready.")
            report = apply_plan(plan, apply_tools(context, writer, database, clock, found.desired.locate), recovered=recovered)
    return print_report(context, report)


def _saved(context: Context, plan_file: Path, lifted: tuple[str, ...], wait_lock: float, approvals: tuple[str, ...]) -> ExitCode:
    from reconcile.apply.apply import apply_plan, lift, stopped
    from reconcile.apply.ground import check_environment, check_target
    from reconcile.apply.recover import recover
    from reconcile.cli.plan_file import check_declared, read_plan
    from reconcile.report.plan_text import plan_head
    from reconcile.wiring.configuration import apply_store
    from reconcile.wiring.state import open_database
    from reconcile.wiring.system import SystemClock
    from reconcile.wiring.target import check_writable, target_writer

    plan = read_plan(plan_file)
    # Before a store is opened, which makes it when it is not there.
    check_environment(plan, context.environment)
    check_declared(context, plan)
    plan = judged_again(context, lift(plan, lifted), approvals)
    if not context.as_json:
        context.data(plan_head(plan, color=context.color))
    check_writable(plan.target)
    clock = SystemClock()
    with open_database(context.settings, plan.environment, read_only=False) as database:
        assert database is not None
        store = apply_store(database, clock, lease=context.settings.lease)
        with store.lock(owner=context.actor, purpose=f"apply {plan_file.name}", patience=wait_lock):
            writer = target_writer(plan.target, database, context.settings)
            check_target(plan, writer.name, writer.identity())
            recovered = recover(writer, store, clock=clock, actor=context.actor)
            ground = writer.observe()
            tools = apply_tools(context, writer, database, clock, None)
            report = apply_plan(plan, tools, saved_ground=ground, recovered=recovered)
            if plan.discovered and not stopped(report.plan):
                report = replace(report, pinned=_pinned(plan, database, context.actor))
    return print_report(context, report)


def _pinned(plan: Plan, database: Database, actor: str) -> tuple[Pinned, ...]:
    from reconcile.apply.pinning import pin_discovered
    from reconcile.wiring.applied import applied_state
    from reconcile.wiring.permits import discovered_servers

    return pin_discovered(plan, applied_state(database).resources(), discovered_servers(database), actor=actor)


def _agreed(plan: Plan) -> bool:
    count = "1 change" if len(plan.changes) == 1 else f"{len(plan.changes)} changes"
    return click.confirm(f"Apply {count} to {plan.environment}?", default=False, err=True)
