"""`reconcile activities items attach`, `detach` and `attachments`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconcile.cli.activities.items.reading import one, reading
from reconcile.cli.context import Context, common
from reconcile.cli.number import Number
from reconcile.errors import PermanentError, UserError
from reconcile.model.exit_code import ExitCode

if TYPE_CHECKING:
    from reconcile.model.item import Attachment
    from reconcile.sync.item_attaching import FileChange

_EXPECT = click.option("--expect", type=Number(1), metavar="VERSION", help="Only when it is at this version.")


@click.command("attach", short_help="Put files on an appointment.")
@click.argument("item_id", metavar="ID", type=Number(1))
@click.argument("paths", metavar="FILE…", nargs=-1, required=True, type=click.Path(dir_okay=False, path_type=Path))
@_EXPECT
@common(estate=False)
def attach_command(context: Context, item_id: int, paths: tuple[Path, ...], expect: int | None) -> ExitCode:
    """A file takes the place of one of the same name. They go to the mailbox with the next look, where
    linkedItems.appointmentAttachments is on and the appointment is no series; nobody is told of it. What the organization's attachments.*
    do not want is refused.

    Example: reconcile activities items attach 17 agenda.pdf
    """
    from reconcile.model.item_json import ItemFormatError
    from reconcile.sync.decide.item_files import file_of
    from reconcile.sync.item_attaching import FileChange
    from reconcile.wiring.items import files_in
    from reconcile.wiring.state import environment_name, open_database

    with open_database(context.settings, environment_name(context.settings, context.environment), read_only=True) as database:
        how = files_in(database)
    added: list[Attachment] = []
    contents: dict[str, bytes] = {}
    for path in paths:
        content = _read(path)
        try:
            made = file_of(path.name, "", content, how)
        except ItemFormatError as error:
            raise UserError(str(error), hint="See attachments.* of the Organization, or rename the file.") from error
        added.append(made)
        contents[made.digest] = content
    return _changed(context, item_id, FileChange(add=added, contents=contents), expect)


@click.command("detach", short_help="Take files off an appointment.")
@click.argument("item_id", metavar="ID", type=Number(1))
@click.argument("names", metavar="NAME…", nargs=-1, required=True)
@_EXPECT
@common(estate=False)
def detach_command(context: Context, item_id: int, names: tuple[str, ...], expect: int | None) -> ExitCode:
    """NAME is the file's name as `attachments` shows it, or the beginning of its digest. With the next look it goes from the mailbox, too.

    Example: reconcile activities items detach 17 agenda.pdf
    """
    from reconcile.sync.item_attaching import FileChange

    return _changed(context, item_id, FileChange(remove=names), expect)


@click.command("attachments", short_help="List the files of an appointment, or write them into a folder.")
@click.argument("item_id", metavar="ID", type=Number(1))
@click.option(
    "--save", type=click.Path(file_okay=False, path_type=Path), metavar="FOLDER", help="Write them into this new or empty folder."
)
@common(estate=False)
def attachments_command(context: Context, item_id: int, save: Path | None) -> ExitCode:
    """What the organization's attachments.* do not want is marked, and never written. Names are without paths, characters nobody sees and
    reserved words; a second file of one name gets a number. Ends with 1 when something was not written.

    Example: reconcile activities items attachments 17 --save ./files
    """
    from reconcile.cli.saved_files import saved
    from reconcile.model.item import Appointment
    from reconcile.report.items import FORMAT_VERSION
    from reconcile.report.table import table
    from reconcile.wiring.items import item_reader, item_rules
    from reconcile.wiring.state import environment_name, open_database

    with open_database(context.settings, environment_name(context.settings, context.environment), read_only=True) as database:
        reader, rules = item_reader(database), item_rules(database)
        item = one(reader, item_id).item
        files = item.attachments if isinstance(item, Appointment) else ()
        why = [rules.excluded(each.filename, each.mimetype, each.filesize) for each in files]

        def content(each: Attachment) -> bytes:
            try:
                return reader.blob(each.digest)
            except KeyError:
                raise PermanentError(f"the bytes of {each.filename!a} are missing in the store", hint="Restore a backup.") from None

        written = [""] * len(files)
        if save is not None:
            numbered = enumerate(zip(files, why, strict=True), 1)
            written = saved(save, ((each.filename, number, None if reason else content(each)) for number, (each, reason) in numbered))
    if context.as_json:
        listed = [
            {
                "name": each.filename,
                "contentType": each.mimetype,
                "size": each.filesize,
                "digest": each.digest,
                "blocked": reason or None,
                "file": file or None,
            }
            for each, reason, file in zip(files, why, written, strict=True)
        ]
        context.json({"formatVersion": FORMAT_VERSION, "id": item_id, "folder": str(save) if save else None, "attachments": listed})
    else:
        rows = [
            (each.filename, each.mimetype, f"{each.filesize:,}", each.digest[:12], f"blocked: {reason}" if reason else "", file)
            for each, reason, file in zip(files, why, written, strict=True)
        ]
        headers = ("name", "type", "octets", "digest", "rule", "file")
        context.data(
            table(
                headers,
                rows,
                limits=(60, 40, None, None, 100, None),
                fit=context.columns,
                spare=("digest", "type", "rule", "file"),
                empty="no attachments",
            )
        )
    return ExitCode.FAILURE if save is not None and any(why) else ExitCode.NOTHING_TO_DO


def _read(path: Path) -> bytes:
    from reconcile.sync.decide.two_way_rules import LARGEST_FILE

    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_FILE + 1)
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror or error}", hint="Check its name and its rights.") from error
    if len(content) > LARGEST_FILE:
        raise UserError(f"{path} has more than {LARGEST_FILE:,} octets, which is the most", hint="Put a link into the description.")
    return content


def _changed(context: Context, item_id: int, change: FileChange, expect: int | None) -> ExitCode:
    from reconcile.report.counted import counted
    from reconcile.report.items import FORMAT_VERSION
    from reconcile.sync.item_attaching import change_files
    from reconcile.wiring.items import item_rules, item_store
    from reconcile.wiring.state import environment_name, writable_database
    from reconcile.wiring.system import SystemClock

    with reading(context) as (reader, _):
        one(reader, item_id)
    with writable_database(context.settings, environment_name(context.settings, context.environment)) as database:
        store = item_store(database)
        outcome = change_files(store, item_id, change, expect=expect, clock=SystemClock(), by=context.actor)
        record, rules = store.item(item_id), item_rules(database)
    item = record.item if record is not None else None
    stays = _stays(item, rules.attachments)
    count = len(getattr(item, "attachments", ()))
    if context.as_json:
        found = {"id": outcome.id, "version": outcome.version, "result": str(outcome.result), "attachments": count, "stays": stays or None}
        context.json({"formatVersion": FORMAT_VERSION, **found})
    else:
        context.data(f"item {outcome.id} is at version {outcome.version} ({outcome.result}), with {counted(count, 'attachment')}")
        if stays:
            context.data(f"they stay here: {stays}")
    return ExitCode.NOTHING_TO_DO


def _stays(item: object, carried: bool) -> str:
    """Why files are not carried to a mailbox, "" when they are."""
    if not carried:
        return "linkedItems.appointmentAttachments of the Organization is off"
    return "files of a series are not carried" if getattr(item, "recurrence", None) is not None else ""
