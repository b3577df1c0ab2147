"""`reconcile completion`."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from reconcile.model.exit_code import ExitCode


@click.command("completion", short_help="Print the completion script for a shell.")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(shell: str) -> ExitCode:
    """Print the completion script for SHELL.

    Put `eval "$(reconcile completion bash)"` into the shell's start file.
    """
    from reconcile.cli.main import reconcile

    completion = get_completion_class(shell)
    assert completion is not None, shell
    click.echo(completion(reconcile, {}, "reconcile", "_RECONCILE_COMPLETE").source())
    return ExitCode.NOTHING_TO_DO
