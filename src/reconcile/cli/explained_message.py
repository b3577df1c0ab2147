"""`reconcile explain message ID`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconcile.cli.mailbox_name import no_such_mailbox
from reconcile.errors import UserError
from reconcile.model.exit_code import ExitCode

if TYPE_CHECKING:
    from reconcile.cli.context import Context
    from reconcile.model.message_fate import MessageFates
    from reconcile.store.sqlite.database import Database
    from reconcile.sync.message_fates import Stores


def explain_message(context: Context, word: str, *, online: bool) -> ExitCode:
    """Print what became of a message: by the number of its activity, its Message-ID, or mailbox:number. `online` asks the mail servers
    where they have it."""
    from reconcile.report.message_fates import FORMAT_VERSION, fates_json, fates_text
    from reconcile.sync.message_fates import Stores
    from reconcile.wiring.applied import mailbox_names
    from reconcile.wiring.mail import activity_reader, correlation_lookup, decision_reader
    from reconcile.wiring.state import environment_name, open_database

    with open_database(context.settings, environment_name(context.settings, context.environment), read_only=True) as database:
        names = mailbox_names(database)
        stores = Stores(
            activities=activity_reader(database),
            decisions=decision_reader(database),
            correlation=correlation_lookup(database),
            mailboxes={mailbox_id: slug for mailbox_id, (slug, _) in names.items()},
            forward=_forward(database),
        )
        found = _found(stores, word, names)
        if online:
            found = _looked_for(context, database, found)
    if context.as_json:
        context.json({"formatVersion": FORMAT_VERSION, **fates_json(found), "exit": ExitCode.NOTHING_TO_DO.reason})
    else:
        context.data(fates_text(found))
    return ExitCode.NOTHING_TO_DO


def _forward(database: Database | None) -> list[str]:
    from reconcile.wiring.applied import applied_state

    if database is None:
        return []
    return sorted(one.name for one in applied_state(database).resources() if one.kind == "Mailbox" and one.spec.get("type") == "forward")


def _looked_for(context: Context, database: Database | None, found: MessageFates) -> MessageFates:
    from reconcile.sync.message_fates import whereabouts
    from reconcile.wiring.applied import applied_state
    from reconcile.wiring.mail import message_finders
    from reconcile.wiring.permits import permits
    from reconcile.wiring.state import environment_name
    from reconcile.wiring.system import SystemClock

    if database is None:
        raise UserError("nothing is applied, so there is no server to ask", hint="Run `reconcile apply` first.")
    name = environment_name(context.settings, context.environment)
    return whereabouts(
        found,
        applied_state(database).resources(),
        permits(context.settings, database, name)(),
        message_finders(context.settings, database),
        now=SystemClock().now().strftime("%Y-%m-%dT%H:%M:%SZ"),
    )


def _found(stores: Stores, word: str, names: dict[str, tuple[str, str]]) -> MessageFates:
    from reconcile.model.mail_address import same_mailbox
    from reconcile.sync.message_fates import fates_of_activity, fates_of_message_id, fates_of_place

    if word.isascii() and word.isdigit() and len(word) < 19:
        found = fates_of_activity(stores, int(word))
        if not found.fates:
            raise UserError(f"there is no activity {word}", hint="`reconcile activities list` names them; it may have been purged.")
        return found
    mailbox, colon, number = word.rpartition(":")
    if colon and "<" not in mailbox:
        for mailbox_id, (slug, address) in names.items():
            if mailbox in (slug, mailbox_id) or same_mailbox(mailbox, address):
                return fates_of_place(stores, mailbox_id, number)
        if "@" not in number and number.isdigit():
            raise no_such_mailbox(mailbox, (name for pair in names.values() for name in pair))
    return fates_of_message_id(stores, word)
