"""`reconcile explain item ID`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconcile.errors import UserError
from reconcile.model.exit_code import ExitCode
from reconcile.model.mail_address import same_mailbox

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from reconcile.cli.context import Context
    from reconcile.model.item import ItemKind
    from reconcile.model.item_record import Record
    from reconcile.ports.item_store import ItemPlace
    from reconcile.report.item_brakes import StandingBrake

FORMAT_VERSION = "1.1"


def explain_item(context: Context, word: str) -> ExitCode:
    """Print where an appointment, contact or task is kept in step, where not, and why."""
    from reconcile.model.item_brake import ITEM_DELETIONS
    from reconcile.report.item_brakes import brake_json, brake_words
    from reconcile.report.item_fate import fate_json, fate_text
    from reconcile.report.items_aside import aside_json, aside_words
    from reconcile.report.safe_text import neutral
    from reconcile.sync.decide.item_nowhere import why_nowhere
    from reconcile.wiring.applied import mailbox_names
    from reconcile.wiring.items import item_reader, kept_in_step
    from reconcile.wiring.state import environment_name, open_database

    if not word.isdecimal() or not 0 < int(word) < 1 << 63:
        raise UserError(f"{word!a} is no number of an item", hint="`reconcile activities items list` shows them.")
    number = int(word)
    environment = environment_name(context.settings, context.environment)
    with open_database(context.settings, environment, read_only=True) as database:
        reader, names = item_reader(database), mailbox_names(database)
        record, links = reader.item(number), reader.links_of(number)
        conflicts = reader.conflicts(item_id=number, resolved=True)
        asides = [one for one in reader.asides() if one.record_id == number]
        held = [] if record is None else _held(record, [link.mailbox_id for link in links], names, reader.places())
        nowhere = why_nowhere(record, kept_in_step(context.settings, database, environment)) if record is not None and not links else ""
    if record is None and not links and not conflicts:
        hint = "`reconcile activities items list` shows them, `reconcile activities feed` what was deleted, and by whom."
        raise UserError(f"there is no item {number}", hint=hint)
    if context.as_json:
        document = fate_json(record, number, links, conflicts, names, nowhere)
        document["aside"] = [aside_json(one) for one in asides]
        document["brakes"] = [{"mailbox": one.mailbox, **(brake_json(one.mailbox, one.kind, one.brake) or {})} for one in held]
        context.json({"formatVersion": FORMAT_VERSION, **document, "exit": ExitCode.NOTHING_TO_DO.reason})
    else:
        context.data(fate_text(record, number, links, conflicts, names, nowhere))
        for braked in held:
            since = braked.brake.since[:16].replace("T", " ")
            words = f"brake {ITEM_DELETIONS} since {since}, nothing goes out: {brake_words(braked.kind, braked.brake)} (`reconcile status`)"
            context.data(f"  {neutral(braked.mailbox)}: {words}")
        for one in asides:
            slug = names.get(one.mailbox_id, (one.mailbox_id, ""))[0]
            context.data(f"  {neutral(slug)}: {neutral(aside_words(one))}")
    return ExitCode.NOTHING_TO_DO


def _held(
    record: Record, tied: Sequence[str], names: Mapping[str, tuple[str, str]], places: Mapping[tuple[str, ItemKind], ItemPlace]
) -> list[StandingBrake]:
    """Brakes that stand where it is, and where it would go."""
    from reconcile.report.item_brakes import StandingBrake

    mailboxes = dict.fromkeys([*tied, *(number for number, (_, address) in names.items() if same_mailbox(address, record.owner))])
    found = []
    for mailbox_id in mailboxes:
        place = places.get((mailbox_id, record.kind))
        if place is not None and place.brake is not None and not place.released:
            slug = names.get(mailbox_id, (mailbox_id, ""))[0]
            found.append(StandingBrake(mailbox=slug, kind=str(record.kind), brake=place.brake))
    return found
