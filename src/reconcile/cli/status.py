"""`reconcile status`."""

from __future__ import annotations

import click

from reconcile.cli.context import Context, common
from reconcile.model.exit_code import ExitCode


@click.command("status", short_help="Say how the environment is doing.")
@common(estate=False)
def command(context: Context) -> ExitCode:
    """Counts by health, then everything that wants a person, with the next step. Reads only; asks no server."""
    from reconcile.report.sync_json import FORMAT_VERSION, status_json
    from reconcile.report.sync_text import health_counts, status_text
    from reconcile.wiring import SystemClock, mailbox_statuses

    environment, statuses = mailbox_statuses(context.settings, context.environment)
    if context.as_json:
        context.json(
            {
                "formatVersion": FORMAT_VERSION,
                "environment": environment,
                "health": health_counts(statuses),
                "mailboxes": [status_json(status) for status in statuses],
            }
        )
    else:
        context.data(status_text(environment, statuses, now=SystemClock().now()))
    return ExitCode.NOTHING_TO_DO
