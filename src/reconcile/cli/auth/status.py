"""`reconcile auth status`."""

from __future__ import annotations

import click

from reconcile.cli.context import Context, common
from reconcile.model.exit_code import ExitCode

FORMAT_VERSION = "1.0"


@click.command("status", short_help="Say which accounts have a token, since when, until when.")
@common(estate=False)
def status_command(context: Context) -> ExitCode:
    """Every applied account that signs in by a token: where its token comes from, since when, and what is to be done. No token is shown,
    and no server is asked.

    Example: reconcile auth status -o json
    """
    from reconcile.report.sign_ins import sign_ins_json, sign_ins_text
    from reconcile.sync.decide.header import instant_text
    from reconcile.sync.sign_in_status import sign_in_statuses
    from reconcile.wiring.auth import is_applied, token_accounts
    from reconcile.wiring.sign_in import token_store
    from reconcile.wiring.state import environment_name, open_database
    from reconcile.wiring.system import SystemClock

    environment = environment_name(context.settings, context.environment)
    now = instant_text(SystemClock().now())
    with open_database(context.settings, environment, read_only=True) as database:
        accounts = token_accounts(database, now)
        found = sign_in_statuses(accounts, token_store(database, context.settings), is_applied(database), now=now)
    if context.as_json:
        document = {"environment": environment, "accounts": sign_ins_json(found)}
        context.json({"formatVersion": FORMAT_VERSION, **document, "exit": ExitCode.NOTHING_TO_DO.reason})
    else:
        context.data(sign_ins_text(found, fit=context.columns))
    return ExitCode.NOTHING_TO_DO
