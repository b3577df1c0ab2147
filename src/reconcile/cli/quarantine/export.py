"""`reconcile quarantine export`."""

from __future__ import annotations

import os
from pathlib import Path

import click

from reconcile.cli.context import Context, common
from reconcile.cli.number import Number
from reconcile.cli.quarantine.held import named
from reconcile.errors import UserError
from reconcile.model.exit_code import ExitCode


@click.command("export", short_help="Write the bytes of one as received into a file.")
@click.argument("held_id", metavar="ID", type=Number(1))
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@common(estate=False)
def export_command(context: Context, held_id: int, file: Path) -> ExitCode:
    """Write FILE, which must not be there yet; only its owner may read it. It may be what breaks programs that read mail.

    Example: reconcile quarantine export 3 message-3.eml
    """
    from reconcile.wiring.mail import quarantine_of
    from reconcile.wiring.state import environment_name, open_database

    with open_database(context.settings, environment_name(context.settings, context.environment), read_only=True) as database:
        quarantine = quarantine_of(database)
        held = named(quarantine, held_id)
        try:
            descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            raise UserError(f"{file} is there already", hint="Name a new file.") from None
        except OSError as error:
            raise UserError(f"{file} cannot be written: {error.strerror}", hint="Name a file in a folder that is there.") from error
        with os.fdopen(descriptor, "wb") as target:
            for chunk in quarantine.raw(held_id):
                target.write(chunk)
            target.flush()
            os.fsync(target.fileno())
    if context.as_json:
        context.json({"formatVersion": "1.0", "file": str(file), "size": held.size, "exit": ExitCode.NOTHING_TO_DO.reason})
    else:
        context.data(f"{held.size:,} bytes written to {file}")
    return ExitCode.NOTHING_TO_DO
