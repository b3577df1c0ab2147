"""`reconcile show`."""

from __future__ import annotations

from pathlib import Path

import click

from reconcile.cli.context import Context, common
from reconcile.model.exit_code import ExitCode


@click.command("show", short_help="Print a saved plan.")
@click.argument("plan_file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@common(estate=False, state=False, environment=False, outputs=("text", "json", "markdown"))
def command(context: Context, plan_file: Path) -> ExitCode:
    """Print PLAN_FILE as `reconcile plan` did. Looks at nothing else."""
    from reconcile.cli.plan_file import read_plan
    from reconcile.report.plan_json import plan_json
    from reconcile.report.plan_markdown import plan_markdown
    from reconcile.report.plan_text import plan_text

    plan = read_plan(plan_file)
    if context.as_json:
        context.json(plan_json(plan, ExitCode.NOTHING_TO_DO))
    elif context.output == "markdown":
        context.data(plan_markdown(plan).rstrip("\n"))
    else:
        context.data(plan_text(plan, color=context.color, verbose=True))
    return ExitCode.NOTHING_TO_DO
