"""`reconcile audit`."""

from __future__ import annotations

import re

import click

from reconcile.cli.context import Context, common
from reconcile.model.exit_code import ExitCode

FORMAT_VERSION = "1.0"


@click.group("audit", short_help="Check that the audit trail is as it was written, or export it.")
def command() -> None:
    """The audit trail is only ever added to, and each record carries a hash of itself and of all before it.

    Example: reconcile audit verify --expect 9f2c…
    """


def _hash(ctx: click.Context, param: click.Parameter, value: str | None) -> str:
    if value is None:
        return ""
    text = value.strip().lower()
    if not re.fullmatch(r"[0-9a-f]{64}", text):
        raise click.BadParameter(f"{value!r} is no hash of a trail: 64 hexadecimal digits, as `reconcile apply` shows them.", ctx, param)
    return text


@command.command("verify", short_help="Compute the hash chain anew, and say what does not fit.")
@click.option("--expect", metavar="HASH", callback=_hash, help="A hash shown earlier and kept elsewhere: nothing before it may differ.")
@common(estate=False)
def verify_command(context: Context, expect: str) -> ExitCode:
    """Read the whole trail and compute its chain anew. Ends with 1 and names the first record that is not as it was written.

    Whoever can write to the database could write the whole chain anew: only --expect, with a hash kept elsewhere, notices that.
    """
    from reconcile.report.audit_text import verified_json, verified_text
    from reconcile.wiring.configuration import inventory_reader
    from reconcile.wiring.state import environment_name, open_database

    name = environment_name(context.settings, context.environment)
    with open_database(context.settings, name, read_only=True) as database:
        found = inventory_reader(database).verified(expected=expect)
    code = ExitCode.FAILURE if found.broken else ExitCode.NOTHING_TO_DO
    if context.as_json:
        context.json({"formatVersion": FORMAT_VERSION, **verified_json(name, found), "exit": code.reason})
    else:
        context.data(verified_text(found))
        if found.broken:
            context.say("next: compare with a backup (`reconcile audit export` of both), and find out who can write to the store")
    return code


@command.command("export", short_help="Print the whole trail as JSON lines, oldest first.")
@common(estate=False, outputs=())
def export_command(context: Context) -> ExitCode:
    """Print the whole trail as JSON lines, oldest first, with all that each hash covers: for an archive, or for a second opinion."""
    from reconcile.report.audit_text import record_line
    from reconcile.wiring.configuration import inventory_reader
    from reconcile.wiring.state import environment_name, open_database

    name = environment_name(context.settings, context.environment)
    with open_database(context.settings, name, read_only=True) as database:
        for record in inventory_reader(database).trail():
            click.echo(record_line(record))
    return ExitCode.NOTHING_TO_DO
