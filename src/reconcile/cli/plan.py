"""`reconcile plan`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from reconcile.cli.context import Context, common
from reconcile.errors import SettingsError
from reconcile.model.exit_code import ExitCode


@click.command("plan", short_help="Show what would change, why, and what it means for the mail.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Save the plan for `reconcile apply FILE`.")
@click.option("--detailed-exitcode", is_flag=True, help="End with 2 when changes are pending.")
@click.option("--lift-brake", "lifted", multiple=True, metavar="NAME", help="Lift one brake for this plan; may be repeated.")
@click.option("--verbose", "-v", is_flag=True, help="Show each change with its fields, however many there are.")
@common()
def command(context: Context, out: Path | None, detailed_exitcode: bool, lifted: tuple[str, ...], verbose: bool) -> ExitCode:
    """Compare what git declares with what the target has. Writes nothing but the file named by --out."""
    from reconcile.apply.planning import planned
    from reconcile.cli.estate import load_environment
    from reconcile.plan.code import of_plan
    from reconcile.plan.codec import encode
    from reconcile.plan.commits import with_commits
    from reconcile.report.plan_json import plan_json
    from reconcile.report.plan_text import plan_text
    from reconcile.wiring.configuration import comparing_secrets, inventory_reader
    from reconcile.wiring.estate import history
    from reconcile.wiring.state import open_database
    from reconcile.wiring.target import target_reader

    loaded = load_environment(context)
    if loaded is None:
        return ExitCode.FINDINGS
    with open_database(context.settings, loaded.desired.environment, read_only=True) as database:
        reader = target_reader(loaded.target, database, export=loaded.export)
        plan = planned(
            loaded.desired, reader, inventory_reader(database), lifted=lifted, comparing=comparing_secrets(context.settings)
        ).plan
    plan = with_commits(replace(plan, notes=(*loaded.notes, *plan.notes)), history(context.directory, context.revision).last_commits)
    code = of_plan(plan, changes_count=detailed_exitcode)
    if out is not None:
        try:
            out.write_text(encode(plan), encoding="utf-8")
        except OSError as error:
            raise SettingsError(f"{out} cannot be written: {error.strerror}", hint="Name another file with --out.") from error
        context.say(f"saved as {out}; carry it out with: reconcile apply {out}")
    if context.as_json:
        context.json(plan_json(plan, code))
    else:
        context.data(plan_text(plan, color=context.color, verbose=verbose))
    return code
