"""`reconcile version`."""

from __future__ import annotations

import platform

import click

from reconcile import __version__
from reconcile.cli.context import Context, common
from reconcile.model.canonical import CANONICAL_VERSION
from reconcile.model.exit_code import ExitCode
from reconcile.model.key import API_VERSION


@click.command("version", short_help="Print the version.")
@common(estate=False, state=False, environment=False)
def command(context: Context) -> ExitCode:
    """Print the version, and with --output json what formats it speaks."""
    if context.as_json:
        context.json(
            {
                "formatVersion": "1.0",
                "version": __version__,
                "apiVersion": API_VERSION,
                "canonicalVersion": CANONICAL_VERSION,
                "python": platform.python_version(),
            }
        )
    else:
        context.data(f"reconcile {__version__}")
    return ExitCode.NOTHING_TO_DO
