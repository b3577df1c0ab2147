"""`reconcile parties list`."""

from __future__ import annotations

import click

from reconcile.cli.context import Context, common
from reconcile.cli.number import Number
from reconcile.model.exit_code import ExitCode

_TYPES = ("user", "queue", "contact", "account", "lead", "equipment", "team", "business-unit", "other")


@click.command("list", short_help="Rows of the directory, a page at a time.")
@click.option("--type", "of_type", type=click.Choice(_TYPES), help="Only rows of this type.")
@click.option("--made-from-mail", is_flag=True, help="Only contacts that were made for unknown senders.")
@click.option("--after", metavar="TYPE:ID", help="Go on behind this row, as `next` of the page before says.")
@click.option("--limit", type=Number(1), metavar="N", default=50, help="At most so many [50].")
@common(estate=False)
def list_command(context: Context, of_type: str | None, made_from_mail: bool, after: str | None, limit: int) -> ExitCode:
    """Rows of the directory in the order of type and id, and how many there are of each type.

    Example: reconcile parties list --type contact --limit 200
    """
    from reconcile.model.party import MADE_FROM_MAIL
    from reconcile.report.parties_json import page_json
    from reconcile.report.parties_text import page_text
    from reconcile.wiring.parties import party_reader
    from reconcile.wiring.state import environment_name, open_database

    with open_database(context.settings, environment_name(context.settings, context.environment), read_only=True) as database:
        reader = party_reader(database)
        rows = reader.parties(
            of_type=of_type or "",
            origin=MADE_FROM_MAIL if made_from_mail else None,
            after=_place(after) if after is not None else None,
            limit=limit + 1,
        )
        counts = reader.count()
    page, more = rows[:limit], len(rows) > limit
    if context.as_json:
        context.json(page_json(page, counts, more=more))
    else:
        context.data(page_text(page, counts, more=more, fit=context.columns))
    return ExitCode.NOTHING_TO_DO


def _place(text: str) -> tuple[str, str]:
    type_, _, key = text.partition(":")
    if type_ not in _TYPES or not key:
        raise click.BadParameter(f"{text!r} is no row: write TYPE:ID, for example contact:4711", param_hint="--after")
    return type_, key
