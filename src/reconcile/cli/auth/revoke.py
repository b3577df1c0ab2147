"""`reconcile auth revoke`."""

from __future__ import annotations

import sys

import click

from reconcile.cli.context import Context, common
from reconcile.errors import UserError
from reconcile.model.exit_code import ExitCode

FORMAT_VERSION = "1.0"


@click.command("revoke", short_help="Revoke the token of a mailbox or profile, and forget it.")
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask.")
@common(estate=False)
def revoke_command(context: Context, name: str, yes: bool) -> ExitCode:
    """Tell the provider that the token of NAME is no longer valid, where it has an address for that, then forget it. Nothing is
    forgotten when the provider cannot be reached: run it again.

    Example: reconcile auth revoke sales --yes
    """
    from reconcile.sync.decide.header import instant_text
    from reconcile.wiring.auth import named, revoke_account, token_accounts
    from reconcile.wiring.state import environment_name, writable_database
    from reconcile.wiring.system import SystemClock

    environment = environment_name(context.settings, context.environment)
    with writable_database(context.settings, environment) as database:
        account = named(token_accounts(database, instant_text(SystemClock().now())), name)
        if not yes and (context.as_json or not sys.stdin.isatty()):
            raise UserError("nobody is there to ask", hint="Say --yes.")
        if not yes and not click.confirm(f"Revoke the sign-in of {account.name}? Its mail stops until somebody signs in.", err=True):
            raise UserError("declined; nothing was changed", hint="Nothing is to be done.")
        revoked = revoke_account(context.settings, database, account)
    if context.as_json:
        document = {
            "kind": account.kind,
            "name": account.name,
            "forgotten": revoked.kept,
            "revokedAtProvider": revoked.at_provider,
            "stillDeclared": revoked.declared,
        }
        context.json({"formatVersion": FORMAT_VERSION, **document, "exit": ExitCode.NOTHING_TO_DO.reason})
        return ExitCode.NOTHING_TO_DO
    context.data(
        f"{account.name}: {'forgotten' if revoked.kept else 'nothing was kept'}{', and revoked at the provider' * revoked.at_provider}"
    )
    if not revoked.at_provider and (revoked.kept or revoked.declared):
        context.say("  the provider has no address for revoking: end the consent at its page for the account, or as its administrator")
    if revoked.declared:
        context.say("  a refresh token is declared still: take credentials.refreshToken out of the mailbox and apply")
    return ExitCode.NOTHING_TO_DO
