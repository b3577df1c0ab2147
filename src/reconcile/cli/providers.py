"""`reconcile providers`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from reconcile.cli.context import Context, common
from reconcile.errors import UserError
from reconcile.model.exit_code import ExitCode

if TYPE_CHECKING:
    from reconcile.model.resource import DesiredState


@click.command("providers", short_help="List mail providers: servers, authentication, limits, each with its source and date.")
@click.argument("name", required=False)
@common(state=False)
def command(context: Context, name: str | None) -> ExitCode:
    """Those that profiles may name as `provider`: they come with reconcile, or the estate declares them. With NAME (or an alias) all
    that is known of one. Outside an estate only those that come with reconcile.

    Example: reconcile providers gmail
    """
    from reconcile.desired.provided import catalogue_of
    from reconcile.desired.suggest import did_you_mean
    from reconcile.report.providers_json import providers_json
    from reconcile.report.providers_text import provider_text, providers_text

    desired = _desired(context)
    policies = {} if desired is None else desired.policies
    catalogue = catalogue_of(policies)
    found = catalogue.all() if name is None else [one for one in (catalogue.get(name),) if one is not None]
    if not found:
        near = did_you_mean(str(name), catalogue.words())
        hint = f"{near[:1].upper()}{near[1:]}" if near.endswith("?") else "`reconcile providers` lists them."
        raise UserError(f"there is no mail provider {name!r}", hint=hint)
    places = {one.name: policies[one.key].position for one in found if one.key in policies}
    if context.as_json:
        context.json(providers_json(found, places, ExitCode.NOTHING_TO_DO))
    elif name is None:
        context.data(providers_text(found, places, fit=context.columns))
    else:
        context.data(provider_text(found[0], places.get(found[0].name), fit=context.columns))
    return ExitCode.NOTHING_TO_DO


def _desired(context: Context) -> DesiredState | None:
    """None where no estate can be read, or none of its environments is chosen."""
    from reconcile.desired.load import load
    from reconcile.errors import DesiredStateError
    from reconcile.wiring.estate import document_cache, open_source

    try:
        source = open_source(context.directory, context.revision)
        listing = source.list()
    except DesiredStateError:
        return None
    cache = document_cache(context.settings)
    result = load(
        listing.files, listing.findings, source.read, environment=context.environment, source="", revision=source.revision, cache=cache
    )
    if result.desired is None and result.environments:
        context.say(
            f"several or unsound environments ({', '.join(result.environments)}): choose one with -e to see the estate's own providers"
        )
    return result.desired
