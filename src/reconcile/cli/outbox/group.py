"""`reconcile outbox`: one file a subcommand beside this one."""

from __future__ import annotations

import click

from reconcile.cli.outbox.add import add_command
from reconcile.cli.outbox.intake import import_command
from reconcile.cli.outbox.listing import list_command
from reconcile.cli.outbox.show import show_command
from reconcile.cli.outbox.step import confirm_command, release_command, retry_command, withdraw_command


@click.group("outbox", short_help="Queue mail, look at it, try again.")
def command() -> None:
    """Outgoing mail. What is added here goes out with the next `reconcile sync` (or at once while `reconcile run` runs)."""


for _subcommand in (
    add_command,
    import_command,
    list_command,
    show_command,
    retry_command,
    confirm_command,
    withdraw_command,
    release_command,
):
    command.add_command(_subcommand)
