"""`reconcile activities attachments`."""

from __future__ import annotations

from pathlib import Path

import click

from reconcile.cli.activities.selection import tracked
from reconcile.cli.context import Context, common
from reconcile.cli.number import Number
from reconcile.errors import UserError
from reconcile.model.exit_code import ExitCode


@click.command("attachments", short_help="List the attachments of one e-mail, or write them into a folder.")
@click.argument("activity_id", metavar="ID", type=Number(1))
@click.option(
    "--save", type=click.Path(file_okay=False, path_type=Path), metavar="FOLDER", help="Write them into this new or empty folder."
)
@common(estate=False)
def attachments_command(context: Context, activity_id: int, save: Path | None) -> ExitCode:
    """List the attachments of one e-mail, or write them into a folder.

    What the organization's attachments.* do not want is marked, and never written: the e-mail itself stays as it was received
    (`activities show ID --raw`). Names are those of the e-mail without paths, characters nobody sees and reserved words; a second file
    of one name gets a number. Ends with 1 when something was not written.

    Example: reconcile activities attachments 17 --save ./files
    """
    from reconcile.cli.saved_files import saved
    from reconcile.report.activities_json import FORMAT_VERSION
    from reconcile.report.table import table
    from reconcile.sync.decide.attachment_rules import attachment_rules, blocked
    from reconcile.sync.decide.text import LARGEST, attached_files
    from reconcile.wiring.applied import applied_state
    from reconcile.wiring.state import environment_name, open_database

    with tracked(context) as found:
        activity = found.reader.activity(activity_id)
        if activity is None:
            raise UserError(f"there is no activity {activity_id}", hint="`reconcile activities list` shows them.")
        if activity.size > LARGEST:
            raise UserError(
                f"activity {activity_id} has {activity.size:,} octets; beyond {LARGEST:,} only the header is read",
                hint=f"Take it as a whole: reconcile activities show {activity_id} --raw",
            )
        files = attached_files(b"".join(found.reader.raw(activity_id)))
    with open_database(context.settings, environment_name(context.settings, context.environment), read_only=True) as database:
        organization = next((one.spec for one in applied_state(database).resources() if one.kind == "Organization"), {})
    rules = attachment_rules(organization)
    why = [blocked(rules, name=one.name, media_type=one.content_type, size=one.size) for one, _ in files]
    written = [""] * len(files)
    if save is not None:
        written = saved(save, ((one.name, one.part, None if reason else data) for (one, data), reason in zip(files, why, strict=True)))
    if context.as_json:
        listed = [
            {
                "part": one.part,
                "name": one.name,
                "contentType": one.content_type,
                "size": one.size,
                "blocked": reason or None,
                "file": file or None,
            }
            for (one, _), reason, file in zip(files, why, written, strict=True)
        ]
        context.json({"formatVersion": FORMAT_VERSION, "id": activity_id, "folder": str(save) if save else None, "attachments": listed})
    else:
        rows = [
            (one.part, one.name, one.content_type, f"{one.size:,}", f"blocked: {reason}" if reason else "", file)
            for (one, _), reason, file in zip(files, why, written, strict=True)
        ]
        headers = ("part", "name", "type", "octets", "rule", "file")
        context.data(table(headers, rows, limits=(None, 60, 40, None, 100, None), fit=context.columns, empty="no attachments"))
    return ExitCode.FAILURE if save is not None and any(why) else ExitCode.NOTHING_TO_DO
