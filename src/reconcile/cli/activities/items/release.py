"""`reconcile activities items release`."""

from __future__ import annotations

import click

from reconcile.cli.activities.items.reading import KINDS
from reconcile.cli.context import Context, common
from reconcile.cli.number import Number
from reconcile.errors import UserError
from reconcile.model.exit_code import ExitCode


@click.command("release", short_help="Let deletions go that the brake holds.")
@click.argument("mailbox", metavar="MAILBOX")
@click.argument("kind", metavar="KIND", type=click.Choice(KINDS))
@click.option("--deletions", required=True, type=Number(1), metavar="NUMBER", help="The number that `reconcile status` names.")
@common(estate=False)
def release_command(context: Context, mailbox: str, kind: str, deletions: int) -> ExitCode:
    """Where one look would delete many appointments, contacts or tasks, the brake item-deletions holds them. This lets that number go,
    once, with the next look; where that finds more, the release is spent and nothing goes. It is recorded in the audit trail.

    Example: reconcile activities items release sales contact --deletions 200
    """
    from reconcile.cli.mailbox_name import no_such_mailbox
    from reconcile.model.item import ItemKind
    from reconcile.model.mail_address import same_mailbox
    from reconcile.report.item_brakes import brake_words
    from reconcile.report.items import FORMAT_VERSION
    from reconcile.wiring.applied import mailbox_names
    from reconcile.wiring.audit import record
    from reconcile.wiring.items import item_store
    from reconcile.wiring.state import environment_name, writable_database

    with writable_database(context.settings, environment_name(context.settings, context.environment)) as database:
        names = mailbox_names(database)
        found = [one for one, (slug, address) in names.items() if mailbox in (one, slug) or same_mailbox(mailbox, address)]
        if not found:
            raise no_such_mailbox(mailbox, (word for pair in names.values() for word in pair if word))
        store, slug = item_store(database), names[found[0]][0]
        brake = store.place(found[0], ItemKind(kind)).brake
        if brake is None:
            raise UserError(f"no brake holds the {kind}s of {slug}", hint="`reconcile status` shows where one stands.")
        if deletions != brake.count:
            raise UserError(
                f"the brake on the {kind}s of {slug} holds {brake.count} deletions, not {deletions}",
                hint="Look at `reconcile status` again: whoever releases them names the number that goes.",
            )
        detail = {"kind": kind, "deletions": deletions, "reason": brake_words(kind, brake)}
        record(database, actor=context.actor, action="release-deletions", key=f"Mailbox/{slug}", detail=detail)
        if not store.release(found[0], ItemKind(kind), brake):
            raise UserError(
                f"the brake on the {kind}s of {slug} no longer holds what it held a moment ago; nothing is released",
                hint="Look at `reconcile status` again.",
            )
    if context.as_json:
        context.json({"formatVersion": FORMAT_VERSION, "mailbox": slug, "kind": kind, "deletions": deletions})
    else:
        context.data(f"{slug}: {deletions} deletions of {kind}s go with the next look")
        context.say("  next: `reconcile sync`, or wait for `reconcile run`.")
    return ExitCode.NOTHING_TO_DO
