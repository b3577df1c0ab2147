"""`reconcile mailboxes`."""

from __future__ import annotations

import click

from reconcile.cli.context import Context, common
from reconcile.model.exit_code import ExitCode


@click.command("mailboxes", short_help="List mailboxes: healthy, waiting, stalled, and why.")
@common(estate=False)
def command(context: Context) -> ExitCode:
    """One line for each applied mailbox. Reads only; asks no server."""
    from reconcile.report.sync_json import FORMAT_VERSION, status_json
    from reconcile.report.sync_text import mailboxes_table
    from reconcile.wiring.mailbox_statuses import mailbox_statuses
    from reconcile.wiring.system import SystemClock

    environment, statuses = mailbox_statuses(context.settings, context.environment)
    if context.as_json:
        context.json(
            {"formatVersion": FORMAT_VERSION, "environment": environment, "mailboxes": [status_json(status) for status in statuses]}
        )
    else:
        context.data(mailboxes_table(statuses, now=SystemClock().now(), fit=context.columns))
    return ExitCode.NOTHING_TO_DO
