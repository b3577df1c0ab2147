"""`reconcile demo`."""

from __future__ import annotations

import os
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import click

from reconcile.cli.context import Context, common
from reconcile.errors import SettingsError
from reconcile.model.exit_code import ExitCode


@click.command("demo", short_help="Run the whole way once on a mail world of its own.")
@common(estate=False, state=False, environment=False)
@click.option("--directory", "-C", "folder", type=click.Path(file_okay=False, path_type=Path), help="An empty folder [a temporary one].")
@click.option("--keep", is_flag=True, help="Leave the mail world running until Ctrl-C.")
def command(context: Context, folder: Path | None, keep: bool) -> ExitCode:
    """Start a sandbox, copy the example estate into a git repository, and run lint, plan, apply, sync and status on it.

    Then one file is edited, planned and applied. Each step is the real command with its real output.
    """
    from reconcile.sandbox.demo.run import Demo

    def say(text: str) -> None:
        click.echo(text, err=context.as_json, color=context.color)

    demo = Demo(
        directory=_empty(folder),
        environment=dict(os.environ),
        now=lambda: datetime.now(UTC),
        say=say,
        heading=lambda text: click.style(text, bold=True),
        talk_only=context.as_json,
    )
    failed = demo.run(keep=keep)
    code = ExitCode.NOTHING_TO_DO if failed is None else ExitCode.FAILURE
    if context.as_json:
        context.json({"formatVersion": "1.0", "directory": str(demo.directory), "failed": failed, "exit": code.reason})
    return code


def _empty(folder: Path | None) -> Path:
    if folder is None:
        return Path(tempfile.mkdtemp(prefix="reconcile-demo-"))
    if folder.exists() and any(folder.iterdir()):
        raise SettingsError(f"{folder} is not empty", hint="Name an empty folder, or none for a temporary one.")
    folder.mkdir(parents=True, exist_ok=True)
    return folder.resolve()
