"""`reconcile activities edit`."""

from __future__ import annotations

import click

from reconcile.cli.activities.selection import STATES, record
from reconcile.cli.context import Context, common
from reconcile.cli.number import Number
from reconcile.errors import PreconditionFailed
from reconcile.model.exit_code import ExitCode


@click.command("edit", short_help="Set what an e-mail is about, its owner, state, categories, note.")
@click.argument("activity_id", metavar="ID", type=Number(1))
@click.option("--regarding", metavar="TYPE:ID[:NAME]", help='The record it is about, such as account:4711:"Fabrikam"; "" clears.')
@click.option("--owner", metavar="NAME", help='Who is in charge of it; "" clears.')
@click.option("--state", type=click.Choice(STATES), help="Its state.")
@click.option("--category", "categories", multiple=True, metavar="NAME", help='Replaces all categories; may be repeated; "" clears.')
@click.option("--note", metavar="TEXT", help='A note beside it; "" clears.')
@click.option("--expect", type=Number(1), metavar="VERSION", help="Only when it is at this version.")
@click.option("--key", default="", help="Your own name for this edit: the same key again edits nothing.")
@common(estate=False)
def edit_command(
    context: Context,
    activity_id: int,
    regarding: str | None,
    owner: str | None,
    state: str | None,
    categories: tuple[str, ...],
    note: str | None,
    expect: int | None,
    key: str,
) -> ExitCode:
    """Set what a CRM keeps on a tracked e-mail. What is not given stays; the message itself never changes.

    Example: reconcile activities edit 17 --regarding account:4711 --state completed --expect 1
    """
    from reconcile.model.activity_edit import EditRefused
    from reconcile.report.intake_json import FORMAT_VERSION, edited_json
    from reconcile.sync.decide.edit_intake import edit_from
    from reconcile.wiring.feed import edit_store
    from reconcile.wiring.state import environment_name, writable_database
    from reconcile.wiring.system import SystemClock

    fields: dict[str, object] = {name: value for name, value in (("owner", owner), ("state", state), ("note", note)) if value is not None}
    if regarding is not None:
        fields["regarding"] = dict(zip(("type", "id", "name"), record(regarding), strict=True)) if regarding else None
    if categories:
        fields["categories"] = [] if categories == ("",) else list(categories)
    if not fields:
        raise click.UsageError("say what to set: --regarding, --owner, --state, --category or --note")
    edit = edit_from({**fields, "id": activity_id, "expectedVersion": expect, "clientKey": key or None})
    with writable_database(context.settings, environment_name(context.settings, context.environment)) as database:
        (outcome,) = edit_store(database).edit([edit], at=SystemClock().now(), by=context.actor)
    if isinstance(outcome, EditRefused):
        raise PreconditionFailed(outcome.message, hint=outcome.hint)
    if context.as_json:
        context.json({"formatVersion": FORMAT_VERSION, **edited_json(outcome)})
    else:
        context.data(f"activity {activity_id} is at version {outcome.version} ({outcome.result})")
    return ExitCode.NOTHING_TO_DO
