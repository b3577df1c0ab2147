"""`reconcile activities export`."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconcile.cli.activities.selection import Selection, selecting, tracked
from reconcile.cli.context import Context, common
from reconcile.cli.number import Number
from reconcile.errors import PermanentError, UserError
from reconcile.model.exit_code import ExitCode

if TYPE_CHECKING:
    from reconcile.model.activity import Activity
    from reconcile.ports.mail_store import ActivityReader

#: So many damaged e-mails are named one by one.
_NAMED = 20


@click.command("export", short_help="Write e-mails as received into a folder.")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@selecting
@click.option("--limit", type=Number(1), metavar="N", help="At most so many, newest first [all].")
@common(estate=False)
def export_command(context: Context, folder: Path, selection: Selection, limit: int | None) -> ExitCode:
    """Write activities.jsonl and the bytes of each e-mail as received (ID.eml) into an empty or new folder.

    What is damaged in the store is left out and named (`file` is null), the rest is written, and the command ends with 1.
    """
    from reconcile.report.counted import counted

    if str(folder).isdigit() and not folder.exists():
        # Whoever comes from `show 17` means an e-mail, and would get all of them.
        raise UserError(
            f"export takes a folder, and {folder} looks like the id of an e-mail",
            hint=f"One e-mail: reconcile activities show {folder} --raw > {folder}.eml. A folder of that name: make it first.",
        )
    if folder.exists() and any(folder.iterdir()):
        raise UserError(f"{folder} is not empty", hint="Name a new or empty folder.")
    with tracked(context) as found:
        selected = found.select(selection, limit)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        count, damaged = _export(found.reader, selected, found.slugs, folder)
    if context.as_json:
        listed = [{"id": number, "reason": reason} for number, reason in damaged]
        context.json({"formatVersion": "1.0", "folder": str(folder), "exported": count, "damaged": listed})
    else:
        context.data(f"{counted(count, 'e-mail')} written to {folder}")
        for number, reason in damaged[:_NAMED]:
            context.say(f"e-mail {number} was left out: {reason}")
        if damaged[_NAMED:]:
            context.say(f"{len(damaged) - _NAMED} more were left out")
        if damaged:
            context.say("  next: Restore the packs from a backup, and export again into another folder.")
    return ExitCode.FAILURE if damaged else ExitCode.NOTHING_TO_DO


def _export(
    reader: ActivityReader, selected: Iterator[Activity], slugs: Mapping[str, str], folder: Path
) -> tuple[int, list[tuple[int, str]]]:
    """How many were written, and which were not and why."""
    from reconcile.report.activities_json import activity_json
    from reconcile.report.json_text import json_text

    count, damaged = 0, list[tuple[int, str]]()
    with (folder / "activities.jsonl").open("x", encoding="utf-8") as lines:
        for activity in selected:
            name: str | None = f"{activity.id:08d}.eml"
            path = folder / f"{name}"
            try:
                with path.open("xb") as file:
                    for chunk in reader.raw(activity.id):
                        file.write(chunk)
                count += 1
            except PermanentError as error:
                path.unlink()
                damaged.append((activity.id, error.message))
                name = None
            lines.write(json_text({**activity_json(activity, slugs), "file": name}) + "\n")
        lines.flush()
        os.fsync(lines.fileno())
    return count, damaged
