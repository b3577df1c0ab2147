"""`reconcile auth login`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from reconcile.cli.context import Context, common
from reconcile.errors import PermanentError, UserError
from reconcile.model.exit_code import ExitCode

if TYPE_CHECKING:
    from reconcile.mail.oauth.consent import Client
    from reconcile.mail.oauth.device import Invitation
    from reconcile.mail.oauth.token_endpoint import Token
    from reconcile.sync.decide.token_accounts import TokenAccount

FORMAT_VERSION = "1.0"


@click.command("login", short_help="Sign in once for a mailbox or profile.")
@click.argument("name")
@click.option("--browser", is_flag=True, help="Sign in with a browser on this host, also where the provider takes a code typed elsewhere.")
@click.option(
    "--redirect-host",
    type=click.Choice(["127.0.0.1", "localhost"]),
    default="127.0.0.1",
    show_default=True,
    help="How the browser is sent back to this host, as the application was registered.",
)
@click.option(
    "--port", type=click.IntRange(0, 65535), default=0, help="Port of this host that the browser is sent back to; a free one otherwise."
)
@common(estate=False)
def login_command(context: Context, name: str, browser: bool, redirect_host: str, port: int) -> ExitCode:
    """Sign in for NAME, a mailbox (slug or address) or a profile, as it was applied. The token is sealed in the store and never shown.

    Where the provider has device authorization, a code is typed at its page, with any browser. Otherwise the browser must run on this
    host, or its port be forwarded here: ssh -L 8400:127.0.0.1:8400, and --port 8400.

    Example: reconcile auth login sales@contoso.example
    """
    from reconcile.sync.decide.header import instant_text
    from reconcile.wiring.auth import client, keep_sign_in, named, token_accounts
    from reconcile.wiring.state import environment_name, writable_database
    from reconcile.wiring.system import SystemClock

    clock = SystemClock()
    environment = environment_name(context.settings, context.environment)
    with writable_database(context.settings, environment) as database:
        account = named(token_accounts(database, instant_text(clock.now())), name)
        if not _terminal():
            raise UserError(
                f"a person must sign in for {account.name}, and there is no terminal here",
                hint=f"Run `reconcile auth login {account.name}` on a terminal of the host that keeps this state, or declare "
                "credentials.refreshToken by reference.",
            )
        asking = client(context.settings, database, account)
        token = _signed_in(context, asking, account, browser, redirect_host, port)
        assert token.refresh is not None
        kept = keep_sign_in(
            context.settings,
            database,
            account,
            refresh=token.refresh,
            refresh_seconds=token.refresh_seconds,
            now=instant_text(clock.now()),
        )
    if context.as_json:
        document = {"kind": account.kind, "name": account.name, "address": account.address or None, "since": kept.since}
        context.json(
            {"formatVersion": FORMAT_VERSION, **document, "expiresAt": kept.expires_at or None, "exit": ExitCode.NOTHING_TO_DO.reason}
        )
    else:
        until = f", the provider says until {kept.expires_at}" if kept.expires_at else ""
        context.data(f"{account.name}: signed in{until}")
        if account.kind == "Mailbox":
            context.say(f"  next: reconcile test-mailbox {account.name} tries it at the mail server.")
    return ExitCode.NOTHING_TO_DO


def _terminal() -> bool:
    return sys.stdin.isatty() or sys.stderr.isatty()


def _signed_in(context: Context, asking: Client, account: TokenAccount, browser: bool, redirect_host: str, port: int) -> Token:
    from reconcile.mail.oauth.browser import by_browser
    from reconcile.mail.oauth.device import by_device
    from reconcile.report.safe_text import neutral
    from reconcile.wiring.system import SystemClock

    who = account.username or account.name

    from reconcile.report.counted import counted

    def invite(invitation: Invitation) -> None:
        context.say(f"Sign in as {neutral(who)}: open {neutral(invitation.address)} and type {neutral(invitation.code)}")
        if invitation.complete:
            context.say(f"  or open {neutral(invitation.complete)}")
        context.say(f"  waiting for at most {counted(round(invitation.seconds / 60) or 1, 'minute')}; Ctrl-C gives up")

    if account.plan.device_endpoint and not browser:
        return by_device(asking, clock=SystemClock(), tell=invite)
    if not account.plan.authorization_endpoint:
        raise PermanentError(
            f"{account.name}: it is not known where a person signs in",
            hint="Declare oauth.deviceEndpoint or oauth.authorizationEndpoint in the profile, or a provider that has them, and apply.",
        )

    def show(address: str) -> None:
        context.say(f"Sign in as {neutral(who)} with a browser on this host: open\n\n{neutral(address)}\n")
        context.say("  waiting for at most 5 minutes; Ctrl-C gives up")

    return by_browser(asking, tell=show, username=account.username, host=redirect_host, port=port)
