"""`reconcile activities items add`, `edit`, `delete` and `import`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from reconcile.cli.activities.items.reading import KINDS, STATES, address_of, one, reading
from reconcile.cli.batch import opened, reported
from reconcile.cli.context import Context, common
from reconcile.cli.number import Number
from reconcile.errors import PreconditionFailed
from reconcile.model.exit_code import ExitCode

_TASK_TYPES = ("phonecall", "letter", "fax")
_SET = click.option(
    "--set", "settings", multiple=True, metavar="COLUMN=VALUE", help='May be repeated; "COLUMN=" clears, JSON for lists and objects.'
)
_OWNER = click.option("--owner", metavar="OWNER", help="Whose it is: a mailbox (slug or address), or anybody's address.")
_STATE = click.option("--state", type=click.Choice(STATES), help="Its state.")
_EXPECT = click.option("--expect", type=Number(1), metavar="VERSION", help="Only when it is at this version.")
_KEY = click.option("--key", default="", help="Your own name for this edit: the same key again edits nothing.")


@click.command("add", short_help="Add an appointment, contact, task, phone call, letter or fax.")
@click.argument("kind", type=click.Choice((*KINDS, *_TASK_TYPES)))
@_SET
@_OWNER
@_STATE
@_KEY
@common(estate=False)
def add_command(context: Context, kind: str, settings: tuple[str, ...], owner: str | None, state: str | None, key: str) -> ExitCode:
    """It goes to the mailbox of its owner with the next look, if a filter wants it. An appointment with attendees is announced to them
    then, unless it is past. Phone calls, letters and faxes are tasks with an activitytypecode: they are shown in the mailbox, and what
    becomes of them there does not come back.

    An appointment needs scheduledstart and scheduledend (2026-03-12T09:00:00+01:00), days of tasks are 2026-03-12. docs/items.md has all
    columns.

    Example: reconcile activities items add task --owner anna --set subject="Call back" --set scheduledend=2026-03-12
    """
    columns = _columns(settings)
    if kind in _TASK_TYPES:
        kind, columns = "task", {"activitytypecode": kind, **columns}
    return _edited(context, {"kind": kind, "owner": owner, "state": state, "set": columns, "clientKey": key or None})


@click.command("edit", short_help="Change some columns of an item.")
@click.argument("item_id", metavar="ID", type=Number(1))
@_SET
@_OWNER
@_STATE
@_EXPECT
@_KEY
@common(estate=False)
def edit_command(
    context: Context, item_id: int, settings: tuple[str, ...], owner: str | None, state: str | None, expect: int | None, key: str
) -> ExitCode:
    """What is not given stays.

    Example: reconcile activities items edit 17 --set location="Room 2" --expect 3
    """
    with reading(context) as (reader, _):
        kind = one(reader, item_id).kind
    fields = {"id": item_id, "kind": str(kind), "owner": owner, "state": state, "set": _columns(settings) or None}
    return _edited(context, {**fields, "expectedVersion": expect, "clientKey": key or None})


@click.command("delete", short_help="Delete an item.")
@click.argument("item_id", metavar="ID", type=Number(1))
@_EXPECT
@_KEY
@common(estate=False)
def delete_command(context: Context, item_id: int, expect: int | None, key: str) -> ExitCode:
    """The record goes at once, and with the next look what it is in mailboxes: a meeting that lies ahead is called off there, what is past
    or somebody else's stays, a contact goes only where it was made by us (docs/items.md).

    Example: reconcile activities items delete 17 --expect 3
    """
    return _edited(context, {"id": item_id, "delete": True, "expectedVersion": expect, "clientKey": key or None})


@click.command("import", short_help="Add, change and delete items from JSON lines; may be repeated.")
@click.argument("file", metavar="FILE|-")
@click.option(
    "--attachments",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="What attachments' paths are relative to; they cannot lead out of it [they are refused].",
)
@common(estate=False)
def import_command(context: Context, file: str, attachments: Path | None) -> ExitCode:
    """Make an edit for each line of FILE (- is standard input): JSON with clientKey, kind, id, expectedVersion, owner, state, set and
    delete; without id a new record.

    Each line has an outcome of its own, so that the whole file may be handed in again after whatever went wrong. Ends with 0 when every
    line was taken, with 6 when some were, with 1 when none was.

    Example: reconcile activities items import contacts.jsonl
    """
    from reconcile.sync.lines import lines_of
    from reconcile.wiring.feed import attachment_reader
    from reconcile.wiring.items import item_intake
    from reconcile.wiring.state import environment_name, writable_database

    read = attachment_reader(attachments)
    with opened(file) as stream, writable_database(context.settings, environment_name(context.settings, context.environment)) as database:
        return reported(context, file, item_intake(database, context.actor, read).take(lines_of(stream)), "edit")


def _columns(settings: tuple[str, ...]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for text in settings:
        column, equals, written = text.partition("=")
        if not equals or not column:
            raise click.BadParameter(f"{text!r} is no COLUMN=VALUE", param_hint="--set")
        found[column] = _value(written)
    return found


def _value(written: str) -> Any:
    """Lists, objects, numbers and truth values are JSON; everything else is text as it stands."""
    if not written:
        return None
    if written[0] in "[{" or written in ("true", "false"):
        try:
            return json.loads(written)
        except json.JSONDecodeError as error:
            raise click.BadParameter(f"{written!r} is no JSON: {error.msg}", param_hint="--set") from error
    return written


def _edited(context: Context, fields: dict[str, Any]) -> ExitCode:
    from reconcile.model.activity_edit import EditResult
    from reconcile.model.item_edit import ItemEditRefused
    from reconcile.report.items import FORMAT_VERSION
    from reconcile.sync.decide.item_line import item_edit_from
    from reconcile.wiring.applied import mailbox_names
    from reconcile.wiring.items import files_in, item_store
    from reconcile.wiring.state import environment_name, writable_database
    from reconcile.wiring.system import SystemClock

    if isinstance(percent := (fields.get("set") or {}).get("percentcomplete"), str) and percent.isdigit():
        fields["set"]["percentcomplete"] = int(percent)
    with writable_database(context.settings, environment_name(context.settings, context.environment)) as database:
        if fields.get("owner"):
            fields["owner"] = address_of(fields["owner"], mailbox_names(database))
        edit = item_edit_from(fields, files_in(database))
        (outcome,) = item_store(database).edit([edit], at=SystemClock().now(), by=context.actor)
    if isinstance(outcome, ItemEditRefused):
        raise PreconditionFailed(outcome.message, hint=outcome.hint)
    if context.as_json:
        context.json({"formatVersion": FORMAT_VERSION, "id": outcome.id, "version": outcome.version, "result": str(outcome.result)})
    else:
        result = "added" if outcome.version == 1 and outcome.result is EditResult.EDITED else outcome.result
        words = f"is at version {outcome.version} ({result})" if outcome.version else "is deleted"
        context.data(f"item {outcome.id} {words}")
        if result == "added":
            context.say(f"  next: `reconcile sync`; `reconcile explain item {outcome.id}` says in which mailboxes it is, or why in none.")
    return ExitCode.NOTHING_TO_DO
