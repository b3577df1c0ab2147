"""`reconcile lock`."""

from __future__ import annotations

import click

from reconcile.cli.context import Context, common
from reconcile.model.exit_code import ExitCode

FORMAT_VERSION = "1.0"


@click.group("lock", short_help="See who is applying, or fence off one who hangs.")
def command() -> None:
    """The lock of an environment: one apply at a time. It is a lease that its holder renews; one who dies gives it up at once.

    Example: reconcile lock break --reason "laptop was closed during the apply"
    """


@command.command("list", short_help="Who holds which lock, and since when.")
@common(estate=False)
def list_command(context: Context) -> ExitCode:
    """Who holds which lock: of all environments with a store here, or of the one named by -e.

    States: working; overdue (did not renew in time: the next apply takes over); dead (the next apply takes over at once).
    """
    from reconcile.report.locks_text import lock_json, locks_text
    from reconcile.wiring.configuration import lock_holder
    from reconcile.wiring.state import environment_name, environments, open_database

    settings = context.settings
    names = environments(settings) if context.environment is None else [environment_name(settings, context.environment)]
    held = {}
    for name in names:
        with open_database(settings, name, read_only=True) as database:
            holder = lock_holder(database)
        if holder is not None:
            held[name] = holder
    if context.as_json:
        locks = [lock_json(name, holder) for name, holder in held.items()]
        context.json({"formatVersion": FORMAT_VERSION, "locks": locks, "exit": ExitCode.NOTHING_TO_DO.reason})
    else:
        context.data(locks_text(held, fit=context.columns))
    return ExitCode.NOTHING_TO_DO


@command.command("break", short_help="Take the lock from whoever holds it.")
@click.option("--reason", required=True, metavar="TEXT", help="Why; it stands in the audit trail.")
@common(estate=False)
def break_command(context: Context, reason: str) -> ExitCode:
    """Take the lock from whoever holds it. The holder may go on running, but writes nothing more to this environment's store.

    Seldom needed: a process that died, or that stood still for longer than its lease, is taken over by the next apply without this.
    """
    from reconcile.report.locks_text import broken_text, lock_json
    from reconcile.wiring.configuration import apply_store
    from reconcile.wiring.state import environment_name, writable_database
    from reconcile.wiring.system import SystemClock

    if not reason.strip():
        raise click.UsageError("--reason must say why")
    name = environment_name(context.settings, context.environment)
    with writable_database(context.settings, name) as database:
        was = apply_store(database, SystemClock()).break_lock(actor=context.actor, reason=reason.strip())
    if context.as_json:
        broken = None if was is None else lock_json(name, was)
        context.json({"formatVersion": FORMAT_VERSION, "environment": name, "broken": broken, "exit": ExitCode.NOTHING_TO_DO.reason})
    else:
        context.data(f"{name}: nobody holds the lock" if was is None else broken_text(name, was))
    return ExitCode.NOTHING_TO_DO
