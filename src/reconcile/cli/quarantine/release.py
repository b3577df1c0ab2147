"""`reconcile quarantine retry` and `release`."""

from __future__ import annotations

import click

from reconcile.cli.context import Context, common
from reconcile.cli.number import Number
from reconcile.cli.quarantine.held import named
from reconcile.model.exit_code import ExitCode

_RESULTS = {"tracked": "is tracked", "known": "was tracked already", "ignored": "is not tracked"}


@click.command("retry", short_help="Try one again, by filter and rules.")
@click.argument("held_id", metavar="ID", type=Number(1))
@common(estate=False)
def retry_command(context: Context, held_id: int) -> ExitCode:
    """Try it again with the bytes that are kept; the mail server is not asked. It leaves the quarantine with what it becomes.

    Example: reconcile quarantine retry 3
    """
    return _again(context, held_id, deciding=True)


@click.command("release", short_help="Track one, whatever filter and rules say.")
@click.argument("held_id", metavar="ID", type=Number(1))
@common(estate=False)
def release_command(context: Context, held_id: int) -> ExitCode:
    """Track it as it is, also where no recipient takes it, and a mail in a forward mailbox without taking anything out of it.

    Example: reconcile quarantine release 3
    """
    return _again(context, held_id, deciding=False)


def _again(context: Context, held_id: int, *, deciding: bool) -> ExitCode:
    from reconcile.errors import ReconcileError
    from reconcile.report.decision_words import meaning
    from reconcile.sync.releasing import release
    from reconcile.wiring.applied import mailbox_names
    from reconcile.wiring.audit import record
    from reconcile.wiring.mail import deciders, mail_store, quarantine_of
    from reconcile.wiring.state import environment_name, writable_database
    from reconcile.wiring.system import SystemClock

    clock = SystemClock()
    with (
        writable_database(context.settings, environment_name(context.settings, context.environment)) as database,
        mail_store(database) as store,
    ):
        quarantine = quarantine_of(database)
        held = named(quarantine, held_id)
        decider = deciders(database, clock)(held.mailbox_id) if deciding else None
        action = "quarantine-retry" if deciding else "quarantine-release"
        slug = mailbox_names(database).get(held.mailbox_id, (held.mailbox_id, ""))[0]

        def recorded(result: str, words: str) -> None:
            detail = {"message": held_id, "result": result, "reason": words}
            record(database, actor=context.actor, action=action, key=f"Mailbox/{slug}", detail=detail)

        try:
            done = release(store, quarantine, held, decider=decider, clock=clock, by=context.actor)
        except ReconcileError as error:
            recorded("failed", error.message)
            raise
        result = "tracked" if done.tracked else "known" if done.known else "ignored"
        recorded(result, f"message {held_id} {_RESULTS[result]}")
    if context.as_json:
        reason = ExitCode.NOTHING_TO_DO.reason
        context.json({"formatVersion": "1.0", "id": held_id, "result": result, "reason": done.reason or None, "exit": reason})
    else:
        why = f": {meaning(done.reason)}" if done.reason else ""
        context.data(f"message {held_id} {_RESULTS[result]}{why}")
    return ExitCode.NOTHING_TO_DO
