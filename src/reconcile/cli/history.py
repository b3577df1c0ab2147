"""`reconcile history`."""

from __future__ import annotations

import click

from reconcile.cli.context import Context, common
from reconcile.cli.number import Number
from reconcile.model.exit_code import ExitCode


@click.command("history", short_help="List what was applied, by whom, when.")
@click.option("--limit", type=Number(1), default=50, metavar="N", help="At most this many records, newest first [50].")
@common(estate=False)
def command(context: Context, limit: int) -> ExitCode:
    """List the audit trail: every change that was tried, who tried it, from where, and what became of it."""
    from reconcile.report.history import history_json, history_text
    from reconcile.wiring.configuration import inventory_reader
    from reconcile.wiring.state import environment_name, open_database

    name = environment_name(context.settings, context.environment)
    with open_database(context.settings, name, read_only=True) as database:
        records = inventory_reader(database).history(limit=limit)
    rows = [history_json(record) for record in records] if context.as_json else []
    if context.as_json:
        context.json({"formatVersion": "1.0", "environment": name, "records": rows, "exit": ExitCode.NOTHING_TO_DO.reason})
    else:
        context.data(history_text(records, fit=context.columns))
    return ExitCode.NOTHING_TO_DO
