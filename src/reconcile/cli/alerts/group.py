"""`reconcile alerts`: one file a subcommand beside this one."""

from __future__ import annotations

import click

from reconcile.cli.alerts.listing import list_command


@click.group("alerts", short_help="What went wrong with mailboxes, profiles and servers, and what to do.")
def command() -> None:
    """One alert for each cause, for as long as it lasts. `run` writes them."""


command.add_command(list_command)
