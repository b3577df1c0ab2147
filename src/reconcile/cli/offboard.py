"""`reconcile offboard`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from reconcile.cli.context import Context, common
from reconcile.model.exit_code import ExitCode

if TYPE_CHECKING:
    from reconcile.model.purge import Purged
    from reconcile.store.sqlite.database import Database

FORMAT_VERSION = "1.0"


@click.command("offboard", short_help="Stop the mailbox of somebody who left, and forget its sign-in.")
@click.argument("mailbox", metavar="MAILBOX")
@click.option("--purge", is_flag=True, help="Also take its mail out of the store for good.")
@click.option("--yes", is_flag=True, help="Do it. Without, it is only shown.")
@common(estate=False)
def command(context: Context, mailbox: str, purge: bool, yes: bool) -> ExitCode:
    """Disable both directions, take waiting mail back, revoke and forget the token; with --purge also the mail it holds. May be repeated:
    what is done already is left out. Then take its document out of git and apply, which forgets its passwords.

    Example: reconcile offboard left@contoso.example --purge --yes
    """
    from contextlib import suppress

    from reconcile.cli.purge import carry_out, named_mailbox
    from reconcile.errors import PreconditionFailed
    from reconcile.model.enablement import Direction, Disable
    from reconcile.model.outbox_step import Withdraw
    from reconcile.model.outgoing import OutgoingState
    from reconcile.model.purge import Purged, PurgeSelection
    from reconcile.wiring.applied import mailbox_names
    from reconcile.wiring.mail import outbox_store, recover_outbox
    from reconcile.wiring.permits import enablement_store
    from reconcile.wiring.purge import mail_purge
    from reconcile.wiring.sign_in import token_store
    from reconcile.wiring.state import environment_name, writable_database
    from reconcile.wiring.system import SystemClock

    environment = environment_name(context.settings, context.environment)
    clock = SystemClock()
    with writable_database(context.settings, environment) as database:
        identity = named_mailbox(database, mailbox)
        name = mailbox_names(database).get(identity, (mailbox, ""))[0]
        store, outbox, tokens = enablement_store(database), outbox_store(database), token_store(database, context.settings)
        said = store.enablements().get(identity)
        enabled = [direction for direction in Direction if said is None or said.leg(direction).enabled is not False]
        if yes:
            # What a dead run had taken and not handed over waits again, and is withdrawn too.
            recover_outbox(database, now=clock.now())
        waiting = outbox.entries(states=(OutgoingState.PENDING, OutgoingState.DRAFT), mailbox_id=identity)
        selection = PurgeSelection(mailbox_id=identity)
        purged = mail_purge(database).count(selection) if purge else Purged()
        has_token = tokens.facts(identity) is not None
        if yes:
            for direction in enabled:
                step = Disable(direction=direction, why=f"left ({context.actor})")
                store.advance(identity, step, at=clock.now(), by=context.actor, name=name)
            for entry in waiting:
                # One that a run has just taken is told below, as it may be on its way.
                with suppress(PreconditionFailed):
                    outbox.advance(entry.id, Withdraw(by=context.actor), at=clock.now())
            if has_token:
                _revoke(context, database, identity)
            if purge:
                purged, _, _ = carry_out(context, environment, mail_purge(database), selection)
        going = (OutgoingState.SENDING, OutgoingState.UNCERTAIN, *((OutgoingState.PENDING,) if yes else ()))
        left = outbox.entries(states=going, mailbox_id=identity)
    if context.as_json:
        told = {
            "mailbox": name,
            "done": yes,
            "disabled": [str(direction) for direction in enabled],
            "withdrawn": [entry.id for entry in waiting],
            "tokenRevoked": has_token,
            "purged": purged.detail() if purge else None,
            "uncertain": [entry.id for entry in left],
        }
        context.json({"formatVersion": FORMAT_VERSION, "environment": environment, **told, "exit": ExitCode.NOTHING_TO_DO.reason})
        return ExitCode.NOTHING_TO_DO
    _tell(context, name, yes, enabled=bool(enabled), waiting=len(waiting), token=has_token, purged=purged if purge else None)
    if left:
        context.say(
            f"mail {', '.join(str(entry.id) for entry in left)} may be on its way: look at `reconcile outbox list --mailbox {name}`"
        )
    return ExitCode.NOTHING_TO_DO


def _revoke(context: Context, database: Database, identity: str) -> None:
    from reconcile.sync.decide.header import instant_text
    from reconcile.wiring.auth import revoke_account, token_accounts
    from reconcile.wiring.sign_in import token_store
    from reconcile.wiring.system import SystemClock

    accounts = token_accounts(database, instant_text(SystemClock().now()))
    account = next((one for one in accounts if one.plan.account == identity), None)
    if account is None:
        # The profile no longer says how to sign in, so nobody knows whom to tell.
        token_store(database, context.settings).forget(identity)
    else:
        revoke_account(context.settings, database, account)


def _tell(context: Context, name: str, done: bool, *, enabled: bool, waiting: int, token: bool, purged: Purged | None) -> None:
    from reconcile.report.counted import counted

    parts = ["both directions disabled"] if enabled else []
    parts += [f"{counted(waiting, 'waiting mail')} taken back"] if waiting else []
    parts += ["its token forgotten"] if token else []
    parts += [f"{counted(purged.mails, 'e-mail')} purged"] if purged is not None and purged.mails else []
    parts += [counted(purged.items, "item") + " purged"] if purged is not None and purged.items else []
    if not parts:
        rest = "" if purged is None else ", and it holds no mail"
        context.data(f"{name}: nothing is left to do: both directions were disabled before{rest}")
        return
    context.data(f"{name}: {'' if done else 'would be: '}{', '.join(parts)}")
    if done:
        context.say("  next: take its document out of git and apply; that forgets its passwords.")
    else:
        context.say("  next: the same command with --yes does it.")
