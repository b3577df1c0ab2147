"""`reconcile reprocess`."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import click

from reconcile.cli.context import Context, common
from reconcile.model.exit_code import ExitCode

if TYPE_CHECKING:
    from reconcile.store.sqlite.database import Database
    from reconcile.sync.decide.eligible import ReceivingMailbox
    from reconcile.sync.incoming import Received
    from reconcile.sync.reprocessing import PassedOver

FORMAT_VERSION = "1.0"


def _instant(ctx: click.Context, param: click.Parameter, value: str) -> datetime:
    from datetime import UTC

    try:
        found = datetime.fromisoformat(value)
    except ValueError:
        raise click.BadParameter(f"{value!r} is no date, such as 2026-03-01 or 2026-03-01T08:00:00Z", ctx, param) from None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


@click.command("reprocess", short_help="Decide once more about mail that a mailbox passed over.")
@click.argument("mailbox", metavar="MAILBOX")
@click.option("--since", required=True, callback=_instant, metavar="DATE", help="Mail received from then on, such as 2026-03-01.")
@click.option("--purged", is_flag=True, help="Also bring back mail that was tracked and then purged.")
@click.option("--yes", is_flag=True, help="Do it. Without, it is only counted.")
@common(estate=False)
def command(context: Context, mailbox: str, since: datetime, purged: bool, yes: bool) -> ExitCode:
    """Look again at all mail of MAILBOX from a date on: what was ignored is decided by the filter and rules of today. What is kept
    stays as it is, so nothing is tracked twice; nothing changes at the server by counting.

    The floor (processEmailFrom) stands: mail from before it needs that moved back first, which a plan counts.

    Example: reconcile reprocess sales --since 2026-03-01 --yes
    """
    from reconcile.report.counted import counted
    from reconcile.report.decision_words import meaning
    from reconcile.sync.incoming import Received, receive
    from reconcile.sync.reprocessing import passed_over
    from reconcile.wiring.audit import record
    from reconcile.wiring.mail import deciders, inboxes, mail_store
    from reconcile.wiring.secrets import secret_resolver
    from reconcile.wiring.sign_in import sign_ins
    from reconcile.wiring.state import environment_name, writable_database
    from reconcile.wiring.system import SystemClock

    settings, clock = context.settings, SystemClock()
    name = environment_name(settings, context.environment)
    with writable_database(settings, name) as database, mail_store(database) as store:
        found = _receiving(context, database, name, mailbox, since)
        decider = deciders(database, clock)(found.mailbox_id)
        connect = inboxes(settings, sign_ins(settings, database), secret_resolver(settings))
        with store.receive(found.mailbox_id) as receiving:
            inbox = connect(found)
            try:
                count = passed_over(inbox, receiving, since=since, decider=decider, clock=clock)
            finally:
                inbox.close()
            if not yes:
                _say(context, found, count)
                return ExitCode.NOTHING_TO_DO
            detail = {"since": since.isoformat(), "purged": purged, "listed": count.listed, "kept": count.kept}
            # Before it begins: what it lifts must not come back unexplained if the process dies.
            record(database, actor=context.actor, action="reprocess", key=f"Mailbox/{found.name}", detail=detail)
            receiving.lift_purged = purged
            progress = Received()
            inbox = connect(found)
            try:
                receive(
                    inbox,
                    receiving,
                    floor=found.floor,
                    clock=clock,
                    progress=progress,
                    decider=lambda: decider,
                    marks=found.marks,
                    again_from=since,
                )
            finally:
                inbox.close()
    if context.as_json:
        context.json(_json(found, count, done=progress))
    else:
        context.data(f"{found.name}: {counted(progress.tracked, 'e-mail')} tracked, {progress.refused} not taken, {count.kept} kept before")
        for reason, number in sorted(count.refused.items()):
            context.data(f"  {number} not taken: {meaning(reason)}")
    return ExitCode.NOTHING_TO_DO


def _receiving(context: Context, database: Database, environment: str, word: str, since: datetime) -> ReceivingMailbox:
    from reconcile.cli.mailbox_name import no_such_mailbox
    from reconcile.errors import UserError
    from reconcile.model.mail_address import same_mailbox
    from reconcile.sync.decide.eligible import ReceivingMailbox, receiving_mailboxes
    from reconcile.wiring.applied import applied_state
    from reconcile.wiring.permits import permits
    from reconcile.wiring.system import SystemClock

    now = SystemClock().now().strftime("%Y-%m-%dT%H:%M:%SZ")
    found = receiving_mailboxes(
        applied_state(database).resources(),
        now=now,
        permits=permits(context.settings, database, environment)(),
    )
    for each in found:
        if word in (each.name, each.mailbox_id) or same_mailbox(word, each.address):
            if not isinstance(each, ReceivingMailbox):
                raise UserError(f"{each.name} does not receive: {each.conditions[0].message}", hint="`reconcile status` says what to do.")
            if each.floor is not None and since < each.floor:
                raise UserError(
                    f"mail of {each.name} from before {each.floor:%Y-%m-%dT%H:%M:%SZ} is not processed (processEmailFrom, retention)",
                    hint="Move that date back in git first: the plan counts what it brings.",
                )
            return each
    raise no_such_mailbox(word, (name for each in found for name in (each.name, each.address)))


def _say(context: Context, mailbox: ReceivingMailbox, count: PassedOver) -> None:
    from reconcile.report.counted import counted
    from reconcile.report.decision_words import meaning

    if context.as_json:
        context.json(_json(mailbox, count, done=None))
        return
    listed = counted(count.listed, "message")
    lines = [f"{mailbox.name}: {listed} from then on, {count.kept} of them kept; {count.taken} would be looked at as a whole"]
    lines += [f"  {number} not taken: {meaning(reason)}" for reason, number in sorted(count.refused.items())]
    context.data("\n".join(lines))
    context.say("  next: --yes does it.")


def _json(mailbox: ReceivingMailbox, count: PassedOver, *, done: Received | None) -> dict[str, object]:
    return {
        "formatVersion": FORMAT_VERSION,
        "mailbox": mailbox.name,
        "listed": count.listed,
        "kept": count.kept,
        "taken": count.taken,
        "refused": dict(count.refused),
        "decidedByHeader": count.decided,
        "done": done is not None,
        "tracked": done.tracked if done else None,
        "exit": ExitCode.NOTHING_TO_DO.reason,
    }
