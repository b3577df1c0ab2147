"""`reconcile parties find`."""

from __future__ import annotations

import click

from reconcile.cli.context import Context, common
from reconcile.model.exit_code import ExitCode


@click.command("find", short_help="Which rows have an address, and whom a sender or recipient resolves to.")
@click.argument("address")
@click.option("--tracked-by", metavar="ID", default="", help="As if the mail came to this user: rows that he owns go first.")
@common(estate=False)
def find_command(context: Context, address: str, tracked_by: str) -> ExitCode:
    """All rows with ADDRESS, of the directory and of applied mailboxes; whom it resolves to as sender and as recipient, and why.

    Example: reconcile parties find info@fabrikam.example
    """
    from reconcile.report.parties_json import found_json
    from reconcile.report.parties_text import found_text
    from reconcile.sync.decide.found_address import found_address
    from reconcile.wiring.applied import applied_state
    from reconcile.wiring.parties import party_reader
    from reconcile.wiring.state import environment_name, open_database

    with open_database(context.settings, environment_name(context.settings, context.environment), read_only=True) as database:
        found = found_address(address, party_reader(database).by_address([address]), applied_state(database).resources(), tracked_by)
    if context.as_json:
        context.json(found_json(found))
    else:
        context.data(found_text(found, fit=context.columns))
    return ExitCode.NOTHING_TO_DO
