"""`reconcile activities items`: one file for what reads, one for what writes, one for attachments, one for what met."""

from __future__ import annotations

import click

from reconcile.cli.activities.items.conflicts import conflicts_command, relink_command, resolve_command
from reconcile.cli.activities.items.files import attach_command, attachments_command, detach_command
from reconcile.cli.activities.items.reading import export_command, list_command, show_command
from reconcile.cli.activities.items.release import release_command
from reconcile.cli.activities.items.writing import add_command, delete_command, edit_command, import_command


@click.group("items", short_help="Appointments, contacts and tasks.")
def items_group() -> None:
    """Appointments, contacts and tasks that are kept in step with mailboxes. Columns bear the names of the product's; docs/items.md has
    them."""


_SUBCOMMANDS = (
    list_command,
    show_command,
    add_command,
    edit_command,
    delete_command,
    attach_command,
    detach_command,
    attachments_command,
    import_command,
    export_command,
    conflicts_command,
    resolve_command,
    relink_command,
    release_command,
)
for _subcommand in _SUBCOMMANDS:
    items_group.add_command(_subcommand)
