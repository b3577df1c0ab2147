"""`reconcile quarantine`: one file a subcommand beside this one."""

from __future__ import annotations

import click

from reconcile.cli.quarantine.delete import delete_command
from reconcile.cli.quarantine.export import export_command
from reconcile.cli.quarantine.listing import list_command
from reconcile.cli.quarantine.release import release_command, retry_command
from reconcile.cli.quarantine.show import show_command


@click.group("quarantine", short_help="Mail that could not be tracked: look at it, try again, let it go.")
def command() -> None:
    """Messages that were tried five times and could not become activities, with their bytes as received."""


for _subcommand in (list_command, show_command, export_command, retry_command, release_command, delete_command):
    command.add_command(_subcommand)
