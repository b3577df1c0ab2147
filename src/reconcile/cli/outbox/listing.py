"""`reconcile outbox list`."""

from __future__ import annotations

import click

from reconcile.cli.context import Context, common
from reconcile.cli.mailbox_name import no_such_mailbox
from reconcile.model.exit_code import ExitCode

_STATES = ("draft", "pending-send", "sending", "sent", "failed", "uncertain")


@click.command("list", short_help="Mail with its state, tries, next try and reason.")
@click.option("--state", multiple=True, type=click.Choice(_STATES), help="Only mail in this state; may be repeated.")
@click.option("--mailbox", metavar="NAME", help="Only mail of this mailbox (slug, address or id).")
@common(estate=False)
def list_command(context: Context, state: tuple[str, ...], mailbox: str | None) -> ExitCode:
    """Mail with its state, tries, next try and reason, in the order it was added."""
    from reconcile.model.mail_address import same_mailbox
    from reconcile.model.outgoing import OutgoingState
    from reconcile.report.outbox_json import FORMAT_VERSION, mail_json
    from reconcile.report.outbox_text import outbox_table
    from reconcile.wiring.applied import applied_state
    from reconcile.wiring.mail import outbox_reader
    from reconcile.wiring.state import environment_name, open_database

    with open_database(context.settings, environment_name(context.settings, context.environment), read_only=True) as database:
        entries = outbox_reader(database).entries(states=[OutgoingState(one) for one in state])
        if mailbox is not None:
            applied = [one for one in applied_state(database).resources() if one.kind == "Mailbox"]
            # Mail of a mailbox that is no longer applied is still here.
            known = {(one.external_id, one.name, str(one.spec.get("emailAddress", ""))) for one in applied}
            known |= {(entry.mailbox_id, entry.mailbox_name, entry.sender) for entry in outbox_reader(database).entries()}
            wanted = {identity for identity, name, address in known if mailbox in (identity, name) or same_mailbox(mailbox, address)}
            if not wanted:
                raise no_such_mailbox(mailbox, (word for _, *words in known for word in words if word))
            entries = [entry for entry in entries if entry.mailbox_id in wanted]
    if context.as_json:
        context.json({"formatVersion": FORMAT_VERSION, "mails": [mail_json(entry) for entry in entries]})
    else:
        context.data(outbox_table(entries, fit=context.columns))
    return ExitCode.NOTHING_TO_DO
