"""`reconcile parties`: one file a subcommand beside this one."""

from __future__ import annotations

import click

from reconcile.cli.parties.find import find_command
from reconcile.cli.parties.intake import import_command
from reconcile.cli.parties.listing import list_command


@click.group("parties", short_help="Import who stands behind which address, and look addresses up.")
def command() -> None:
    """The directory of parties: users, queues, contacts, accounts, leads and others with their addresses, as the CRM has them."""


for _subcommand in (import_command, list_command, find_command):
    command.add_command(_subcommand)
