"""`reconcile activities`."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconcile.cli.context import Context, common
from reconcile.cli.mailbox_name import no_such_mailbox
from reconcile.cli.number import Number
from reconcile.errors import PermanentError, UserError
from reconcile.model.exit_code import ExitCode

if TYPE_CHECKING:
    from reconcile.model.activity import Activity
    from reconcile.model.message import MessageText
    from reconcile.ports.mail_store import ActivityReader

_MAILBOX = click.option("--mailbox", metavar="NAME", help="Only what this mailbox holds (slug or address).")
_SINCE = click.option("--since", metavar="DATE", help="Only what was received from then on (RFC 3339, or a date in UTC).")

#: So many damaged e-mails are named one by one.
_NAMED = 20


@click.group("activities", short_help="List, show and export tracked e-mail.")
def command() -> None:
    """Tracked e-mail: one activity for the same Message-ID with the same content, however many mailboxes hold it."""


@command.command("list")
@_MAILBOX
@_SINCE
@click.option("--limit", type=Number(1), metavar="N", default=50, help="At most so many, newest first [50].")
@common(estate=False)
def list_command(context: Context, mailbox: str | None, since: str | None, limit: int) -> ExitCode:
    """Newest received first. With --output json one JSON document a line."""
    from reconcile.report.activities_json import activity_json
    from reconcile.report.activities_text import activities_table
    from reconcile.report.json_text import json_text

    with _opened(context) as (reader, names):
        found = _select(reader, names, mailbox, since, limit)
        if context.as_json:
            for activity in found:
                context.data(json_text(activity_json(activity, _slugs(names))))
        else:
            context.data(activities_table(list(found), _slugs(names), fit=context.columns))
    return ExitCode.NOTHING_TO_DO


@command.command("show")
@click.argument("activity_id", metavar="ID", type=Number(1))
@click.option("--raw", is_flag=True, help="The bytes as they were received, and nothing else.")
@common(estate=False)
def show_command(context: Context, activity_id: int, raw: bool) -> ExitCode:
    """Header, text and attachments of one e-mail."""
    from reconcile.report.activities_json import FORMAT_VERSION, activity_json, text_json
    from reconcile.report.activities_text import activity_text
    from reconcile.wiring.mail import keep_text

    with _opened(context) as (reader, names):
        activity = reader.activity(activity_id)
        if activity is None:
            raise UserError(f"there is no activity {activity_id}", hint="`reconcile activities list` shows them.")
        if raw:
            for chunk in reader.raw(activity_id):
                sys.stdout.buffer.write(chunk)
            return ExitCode.NOTHING_TO_DO
        text = reader.text(activity_id)
        if text is None:
            text = _parsed(reader, activity)
            keep_text(context.settings, context.environment, activity_id, text)
    if context.as_json:
        context.json({"formatVersion": FORMAT_VERSION, **activity_json(activity, _slugs(names)), **text_json(text)})
    else:
        context.data(activity_text(activity, text, _slugs(names)))
    return ExitCode.NOTHING_TO_DO


@command.command("export", short_help="Write e-mails as received into a folder.")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@_MAILBOX
@_SINCE
@click.option("--limit", type=Number(1), metavar="N", help="At most so many, newest first [all].")
@common(estate=False)
def export_command(context: Context, folder: Path, mailbox: str | None, since: str | None, limit: int | None) -> ExitCode:
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
    with _opened(context) as (reader, names):
        selected = _select(reader, names, mailbox, since, limit)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        count, damaged = _export(reader, selected, names, folder)
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
    reader: ActivityReader, selected: Iterator[Activity], names: Mapping[str, tuple[str, str]], folder: Path
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
            lines.write(json_text({**activity_json(activity, _slugs(names)), "file": name}) + "\n")
        lines.flush()
        os.fsync(lines.fileno())
    return count, damaged


@contextmanager
def _opened(context: Context) -> Iterator[tuple[ActivityReader, Mapping[str, tuple[str, str]]]]:
    from reconcile.wiring.mail import activity_reader, applied_state
    from reconcile.wiring.state import environment_name, open_database

    with open_database(context.settings, environment_name(context.settings, context.environment), read_only=True) as database:
        resources = applied_state(database).resources()
        names = {one.external_id: (one.name, str(one.spec.get("emailAddress", ""))) for one in resources if one.kind == "Mailbox"}
        yield activity_reader(database), names


def _slugs(names: Mapping[str, tuple[str, str]]) -> dict[str, str]:
    return {mailbox_id: slug for mailbox_id, (slug, _) in names.items()}


def _select(
    reader: ActivityReader, names: Mapping[str, tuple[str, str]], mailbox: str | None, since: str | None, limit: int | None
) -> Iterator[Activity]:
    chosen = None
    if mailbox is not None:
        found = [
            mailbox_id
            for mailbox_id, (slug, address) in names.items()
            if mailbox in (slug, mailbox_id) or mailbox.lower() == address.lower()
        ]
        if not found:
            raise no_such_mailbox(mailbox, (name for known in names.values() for name in known if name))
        chosen = found[0]
    return reader.activities(mailbox_id=chosen, since=_instant(since), limit=limit)


def _instant(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise click.BadParameter(f"{text!r} is no RFC 3339 date", param_hint="--since") from None
    # No mail is older; and years before 1000 are not written with four digits everywhere.
    return max(moment, datetime(1970, 1, 1, tzinfo=UTC))


def _parsed(reader: ActivityReader, activity: Activity) -> MessageText:
    from reconcile.model.message import MessageText
    from reconcile.sync.decide.text import LARGEST, parse_text

    if activity.size > LARGEST:
        return MessageText(text="", defects=("too-large-to-parse",))
    return parse_text(b"".join(reader.raw(activity.id)))
