"""`reconcile auth`: one file a subcommand beside this one."""

from __future__ import annotations

import click

from reconcile.cli.auth.login import login_command
from reconcile.cli.auth.revoke import revoke_command
from reconcile.cli.auth.status import status_command


@click.group("auth", short_help="Sign in where mail is opened by a token, see and revoke sign-ins.")
def command() -> None:
    """Sign-ins of accounts whose profile says oauth: each mailbox's owner agrees once, and `sync` and `run` renew it from then on.

    Example: reconcile auth login sales
    """


for _subcommand in (login_command, status_command, revoke_command):
    command.add_command(_subcommand)
