"""`reconcile parties import`."""

from __future__ import annotations

import click

from reconcile.cli.batch import opened
from reconcile.cli.context import Context, common
from reconcile.model.exit_code import ExitCode

_DELIMITERS = {"comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|"}


@click.command("import", short_help="Take in rows from CSV or JSON; may be repeated.")
@click.argument("file", metavar="FILE|-")
@click.option("--format", "form", type=click.Choice(("csv", "json")), help="What FILE is [its beginning tells].")
@click.option("--delimiter", type=click.Choice(tuple(_DELIMITERS)), help="What parts the cells of a CSV [its header tells].")
@click.option("--incremental", is_flag=True, help="Rows that FILE does not name stay; those marked as removed go.")
@click.option("--skip-invalid", is_flag=True, help="Leave wrong lines out; without it, one of them stops the import.")
@click.option("--allow-removals", is_flag=True, help="Remove however many rows FILE does not name [3, or 10 %].")
@common(estate=False)
def import_command(
    context: Context, file: str, form: str | None, delimiter: str | None, incremental: bool, skip_invalid: bool, allow_removals: bool
) -> ExitCode:
    """Take in the rows of FILE (- is standard input), all of them or none: CSV with a header, JSON lines, or a JSON array.

    Columns: type, id, name, addresses (or email1, email2 …), active, owner, writesEmail, filter, removed; type and id are needed. FILE is
    the whole directory, so rows that it does not name go, unless --incremental is given. The same file again changes nothing.

    Ends with 0 when every row was taken in, with 6 when lines were left out (then nothing is removed either), with 4 when too many rows
    would go, with 1 when nothing was taken in.

    Example: reconcile parties import parties.csv
    """
    from reconcile.report.parties_json import import_json
    from reconcile.report.parties_text import import_lines
    from reconcile.sync.decide.given_row import UnreadableFile
    from reconcile.sync.party_import import import_parties
    from reconcile.wiring.parties import party_store
    from reconcile.wiring.state import environment_name, writable_database
    from reconcile.wiring.system import SystemClock

    with opened(file) as stream, writable_database(context.settings, environment_name(context.settings, context.environment)) as database:
        try:
            result = import_parties(
                party_store(database),
                stream,
                SystemClock(),
                form=form or "",
                delimiter=_DELIMITERS[delimiter] if delimiter else "",
                incremental=incremental,
                skip_invalid=skip_invalid,
                allow_removals=allow_removals,
            )
        except UnreadableFile as error:
            raise error.within(file) from error
    if context.as_json:
        context.json(import_json(result))
    else:
        context.data("\n".join(import_lines(file, result)))
    return result.code
