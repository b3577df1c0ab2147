"""`reconcile outbox retry`, `confirm`, `withdraw` and `release`: the steps that a person takes with one mail."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from reconcile.cli.context import Context, common
from reconcile.cli.number import Number
from reconcile.model.exit_code import ExitCode

if TYPE_CHECKING:
    from reconcile.model.outbox_step import Step

#: The argument of all commands about one mail.
mail_id = click.argument("mail", metavar="ID", type=Number(1))

_checked = click.option(
    "--i-checked-it-was-not-sent",
    "checked",
    is_flag=True,
    help="Needed for an uncertain mail, or one that came back with a backup. Recorded with your name.",
)


@click.command("retry")
@mail_id
@_checked
@common(estate=False)
def retry_command(context: Context, mail: int, checked: bool) -> ExitCode:
    """Try a failed mail again, or a waiting one now. Only recipients that did not get it are tried."""
    from reconcile.model.outbox_step import Retry

    return _advance(context, mail, Retry(by=context.actor, checked_not_sent=checked))


@click.command("confirm")
@mail_id
@click.option("--i-checked-it-was-sent", "checked", is_flag=True, required=True, help="You looked. Recorded with your name.")
@common(estate=False)
def confirm_command(context: Context, mail: int, checked: bool) -> ExitCode:
    """Say that an uncertain mail, or one that came back with a backup, did arrive."""
    from reconcile.model.outbox_step import Confirm

    assert checked
    return _advance(context, mail, Confirm(by=context.actor))


@click.command("withdraw", short_help="Take a waiting mail back.")
@mail_id
@common(estate=False)
def withdraw_command(context: Context, mail: int) -> ExitCode:
    """Take a waiting mail back: it is not sent to whoever did not get it yet. `retry` brings it back."""
    from reconcile.model.outbox_step import Withdraw

    return _advance(context, mail, Withdraw(by=context.actor))


@click.command("release", short_help="Let a draft go out.")
@mail_id
@_checked
@common(estate=False)
def release_command(context: Context, mail: int, checked: bool) -> ExitCode:
    """Say that a draft is ready: it goes out with the next `reconcile sync`, or once its time has come."""
    from reconcile.model.outbox_step import Release

    return _advance(context, mail, Release(by=context.actor, checked_not_sent=checked))


def _advance(context: Context, mail: int, step: Step) -> ExitCode:
    from reconcile.model.outgoing import OutgoingState
    from reconcile.report.outbox_json import FORMAT_VERSION, mail_json
    from reconcile.wiring.mail import outbox_store, recover_outbox
    from reconcile.wiring.state import environment_name, writable_database
    from reconcile.wiring.system import SystemClock

    with writable_database(context.settings, environment_name(context.settings, context.environment)) as database:
        outbox, now = outbox_store(database), SystemClock().now()
        # What a dead run was sending is uncertain now or waits again, and this is about what is now.
        recover_outbox(database, now=now)
        entry = outbox.advance(mail, step, at=now)
    if context.as_json:
        context.json({"formatVersion": FORMAT_VERSION, "mail": mail_json(entry)})
    else:
        context.data(f"mail {mail} is {entry.standing}")
        if entry.state is OutgoingState.PENDING:
            context.say("It goes out with the next `reconcile sync`.")
    return ExitCode.NOTHING_TO_DO
