"""`reconcile policy new`."""

from __future__ import annotations

import re
from importlib import resources

import click

from reconcile.cli.context import Context, common
from reconcile.errors import SettingsError
from reconcile.model.exit_code import ExitCode
from reconcile.model.key import SLUG_PATTERN

FORMAT_VERSION = "1.0"
_SUBJECTS = ("Mailbox", "EmailServerProfile", "Organization", "Environment", "Change", "Plan")


@click.command("new", short_help="Write a commented rule with examples to begin with.")
@click.argument("name")
@click.option("--applies-to", type=click.Choice(_SUBJECTS, case_sensitive=False), default="Mailbox", help="What it looks at [Mailbox].")
@click.option("--file", "path", metavar="PATH", help="Where in the estate [policies/NAME.yaml].")
@common(state=False, environment=False)
def new_command(context: Context, name: str, applies_to: str, path: str | None) -> ExitCode:
    """Write a commented rule NAME with examples, which passes `reconcile policy test`, into the estate. Nothing is overwritten.

    reconcile policy new queues-have-an-owner
    """
    from reconcile.wiring.estate import estate_writer
    from reconcile.wiring.policies import environments_with, rules_of

    if not re.fullmatch(SLUG_PATTERN, name):
        raise SettingsError(
            f"{name!r} cannot name a rule", hint="Use 1 to 63 lower-case letters, digits and dashes, such as queues-have-an-owner."
        )
    if name in rules_of(None, None).shipped:
        raise SettingsError(
            f"{name!r} is a rule that comes with reconcile", hint="Take another name; a PolicySettings changes what comes with reconcile."
        )
    path = path or f"policies/{name}.yaml"
    if not path.endswith((".yaml", ".yml")) or any(part in ("", ".", "..") for part in path.split("/")):
        raise SettingsError(
            f"{path!r} is no file of the estate", hint="Name a .yaml file relative to the estate, such as policies/own.yaml."
        )
    writer = estate_writer(context.directory)
    whole = context.directory / path
    if writer.exists(path):
        raise SettingsError(f"{whole} exists, and nothing is overwritten", hint="Take another name, or --file PATH.")
    template = (resources.files("reconcile.cli.policy") / "starter" / f"{applies_to.lower()}.yaml").read_text("utf-8")
    writer.write(path, [template.replace("name: NAME", f"name: {name}").encode()])
    environments = environments_with(context.directory, path)
    if context.as_json:
        context.json(
            {
                "formatVersion": FORMAT_VERSION,
                "rule": name,
                "file": str(whole),
                "environments": environments,
                "exit": ExitCode.NOTHING_TO_DO.reason,
            }
        )
        return ExitCode.NOTHING_TO_DO
    context.data(str(whole))
    if not environments:
        folder = path.rpartition("/")[0] or "."
        context.say(f"No Environment takes the file yet: add {folder} to the layers of those that are to be checked.")
    context.say(f"Next: search it for CHANGE-ME, then `reconcile policy test {whole}`.")
    return ExitCode.NOTHING_TO_DO
