"""`reconcile activities`: one file a subcommand beside this one."""

from __future__ import annotations

import click

from reconcile.cli.activities.attachments import attachments_command
from reconcile.cli.activities.edit import edit_command
from reconcile.cli.activities.export import export_command
from reconcile.cli.activities.feed import feed_command
from reconcile.cli.activities.intake import import_command
from reconcile.cli.activities.items.group import items_group
from reconcile.cli.activities.listing import list_command
from reconcile.cli.activities.queues import queues_command
from reconcile.cli.activities.show import show_command


@click.group("activities", short_help="List, show, export, edit and follow tracked e-mail.")
def command() -> None:
    """Tracked e-mail: one activity for the same Message-ID with the same content, however many mailboxes hold it."""


_SUBCOMMANDS = (
    list_command,
    show_command,
    queues_command,
    export_command,
    edit_command,
    import_command,
    feed_command,
    attachments_command,
    items_group,
)
for _subcommand in _SUBCOMMANDS:
    command.add_command(_subcommand)
