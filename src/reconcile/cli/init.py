"""`reconcile init`."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources
from pathlib import Path

import click

from reconcile.cli.context import Context, common
from reconcile.errors import SettingsError
from reconcile.model.exit_code import ExitCode

#: Where each file of cli/starter goes, by what the mailboxes are reached over.
FILES: Mapping[str, Mapping[str, str]] = {
    "imap": {
        "readme.md": "README.md",
        "gitignore": ".gitignore",
        "workflow.yml": ".github/workflows/mailboxes.yml",
        "environment.yaml": "environments/production.yaml",
        "organization.yaml": "organization/contoso.yaml",
        "profile.yaml": "profiles/main.yaml",
        "mailbox.yaml": "mailboxes/sales.yaml",
    },
    "exchange": {
        "exchange/readme.md": "README.md",
        "gitignore": ".gitignore",
        "workflow.yml": ".github/workflows/mailboxes.yml",
        "exchange/environment.yaml": "environments/production.yaml",
        "exchange/organization.yaml": "organization/contoso.yaml",
        "exchange/profile.yaml": "profiles/exchange.yaml",
        "exchange/mailbox.yaml": "mailboxes/sales.yaml",
    },
}


@click.command("init", short_help="Write a commented example estate and a CI file into a folder.")
@common(estate=False, state=False, environment=False)
@click.option("--with", "over", type=click.Choice([*FILES]), default="imap", help="What the mailboxes are reached over [imap].")
@click.argument("folder", metavar="[DIRECTORY]", type=click.Path(file_okay=False, path_type=Path), default=Path())
def command(context: Context, over: str, folder: Path) -> ExitCode:
    """Write a commented estate into DIRECTORY [this folder]: environment, organization, profile, mailbox, CI file, schemas.

    `--with exchange`: one account opens the mailboxes of an Exchange server, for mail, appointments, contacts and tasks.

    Example: reconcile init contoso-mail --with exchange

    Nothing is overwritten: when one of the files is there already, none is written.
    """
    written = _write(folder, FILES[over])
    if context.as_json:
        context.json({"formatVersion": "1.0", "directory": str(folder), "files": [str(path) for path in written]})
    else:
        context.data("\n".join(str(path) for path in written))
        context.say(f"Next: cd {folder}, then `reconcile lint`: it lists every CHANGE-ME that is yours to fill in.")
    return ExitCode.NOTHING_TO_DO


def _write(directory: Path, files: Mapping[str, str]) -> list[Path]:
    from reconcile.sandbox.example import schemas

    starter = resources.files("reconcile.cli") / "starter"
    contents = {destination: starter / name for name, destination in files.items()}
    contents |= {f"schemas/{schema.name}": schema for schema in schemas().iterdir() if schema.name.endswith(".schema.json")}
    there = [name for name in contents if (directory / name).exists() or (directory / name).is_symlink()]
    if there:
        raise SettingsError(
            f"{directory / there[0]} exists, and nothing is overwritten" + (f" ({len(there)} such files)" if len(there) > 1 else ""),
            hint="Name an empty folder: reconcile init DIRECTORY.",
        )
    try:
        for name, source in contents.items():
            path = directory / name
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("xb") as file:  # x: a file that appeared meanwhile stops us too
                file.write(source.read_bytes())
    except OSError as error:
        raise SettingsError(
            f"cannot write {error.filename}: {error.strerror}", hint="Name a folder that you may write to: reconcile init DIRECTORY."
        ) from error
    return [directory / name for name in sorted(contents)]
