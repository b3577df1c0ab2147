"""`reconcile plan`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconcile.cli.approving import approving, plan_judge
from reconcile.cli.context import Context, common
from reconcile.cli.selecting import selecting
from reconcile.errors import SettingsError
from reconcile.model.exit_code import ExitCode

if TYPE_CHECKING:
    from reconcile.model.change import Plan
    from reconcile.model.selection import Selection


@click.command("plan", short_help="Show what would change, why, and what it means for the mail.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Save the plan for `reconcile apply FILE`.")
@click.option("--detailed-exitcode", is_flag=True, help="End with 2 when changes are pending.")
@click.option("--lift-brake", "lifted", multiple=True, metavar="NAME", help="Lift one brake for this plan; may be repeated.")
@click.option("--verbose", "-v", is_flag=True, help="Show each change with its fields, however many there are.")
@click.option("--online", is_flag=True, help="Ask how many messages a change brings in, and Autodiscover for servers.")
@click.option("--revert", metavar="COMMIT", help="Plan the opposite of this commit, and list what cannot be undone.")
@click.option("--against", metavar="git:REF", help="Compare with this revision instead of the target: no store, no secret, no network.")
@approving
@selecting
@common(outputs=("text", "json", "markdown"))
def command(
    context: Context,
    out: Path | None,
    detailed_exitcode: bool,
    lifted: tuple[str, ...],
    verbose: bool,
    online: bool,
    revert: str | None,
    against: str | None,
    approvals: tuple[str, ...],
    selection: Selection | None,
) -> ExitCode:
    """Compare what git declares with what the target has. Writes nothing but the file named by --out.

    In a pull request, `reconcile plan --against git:origin/main` shows what the change would do, from the repository alone.
    """
    from reconcile.plan.code import of_plan
    from reconcile.plan.commits import with_commits
    from reconcile.wiring.estate import history

    if against is not None and revert is not None:
        raise click.UsageError("--against and --revert exclude each other: a commit is taken back on a target")
    if against is not None and online:
        raise click.UsageError("--against and --online exclude each other: without credentials no server can be asked")
    if against is not None:
        from reconcile.cli.against import plan_against

        plan = plan_against(context, against, lifted=lifted, selection=selection, approvals=approvals)
    elif revert is not None:
        from reconcile.cli.revert import plan_revert

        plan = plan_revert(context, revert, lifted=lifted, selection=selection, online=online, approvals=approvals)
    else:
        plan = _on_target(context, lifted, selection, online=online, approvals=approvals)
    if plan is None:
        return ExitCode.FINDINGS
    plan = with_commits(plan, history(context.directory, context.revision).last_commits)
    code = of_plan(plan, changes_count=detailed_exitcode)
    if out is not None:
        _save(context, plan, out)
    _print(context, plan, code, verbose)
    return code


def _on_target(
    context: Context, lifted: tuple[str, ...], selection: Selection | None, *, online: bool, approvals: tuple[str, ...]
) -> Plan | None:
    """None when neither source nor environment can be used: what is wrong has been said then."""
    from reconcile.apply.planning import planned
    from reconcile.cli.estate import load_environment
    from reconcile.model.change import Note
    from reconcile.wiring.configuration import comparing_secrets, inventory_reader
    from reconcile.wiring.mail import plan_counts
    from reconcile.wiring.permits import deciding
    from reconcile.wiring.plan_discovering import PlanDiscovering
    from reconcile.wiring.state import open_database
    from reconcile.wiring.target import target_reader

    judge = plan_judge(context, approvals)
    loaded = load_environment(context, judge=True, books=judge.books)
    if loaded is None:
        return None
    with open_database(context.settings, loaded.desired.environment, read_only=True) as database:
        reader = target_reader(loaded.target, database, export=loaded.export)
        counting = plan_counts(context.settings, database, online=online)
        asking = PlanDiscovering(context.settings, database, loaded.desired.environment) if online else None
        found = planned(
            loaded.desired,
            reader,
            inventory_reader(database),
            lifted=lifted,
            comparing=comparing_secrets(context.settings),
            count=counting.count,
            selection=selection,
            deciding=asking.deciding if asking is not None else deciding(context.settings, database, loaded.desired.environment),
        )
        unknown = tuple(Note(message=text) for text in counting.unknown())
    planned_now = asking.told(found.plan) if asking is not None else found.plan
    plan = judge(planned_now, found.desired)
    return replace(plan, notes=(*loaded.notes, *plan.notes, *unknown))


def _save(context: Context, plan: Plan, out: Path) -> None:
    from reconcile.plan.codec import encode

    try:
        out.write_text(encode(plan), encoding="utf-8")
    except OSError as error:
        raise SettingsError(f"{out} cannot be written: {error.strerror}", hint="Name another file with --out.") from error
    follow = f"carry it out with: reconcile apply {out}"
    if plan.against:
        follow = f"look at it with: reconcile show {out}"
    elif plan.judgement is not None and plan.judgement.stops:
        follow = f"a rule stands against it, so look at it first with: reconcile show {out}"
    elif plan.brakes:
        follow = f"a brake stands, so look at it first with: reconcile show {out}"
    context.say(f"saved as {out}; {follow}")


def _print(context: Context, plan: Plan, code: ExitCode, verbose: bool) -> None:
    if context.as_json:
        from reconcile.report.plan_json import plan_json

        context.json(plan_json(plan, code))
    elif context.output == "markdown":
        from reconcile.report.plan_markdown import plan_markdown

        context.data(plan_markdown(plan).rstrip("\n"))
    else:
        from reconcile.report.plan_text import plan_text

        context.data(plan_text(plan, color=context.color, verbose=verbose))
