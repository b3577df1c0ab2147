"""`reconcile quarantine show`."""

from __future__ import annotations

import click

from reconcile.cli.context import Context, common
from reconcile.cli.number import Number
from reconcile.cli.quarantine.held import named
from reconcile.model.exit_code import ExitCode


@click.command("show", short_help="One message in quarantine, and what to do.")
@click.argument("held_id", metavar="ID", type=Number(1))
@common(estate=False)
def show_command(context: Context, held_id: int) -> ExitCode:
    """Why it is there, what was said when it failed, and the next step.

    Example: reconcile quarantine show 3
    """
    from reconcile.report.quarantine import FORMAT_VERSION, held_json, held_text
    from reconcile.wiring.applied import mailbox_names
    from reconcile.wiring.mail import quarantine_of
    from reconcile.wiring.state import environment_name, open_database

    with open_database(context.settings, environment_name(context.settings, context.environment), read_only=True) as database:
        held = named(quarantine_of(database), held_id)
        names = {mailbox_id: slug for mailbox_id, (slug, _) in mailbox_names(database).items()}
    if context.as_json:
        context.json({"formatVersion": FORMAT_VERSION, **held_json(held, names), "exit": ExitCode.NOTHING_TO_DO.reason})
    else:
        context.data(held_text(held, names))
    return ExitCode.NOTHING_TO_DO
