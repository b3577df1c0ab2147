"""`reconcile activities items list`, `show` and `export`."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from reconcile.cli.context import Context, common
from reconcile.cli.mailbox_name import no_such_mailbox
from reconcile.cli.number import Number
from reconcile.errors import UserError
from reconcile.model.exit_code import ExitCode

if TYPE_CHECKING:
    from reconcile.model.item_record import Record
    from reconcile.ports.item_store import ItemReader

KINDS = ("appointment", "contact", "task")
STATES = ("open", "completed", "canceled", "inactive")
_FORMATS = {"csv": KINDS, "ics": ("appointment", "task"), "vcf": ("contact",), "jsonl": KINDS}


@contextmanager
def reading(context: Context) -> Iterator[tuple[ItemReader, dict[str, tuple[str, str]]]]:
    """The environment's records, and (slug, address) of each mailbox by its id."""
    from reconcile.wiring.applied import mailbox_names
    from reconcile.wiring.items import item_reader
    from reconcile.wiring.state import environment_name, open_database

    with open_database(context.settings, environment_name(context.settings, context.environment), read_only=True) as database:
        yield item_reader(database), dict(mailbox_names(database))


def address_of(owner: str, names: Mapping[str, tuple[str, str]]) -> str:
    """An address as it is, that of a mailbox by its slug or id, "" for none. Raises UserError for a mailbox that is not applied."""
    if not owner or "@" in owner:
        return owner.lower()
    by_slug = dict(names.values())
    address = names[owner][1] if owner in names else by_slug.get(owner)
    if not address:
        raise no_such_mailbox(owner, [*by_slug, *by_slug.values()])
    return address.lower()


def one(reader: ItemReader, item_id: int) -> Record:
    """Raises UserError where there is none."""
    found = reader.item(item_id)
    if found is None:
        raise UserError(f"there is no item {item_id}", hint="`reconcile activities items list` shows them.")
    return found


@click.command("list", short_help="List appointments, contacts and tasks.")
@click.option("--kind", "kinds", type=click.Choice(KINDS), multiple=True, help="Only this kind; may be repeated.")
@click.option("--owner", default="", metavar="OWNER", help="Only what belongs to this mailbox (slug or address), or to anybody's address.")
@click.option("--state", type=click.Choice(STATES), help="Only what is in this state.")
@click.option("--apart", is_flag=True, help="Only what a mailbox has or had and is not kept in step there now, and why.")
@click.option("--limit", type=Number(1), metavar="N", default=50, help="At most so many, by id [50].")
@common(estate=False)
def list_command(context: Context, kinds: tuple[str, ...], owner: str, state: str | None, apart: bool, limit: int) -> ExitCode:
    """By id. With --output json one JSON document a line. With --apart each says from which mailbox it is apart, why, and which way back
    there is.

    Example: reconcile activities items list --kind task --state open
    """
    from reconcile.model.item import ItemKind
    from reconcile.model.item_record import ItemState
    from reconcile.report.item_fate import apart_json, apart_text
    from reconcile.report.items import item_json, items_table
    from reconcile.report.json_text import json_text

    with reading(context) as (reader, names):
        chosen, wanted = tuple(map(ItemKind, kinds or KINDS)), ItemState(state) if state else None
        found = reader.items(kinds=chosen, owner=address_of(owner, names), state=wanted, apart=apart, limit=limit)
        if apart:
            told = [(record, reader.links_of(record.id)) for record in found]
            for record, links in told:
                context.data(json_text(apart_json(record, links, names)) if context.as_json else apart_text(record, links, names))
            if not told and not context.as_json:
                context.data("nothing is apart from its mailbox")
        elif context.as_json:
            for record in found:
                context.data(json_text(item_json(record)))
        else:
            context.data(items_table(list(found), fit=context.columns))
    return ExitCode.NOTHING_TO_DO


@click.command("show", short_help="Everything about one item.")
@click.argument("item_id", metavar="ID", type=Number(1))
@common(estate=False)
def show_command(context: Context, item_id: int) -> ExitCode:
    """Its columns, and the mailboxes it is in.

    Example: reconcile activities items show 17
    """
    from reconcile.report.item_fate import link_json, link_line
    from reconcile.report.items import FORMAT_VERSION, item_json, item_text

    with reading(context) as (reader, names):
        record = one(reader, item_id)
        links = reader.links_of(item_id)
    if context.as_json:
        context.json({"formatVersion": FORMAT_VERSION, **item_json(record), "mailboxes": [link_json(link, names) for link in links]})
    else:
        context.data(item_text(record, [link_line(link, names) for link in links]))
    return ExitCode.NOTHING_TO_DO


@click.command("export", short_help="Write items as CSV, iCalendar, vCard or JSON lines.")
@click.option("--format", "form", type=click.Choice(tuple(_FORMATS)), required=True, help="csv, ics, vcf or jsonl.")
@click.option("--kind", type=click.Choice(KINDS), help="Of csv and jsonl: which kind; csv needs one.")
@click.option("--owner", default="", metavar="OWNER", help="Only what belongs to this mailbox (slug or address), or to anybody's address.")
@common(estate=False)
def export_command(context: Context, form: str, kind: str | None, owner: str) -> ExitCode:
    """To standard output. A calendar has appointments and tasks, vCards are contacts; jsonl is what `import` takes, and its keys.

    Example: reconcile activities items export --format ics > calendar.ics
    """
    from reconcile.model.item import ItemKind
    from reconcile.report.item_files import csv_file, icalendar, vcard
    from reconcile.report.items import item_json
    from reconcile.report.json_text import json_text

    if form == "csv" and kind is None:
        raise click.UsageError("a table has one kind: --kind appointment, contact or task")
    if kind is not None and kind not in _FORMATS[form]:
        raise click.UsageError(f"--format {form} has {' and '.join(_FORMATS[form])}, no {kind}")
    with reading(context) as (reader, names):
        records = reader.items(kinds=tuple(map(ItemKind, (kind,) if kind else _FORMATS[form])), owner=address_of(owner, names))
        match form:
            case "csv":
                assert kind is not None
                context.octets(csv_file(ItemKind(kind), records))
            case "ics":
                context.octets("".join(icalendar(list(records))).encode())
            case "vcf":
                for card in vcard(records):
                    context.octets(card.encode())
            case _:
                for record in records:
                    context.data(json_text(item_json(record)))
    sys.stdout.flush()
    return ExitCode.NOTHING_TO_DO
