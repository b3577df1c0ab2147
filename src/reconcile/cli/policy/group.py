"""`reconcile policy`: one file a subcommand beside this one."""

from __future__ import annotations

import click

from reconcile.cli.policy.listing import list_command
from reconcile.cli.policy.new import new_command
from reconcile.cli.policy.testing import test_command


@click.group("policy", short_help="List, try and write the rules that lint checks.")
def command() -> None:
    """Rules: best practices as data. Each has its examples, which are its tests; an estate may add its own and set them differently."""


for _subcommand in (list_command, test_command, new_command):
    command.add_command(_subcommand)
