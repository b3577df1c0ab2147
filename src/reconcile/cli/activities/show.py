"""`reconcile activities show`."""

from __future__ import annotations

import sys

import click

from reconcile.cli.activities.selection import tracked
from reconcile.cli.context import Context, common
from reconcile.cli.number import Number
from reconcile.errors import UserError
from reconcile.model.exit_code import ExitCode


@click.command("show")
@click.argument("activity_id", metavar="ID", type=Number(1))
@click.option("--raw", is_flag=True, help="The bytes as they were received, and nothing else.")
@common(estate=False)
def show_command(context: Context, activity_id: int, raw: bool) -> ExitCode:
    """Header, text and attachments of one e-mail, and what was set on it."""
    from reconcile.report.activities_json import FORMAT_VERSION, activity_json, text_json
    from reconcile.report.activities_text import activity_text
    from reconcile.sync.message_text import message_text
    from reconcile.wiring.mail import keep_text

    with tracked(context) as found:
        activity = found.reader.activity(activity_id)
        if activity is None:
            raise UserError(f"there is no activity {activity_id}", hint="`reconcile activities list` shows them.")
        if raw:
            for chunk in found.reader.raw(activity_id):
                sys.stdout.buffer.write(chunk)
            return ExitCode.NOTHING_TO_DO
        text, fresh = message_text(found.reader, activity)
        if fresh:
            keep_text(context.settings, context.environment, activity_id, text)
    if context.as_json:
        context.json({"formatVersion": FORMAT_VERSION, **activity_json(activity, found.slugs), **text_json(text)})
    else:
        context.data(activity_text(activity, text, found.slugs))
    return ExitCode.NOTHING_TO_DO
