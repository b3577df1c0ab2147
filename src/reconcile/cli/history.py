"""`reconcile history`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from reconcile.cli.context import Context, common
from reconcile.cli.csv_option import DELIMITERS, delimiter_option
from reconcile.cli.number import Number
from reconcile.model.exit_code import ExitCode

if TYPE_CHECKING:
    from datetime import datetime

_LIMIT = 50


@click.command("history", short_help="List what was applied, by whom, when.")
@click.option("--since", metavar="WHEN", help="From this date or instant on.")
@click.option("--until", metavar="WHEN", help="Up to this date (that day included), or before this instant.")
@click.option("--key", default="", metavar="GLOB", help="Only resources such as 'Mailbox/sales' or 'Mailbox/*'.")
@click.option("--actor", default="", metavar="WHO", help="Only what this one did.")
@click.option("--action", default="", metavar="WHAT", help="Only create, adopt, update, delete, forget, break-lock …")
@click.option("--details", is_flag=True, help="Show each field, from what to what.")
@click.option("--limit", type=Number(1), metavar="N", help=f"At most this many records, newest first [{_LIMIT}; all of a period].")
@delimiter_option
@common(estate=False, outputs=("text", "json", "csv"))
def command(
    context: Context,
    since: str | None,
    until: str | None,
    key: str,
    actor: str,
    action: str,
    details: bool,
    limit: int | None,
    delimiter: str,
) -> ExitCode:
    """List the audit trail: every change that was tried, who tried it, from where, and what became of it.

    Example: reconcile history --since 2026-01-01 --until 2026-01-31 --key 'Mailbox/*' --output csv > january.csv
    """
    from reconcile.model.audit_record import AuditQuery
    from reconcile.report.csv_text import csv_octets
    from reconcile.report.history import CSV_HEADERS, history_csv, history_details, history_json, history_text
    from reconcile.wiring.configuration import inventory_reader, time_zone
    from reconcile.wiring.state import environment_name, open_database

    name = environment_name(context.settings, context.environment)
    with open_database(context.settings, name, read_only=True) as database:
        zone = time_zone(database)
        query = AuditQuery(
            since=_moment("--since", since, zone, end=False),
            until=_moment("--until", until, zone, end=True),
            actor=actor,
            action=action,
            key=key,
        )
        most = limit if limit is not None or since is not None else _LIMIT
        records = inventory_reader(database).history(limit=most, query=query)
    if context.output == "csv":
        context.octets(csv_octets(CSV_HEADERS, history_csv(records), delimiter=DELIMITERS[delimiter]))
    elif context.as_json:
        rows = [history_json(record) for record in records]
        context.json({"formatVersion": "1.0", "environment": name, "records": rows, "exit": ExitCode.NOTHING_TO_DO.reason})
    else:
        asked = any((since, until, key, actor, action))
        empty = "nothing of the kind is recorded" if asked else "nothing was applied yet"
        context.data(history_details(records, empty=empty) if details else history_text(records, fit=context.columns, empty=empty))
    return ExitCode.NOTHING_TO_DO


def _moment(option: str, text: str | None, zone: str, *, end: bool) -> datetime | None:
    """A date means the whole day in the environment's time zone."""
    from datetime import date, timedelta

    from reconcile.model import instant

    if text is None:
        return None
    try:
        if end and len(text) == len("2026-01-31"):
            text = (date.fromisoformat(text) + timedelta(days=1)).isoformat()
        return instant.parse(text, zone)
    except (ValueError, OverflowError) as error:
        raise click.UsageError(f"{option}: {error}") from None
