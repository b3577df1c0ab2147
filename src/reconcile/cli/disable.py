"""`reconcile disable`."""

from __future__ import annotations

import click

from reconcile.cli.applied_mailboxes import chosen, named, of_profile
from reconcile.cli.context import Context, common
from reconcile.cli.test_mailbox import only
from reconcile.model.exit_code import ExitCode

FORMAT_VERSION = "1.0"


@click.command("disable", short_help="Stop mailboxes at once, whatever git says.")
@named
@of_profile
@only
@click.option("--reason", required=True, metavar="TEXT", help="Why. Shown in status and kept in the audit trail.")
@common(estate=False)
def command(context: Context, mailboxes: tuple[str, ...], profile: str | None, only: str | None, reason: str) -> ExitCode:
    """Stop these mailboxes, or one of their directions, until `reconcile enable`. For the moment when a pull request takes too long: git
    stays as it is, and outgoing mail waits.

    Example: reconcile disable sales --only outgoing --reason "account may be compromised"
    """
    from reconcile.model.enablement import Direction, Disable
    from reconcile.wiring.applied import applied_state
    from reconcile.wiring.permits import enablement_store
    from reconcile.wiring.state import environment_name, writable_database
    from reconcile.wiring.system import SystemClock

    text = " ".join(reason.split())
    if not text or len(text) > 500:
        raise click.UsageError("--reason is 1 to 500 characters")
    directions = [Direction(only)] if only else list(Direction)
    name = environment_name(context.settings, context.environment)
    with writable_database(context.settings, name) as database:
        found = chosen(applied_state(database).resources(), mailboxes, profile)
        store, clock = enablement_store(database), SystemClock()
        for mailbox in found:
            for direction in directions:
                step = Disable(direction=direction, why=f"{text} ({context.actor})")
                store.advance(mailbox.external_id, step, at=clock.now(), by=context.actor, name=mailbox.name)
    if context.as_json:
        listed = [{"mailbox": one.name, "disabled": [str(direction) for direction in directions]} for one in found]
        context.json({"formatVersion": FORMAT_VERSION, "environment": name, "mailboxes": listed, "exit": ExitCode.NOTHING_TO_DO.reason})
    else:
        for one in found:
            context.data(f"{one.name}: {' and '.join(str(direction) for direction in directions)} disabled")
        context.say("  next: `reconcile enable` starts them again.")
    return ExitCode.NOTHING_TO_DO
