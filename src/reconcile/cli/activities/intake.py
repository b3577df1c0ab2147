"""`reconcile activities import`."""

from __future__ import annotations

import click

from reconcile.cli.batch import opened, reported
from reconcile.cli.context import Context, common
from reconcile.model.exit_code import ExitCode


@click.command("import", short_help="Edit e-mails from JSON lines; may be repeated.")
@click.argument("file", metavar="FILE|-")
@common(estate=False)
def import_command(context: Context, file: str) -> ExitCode:
    """Make an edit for each line of FILE (- is standard input): JSON with clientKey, id, expectedVersion, regarding, owner, state,
    categories and note.

    Each line has an outcome of its own: edited, unchanged, already-there (its clientKey was taken in before, with the same content),
    or refused with line, column and reason; a conflict tells the version that stands. So the whole file may be handed in again after
    whatever went wrong. Ends with 0 when every line was taken, with 6 when some were, with 1 when none was.

    Example: reconcile activities import edits.jsonl
    """
    from reconcile.sync.lines import lines_of
    from reconcile.wiring.feed import edit_intake
    from reconcile.wiring.state import environment_name, writable_database

    with opened(file) as stream, writable_database(context.settings, environment_name(context.settings, context.environment)) as database:
        return reported(context, file, edit_intake(database, context.actor).take(lines_of(stream)), "edit")
