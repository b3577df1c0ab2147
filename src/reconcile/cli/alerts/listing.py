"""`reconcile alerts list`."""

from __future__ import annotations

import click

from reconcile.cli.context import Context, common
from reconcile.model.exit_code import ExitCode


@click.command("list", short_help="What lasts now, errors first.")
@click.option("--all", "ended", is_flag=True, help="Those that are over, too, as long as they are kept.")
@common(estate=False)
def list_command(context: Context, ended: bool) -> ExitCode:
    """One line an alert: since when, how bad, about what, and what to do. Reads only.

    Example: reconcile alerts list --all
    """
    from reconcile.report.alerts import FORMAT_VERSION, alert_json, alert_lines
    from reconcile.wiring.alerts import alert_reader
    from reconcile.wiring.state import environment_name, open_database
    from reconcile.wiring.system import SystemClock

    now = SystemClock().now()
    environment = environment_name(context.settings, context.environment)
    with open_database(context.settings, environment, read_only=True) as database:
        reader = alert_reader(database)
        found, loop = reader.alerts(ended=ended), reader.loop()
    if context.as_json:
        context.json(
            {
                "formatVersion": FORMAT_VERSION,
                "environment": environment,
                "lookedAt": loop.seen.strftime("%Y-%m-%dT%H:%M:%SZ") if loop is not None else None,
                "running": loop is not None and loop.runs(now),
                "alerts": [alert_json(alert) for alert in found],
                "exit": ExitCode.NOTHING_TO_DO.reason,
            }
        )
    else:
        context.data(alert_lines(found, loop, now=now, fit=context.columns))
    return ExitCode.NOTHING_TO_DO
