"""`reconcile import`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconcile.cli.context import Context, common
from reconcile.cli.csv_option import DELIMITERS
from reconcile.model.exit_code import ExitCode

if TYPE_CHECKING:
    from reconcile.report.estate_files import Layout


@click.command("import", short_help="Write files for what a target, an export or a table has and git does not declare.")
@click.option("--from", "origin", required=True, metavar="ORIGIN", help="snapshot:PATH (an export), engine (our own store), or csv:FILE.")
@click.option("--into", type=click.Path(file_okay=False, path_type=Path), help="The estate to write into [the one of -C].")
@click.option(
    "--layout", type=click.Choice(["files", "grouped", "csv"]), help="A file a mailbox, together by domain, or a table [by number]."
)
@click.option("--delimiter", type=click.Choice(list(DELIMITERS)), help="Between the cells of csv:FILE [the one its header has most].")
@click.option("--dry-run", is_flag=True, help="Say what would be written, and write nothing.")
@common(estate=False)
def command(context: Context, origin: str, into: Path | None, layout: Layout | None, delimiter: str | None, dry_run: bool) -> ExitCode:
    """Take over what exists: one document for each profile, mailbox and organization that git does not declare yet.

    Documents that are there stay as they are, wherever they stand; where their row differs, that is said. Nothing is overwritten or
    deleted, and no secret is written. An imported estate plans empty.

    Example: reconcile import --from snapshot:exports/prod.json --into contoso
    """
    from reconcile.cli.taking_over import taken_over
    from reconcile.report.takeover_report import takeover_json, takeover_text

    result = taken_over(context, origin, into or context.directory, layout, DELIMITERS.get(delimiter or ""), write=not dry_run)
    if result is None:
        return ExitCode.FINDINGS
    code = ExitCode.COULD_NOT_OBSERVE if result.takeover.unknown else ExitCode.NOTHING_TO_DO
    if context.as_json:
        context.json(takeover_json(result, code))
    else:
        context.data(takeover_text(result))
    return code
