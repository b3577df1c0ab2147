"""`reconcile report`."""

from __future__ import annotations

import click

from reconcile.cli.context import Context, common
from reconcile.cli.csv_option import DELIMITERS, delimiter_option
from reconcile.model.exit_code import ExitCode

FORMAT_VERSION = "1.0"


@click.group("report", short_help="Lists for a review, also as CSV that Excel opens safely.")
def command() -> None:
    """Lists for a review, from what was applied and what synchronisation remembers. Changes in a period: `reconcile history`.

    Example: reconcile report mailboxes --output csv > mailboxes.csv
    """


@command.command("mailboxes", short_help="Mailbox, profile, credential kind, last sync, state.")
@delimiter_option
@common(estate=False, outputs=("text", "json", "csv"))
def mailboxes_command(context: Context, delimiter: str) -> ExitCode:
    """Each applied mailbox with its profile, whose credentials are used, when it was last synchronised, and in what state it is.

    CSV and JSON have more columns than the text. CSV is UTF-8 with a byte order mark; no cell is run as a formula.
    """
    from reconcile.report.csv_text import csv_octets
    from reconcile.report.mailbox_report import HEADERS, mailbox_lines, mailbox_report_json, mailbox_report_text, mailbox_rows
    from reconcile.wiring.applied import applied_state
    from reconcile.wiring.mailbox_statuses import mailbox_statuses
    from reconcile.wiring.state import open_database

    name, statuses = mailbox_statuses(context.settings, context.environment)
    with open_database(context.settings, name, read_only=True) as database:
        applied = applied_state(database).resources()
    mailboxes = {one.name: (one.spec, one.origins.get("", "")) for one in applied if one.kind == "Mailbox"}
    profiles = {one.name: one.spec for one in applied if one.kind == "EmailServerProfile"}
    lines = mailbox_lines(mailboxes, profiles, statuses)
    if context.output == "csv":
        context.octets(csv_octets(HEADERS, mailbox_rows(name, lines), delimiter=DELIMITERS[delimiter]))
    elif context.as_json:
        rows = mailbox_report_json(lines)
        context.json({"formatVersion": FORMAT_VERSION, "environment": name, "mailboxes": rows, "exit": ExitCode.NOTHING_TO_DO.reason})
    else:
        context.data(mailbox_report_text(lines, fit=context.columns))
    return ExitCode.NOTHING_TO_DO
