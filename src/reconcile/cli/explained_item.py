"""`reconcile explain item ID`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconcile.errors import UserError
from reconcile.model.exit_code import ExitCode

if TYPE_CHECKING:
    from reconcile.cli.context import Context


def explain_item(context: Context, word: str) -> ExitCode:
    """Print where an appointment, contact or task is kept in step, where not, and why."""
    from reconcile.report.item_fate import fate_json, fate_text
    from reconcile.report.items import FORMAT_VERSION
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
        nowhere = why_nowhere(record, kept_in_step(context.settings, database, environment)) if record is not None and not links else ""
    if record is None and not links and not conflicts:
        raise UserError(f"there is no item {number}", hint="`reconcile activities items list` shows them.")
    if context.as_json:
        document = fate_json(record, number, links, conflicts, names, nowhere)
        context.json({"formatVersion": FORMAT_VERSION, **document, "exit": ExitCode.NOTHING_TO_DO.reason})
    else:
        context.data(fate_text(record, number, links, conflicts, names, nowhere))
    return ExitCode.NOTHING_TO_DO
