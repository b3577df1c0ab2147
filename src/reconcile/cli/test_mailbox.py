"""`reconcile test-mailbox`."""

from __future__ import annotations

import click

from reconcile.cli.applied_mailboxes import chosen, named, of_profile
from reconcile.cli.context import Context, common
from reconcile.model.exit_code import ExitCode

FORMAT_VERSION = "1.0"

#: Which directions a command is about.
only = click.option("--only", type=click.Choice(["incoming", "outgoing"]), help="One direction; otherwise each that is declared.")


@click.command("test-mailbox", short_help="Try the servers of a mailbox, step by step.")
@named
@of_profile
@click.option(
    "--only",
    type=click.Choice(["incoming", "outgoing", "items"]),
    help="One direction, or the folders of items; otherwise what is declared.",
)
@click.option("--send-to", metavar="ADDRESS", help="Also send a short test message to this address.")
@common(estate=False)
def command(context: Context, mailboxes: tuple[str, ...], profile: str | None, only: str | None, send_to: str | None) -> ExitCode:
    """Go as far as it gets with the real protocol: name, connection, TLS, sign-in, inbox, quota, and where appointments, contacts and
    tasks are kept in step, their folders. The result of each direction is kept with the mailbox.
    Nothing at the server changes and nothing is sent, unless --send-to asks for it. Enables nothing.

    Example: reconcile test-mailbox sales
    """
    from reconcile.report.mailbox_test_text import mailbox_test_json, mailbox_test_text
    from reconcile.wiring.state import environment_name, writable_database
    from reconcile.wiring.testing import mailbox_tester

    name = environment_name(context.settings, context.environment)
    with writable_database(context.settings, name) as database:
        tester = mailbox_tester(context.settings, database, actor=context.actor)
        found = chosen(tester.resources, mailboxes, profile)
        results = [result for mailbox in found for result in tester.test(mailbox, only, items=True)]
        sent = [tester.send(mailbox, send_to) for mailbox in found] if send_to else []
    code = ExitCode.NOTHING_TO_DO if results and all(one.ok for one in results) and all(one.ok for one in sent) else ExitCode.FAILURE
    if context.as_json:
        document = {"tests": [mailbox_test_json(one) for one in (*results, *sent)], "exit": code.reason}
        context.json({"formatVersion": FORMAT_VERSION, "environment": name, **document})
    else:
        context.data("\n".join(mailbox_test_text(one) for one in (*results, *sent)) or "nothing to test: nothing of it is server-side")
    return code
