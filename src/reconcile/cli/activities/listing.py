"""`reconcile activities list`."""

from __future__ import annotations

import click

from reconcile.cli.activities.selection import Selection, selecting, tracked
from reconcile.cli.context import Context, common
from reconcile.cli.number import Number
from reconcile.model.exit_code import ExitCode


@click.command("list")
@selecting
@click.option("--limit", type=Number(1), metavar="N", default=50, help="At most so many, newest first [50].")
@common(estate=False)
def list_command(context: Context, selection: Selection, limit: int) -> ExitCode:
    """Newest received first. With --output json one JSON document a line."""
    from reconcile.report.activities_json import activity_json
    from reconcile.report.activities_text import activities_table
    from reconcile.report.json_text import json_text

    with tracked(context) as found:
        activities, slugs = found.select(selection, limit), found.slugs
        if context.as_json:
            for activity in activities:
                context.data(json_text(activity_json(activity, slugs)))
        else:
            context.data(activities_table(list(activities), slugs, fit=context.columns))
    return ExitCode.NOTHING_TO_DO
