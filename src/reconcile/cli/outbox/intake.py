"""`reconcile outbox import`."""

from __future__ import annotations

from pathlib import Path

import click

from reconcile.cli.batch import opened, reported
from reconcile.cli.context import Context, common
from reconcile.model.exit_code import ExitCode


@click.command("import", short_help="Queue mails from JSON lines; may be repeated.")
@click.argument("file", metavar="FILE|-")
@click.option(
    "--attachments",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="What attachments' paths are relative to; they cannot lead out of it [they are refused].",
)
@common(estate=False)
def import_command(context: Context, file: str, attachments: Path | None) -> ExitCode:
    """Queue a mail for each line of FILE (- is standard input): JSON with clientKey, from, to, cc, bcc, subject, text, html,
    attachments and inReplyTo.

    Each line has an outcome of its own: added, already-there (its clientKey was taken in before, with the same content), or refused
    with line, column and reason. So the whole file may be handed in again after whatever went wrong. Ends with 0 when every line
    was taken, with 6 when some were, with 1 when none was.

    Example: reconcile outbox import letters.jsonl --attachments ./files
    """
    from reconcile.sync.lines import lines_of
    from reconcile.wiring.feed import attachment_reader, mail_intake
    from reconcile.wiring.state import environment_name, writable_database

    read = attachment_reader(attachments)
    with opened(file) as stream, writable_database(context.settings, environment_name(context.settings, context.environment)) as database:
        return reported(context, file, mail_intake(database, read).take(lines_of(stream)), "mail")
