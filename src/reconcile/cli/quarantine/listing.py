"""`reconcile quarantine list`."""

from __future__ import annotations

import click

from reconcile.cli.context import Context, common
from reconcile.model.exit_code import ExitCode


@click.command("list", short_help="What is in quarantine, and why.")
@common(estate=False)
def list_command(context: Context) -> ExitCode:
    """One line a message, the newest first.

    Example: reconcile quarantine list
    """
    from reconcile.report.quarantine import FORMAT_VERSION, held_json, held_table
    from reconcile.wiring.applied import mailbox_names
    from reconcile.wiring.mail import quarantine_of
    from reconcile.wiring.state import environment_name, open_database

    with open_database(context.settings, environment_name(context.settings, context.environment), read_only=True) as database:
        held = quarantine_of(database).entries()
        names = {mailbox_id: slug for mailbox_id, (slug, _) in mailbox_names(database).items()}
    if context.as_json:
        reason = ExitCode.NOTHING_TO_DO.reason
        context.json({"formatVersion": FORMAT_VERSION, "messages": [held_json(each, names) for each in held], "exit": reason})
    else:
        context.data(held_table(held, names, fit=context.columns))
    return ExitCode.NOTHING_TO_DO
