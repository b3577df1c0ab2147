"""`reconcile drift`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from reconcile.cli.context import Context, common
from reconcile.cli.selecting import selecting
from reconcile.model.exit_code import ExitCode

if TYPE_CHECKING:
    from reconcile.model.selection import Selection


@click.command("drift", short_help="Say where the target differs from git. Cannot write.")
@selecting
@common()
def command(context: Context, selection: Selection | None) -> ExitCode:
    """Compare git with the target, field by field, and say which side moved. Gets only readers, so it cannot write.

    Ends with 2 when something differs, with 7 when something could not be observed.
    """
    from reconcile.apply.planning import planned
    from reconcile.cli.estate import load_environment
    from reconcile.plan.brakes import BRAKES
    from reconcile.plan.code import of_plan
    from reconcile.report.drift_text import drift_text
    from reconcile.report.plan_json import drift_json
    from reconcile.wiring.configuration import inventory_reader
    from reconcile.wiring.state import open_database
    from reconcile.wiring.target import target_reader

    loaded = load_environment(context)
    if loaded is None:
        return ExitCode.FINDINGS
    with open_database(context.settings, loaded.desired.environment, read_only=True) as database:
        reader = target_reader(loaded.target, database, export=loaded.export)
        # Brakes are about writing, so none of them matters here.
        plan = planned(loaded.desired, reader, inventory_reader(database), lifted=BRAKES, selection=selection).plan
    code = of_plan(plan, changes_count=True)
    if context.as_json:
        context.json(drift_json(plan, code))
    else:
        context.data(drift_text(plan, color=context.color))
    return code
