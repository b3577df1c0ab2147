"""`reconcile backup`."""

from __future__ import annotations

from pathlib import Path

import click

from reconcile.cli.context import Context, common
from reconcile.model.exit_code import ExitCode


@click.command("backup", short_help="Write the whole state of an environment into one file.")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@common(estate=False)
def command(context: Context, file: Path) -> ExitCode:
    """Write the state of an environment (what was applied, tracked mail, the outbox, the audit trail) as of one moment into FILE.

    `run`, `sync` and `apply` go on meanwhile. FILE holds mail in clear and credentials sealed, never the key that opens them.

    Example: reconcile backup /var/backups/production-2026-03-01.tar
    """
    from reconcile.report.counted import counted
    from reconcile.wiring.backup import write_backup
    from reconcile.wiring.state import environment_name

    name = environment_name(context.settings, context.environment)
    written = write_backup(context.settings, name, file)
    code = ExitCode.FAILURE if written.damaged else ExitCode.NOTHING_TO_DO
    if context.as_json:
        document = {
            "environment": name,
            "file": str(file),
            "bytes": written.bytes,
            "packs": written.packs,
            "damaged": list(written.damaged),
        }
        context.json({"formatVersion": "1.0", **document, "exit": code.reason})
        return code
    context.data(f"{name} written to {file}: {written.bytes:,} bytes, {counted(written.packs, 'pack')} of mail")
    if written.damaged:
        context.say(f"not whole in the store, and therefore not in the backup: {', '.join(written.damaged)}")
        context.say("  next: restore those from an earlier backup; the rest of this one can be restored.")
    return code
