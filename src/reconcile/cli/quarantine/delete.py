"""`reconcile quarantine delete`."""

from __future__ import annotations

import click

from reconcile.cli.context import Context, common
from reconcile.cli.number import Number
from reconcile.cli.quarantine.held import named
from reconcile.model.exit_code import ExitCode


@click.command("delete", short_help="Let one go for good.")
@click.argument("held_id", metavar="ID", type=Number(1))
@click.option("--yes", is_flag=True, help="Do it. Without, it is only shown.")
@common(estate=False)
def delete_command(context: Context, held_id: int, yes: bool) -> ExitCode:
    """Take it out of the store, its bytes too (they leave the disk as those of purged mail do). Nothing is deleted at the mail server.

    Example: reconcile quarantine delete 3 --yes
    """
    from reconcile.report.quarantine import held_text
    from reconcile.wiring.applied import mailbox_names
    from reconcile.wiring.audit import record
    from reconcile.wiring.mail import quarantine_of
    from reconcile.wiring.state import environment_name, writable_database
    from reconcile.wiring.system import SystemClock

    with writable_database(context.settings, environment_name(context.settings, context.environment)) as database:
        quarantine = quarantine_of(database)
        held = named(quarantine, held_id)
        names = {mailbox_id: slug for mailbox_id, (slug, _) in mailbox_names(database).items()}
        if yes:
            quarantine.delete(held_id, at=SystemClock().now().strftime("%Y-%m-%dT%H:%M:%SZ"))
            detail = {"message": held_id, "sha256": held.raw.hex(), "reason": f"message {held_id} deleted"}
            key = f"Mailbox/{names.get(held.mailbox_id, held.mailbox_id)}"
            record(database, actor=context.actor, action="quarantine-delete", key=key, detail=detail)
    if context.as_json:
        context.json({"formatVersion": "1.0", "id": held_id, "done": yes, "exit": ExitCode.NOTHING_TO_DO.reason})
    elif yes:
        context.data(f"message {held_id} is gone from the quarantine")
    else:
        context.data(held_text(held, names))
        context.say("  next: --yes deletes it for good.")
    return ExitCode.NOTHING_TO_DO
