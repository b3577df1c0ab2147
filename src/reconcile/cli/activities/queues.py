"""`reconcile activities queues`."""

from __future__ import annotations

import click

from reconcile.cli.context import Context, common
from reconcile.model.exit_code import ExitCode


@click.command("queues", short_help="Queues that have items, and how many.")
@common(estate=False)
def queues_command(context: Context) -> ExitCode:
    """Each queue in which tracked e-mail waits. `activities list --queue NAME` shows its e-mails.

    Example: reconcile activities queues
    """
    from reconcile.report.queues import queues_json, queues_table
    from reconcile.wiring.parties import queue_items
    from reconcile.wiring.state import environment_name, open_database

    with open_database(context.settings, environment_name(context.settings, context.environment), read_only=True) as database:
        queues = queue_items(database).queues()
    if context.as_json:
        context.json(queues_json(queues))
    else:
        context.data(queues_table(queues, fit=context.columns))
    return ExitCode.NOTHING_TO_DO
