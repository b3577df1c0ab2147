"""`reconcile coverage`."""

from __future__ import annotations

import click

from reconcile.cli.context import Context, common
from reconcile.model.exit_code import ExitCode


@click.command("coverage", short_help="Say what each assignment reaches, and which mailboxes none does.")
@click.option("--offline", is_flag=True, help="From the files alone, without looking at the target.")
@click.option("--verbose", "-v", is_flag=True, help="Name every mailbox, however many there are.")
@common()
def command(context: Context, offline: bool, verbose: bool) -> ExitCode:
    """Per assignment how many mailboxes it selects and gives fields to; mailboxes that nothing selects, and those without a profile.

    Once something was applied, also mailboxes that only the target has. Reads only. Ends with 0 whatever it finds.

    Example: reconcile coverage -e production --verbose
    """
    from reconcile.cli.estate import load_environment
    from reconcile.cli.over_target import seen
    from reconcile.desired.coverage import coverage
    from reconcile.report.coverage_json import coverage_json
    from reconcile.report.coverage_text import coverage_text

    loaded = load_environment(context)
    if loaded is None:
        return ExitCode.FINDINGS
    found = seen(context, loaded, offline=offline)
    result = coverage(found.desired, found.observed, found.inventory)
    if context.as_json:
        context.json(coverage_json(result, ExitCode.NOTHING_TO_DO))
    else:
        context.data(coverage_text(result, fit=context.columns, verbose=verbose))
    return ExitCode.NOTHING_TO_DO
