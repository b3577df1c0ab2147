"""`reconcile outbox show`."""

from __future__ import annotations

import sys

import click

from reconcile.cli.context import Context, common
from reconcile.cli.outbox.step import mail_id
from reconcile.errors import UserError
from reconcile.model.exit_code import ExitCode


@click.command("show")
@mail_id
@click.option("--raw", is_flag=True, help="The bytes as they are sent, and nothing else.")
@common(estate=False)
def show_command(context: Context, mail: int, raw: bool) -> ExitCode:
    """One mail: recipients, history, and what to do next."""
    from reconcile.report.outbox_json import FORMAT_VERSION, history_json, mail_json
    from reconcile.report.outbox_text import mail_text
    from reconcile.wiring.mail import outbox_reader
    from reconcile.wiring.state import environment_name, open_database

    with open_database(context.settings, environment_name(context.settings, context.environment), read_only=True) as database:
        outbox = outbox_reader(database)
        entry = outbox.entry(mail)
        if entry is None:
            raise UserError(f"there is no mail {mail} in the outbox", hint="See `reconcile outbox list`.")
        events, content = outbox.events(mail), outbox.content(mail) if raw else b""
    if raw:
        sys.stdout.buffer.write(content)
    elif context.as_json:
        context.json({"formatVersion": FORMAT_VERSION, "mail": mail_json(entry), "history": history_json(events)})
    else:
        context.data(mail_text(entry, events, fit=context.columns))
    return ExitCode.NOTHING_TO_DO
