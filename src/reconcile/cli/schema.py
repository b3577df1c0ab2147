"""`reconcile schema`."""

from __future__ import annotations

import click

from reconcile.cli.context import Context, common
from reconcile.model.exit_code import ExitCode
from reconcile.model.key import DOCUMENT_KINDS


@click.command("schema", short_help="Print the JSON Schema of the declared kinds.")
@click.argument("kind", required=False, type=click.Choice(DOCUMENT_KINDS, case_sensitive=False))
@common(estate=False, state=False, environment=False)
def command(context: Context, kind: str | None) -> ExitCode:
    """Print the JSON Schema (2020-12) of KIND, or one for documents of every kind. Editors use it for completion."""
    from reconcile.desired.schema import render

    context.data(render(kind).rstrip("\n"))
    return ExitCode.NOTHING_TO_DO
