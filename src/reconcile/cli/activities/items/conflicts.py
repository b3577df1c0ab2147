"""`reconcile activities items conflicts`, `resolve` and `relink`."""

from __future__ import annotations

import click

from reconcile.cli.activities.items.reading import one, reading
from reconcile.cli.context import Context, common
from reconcile.cli.number import Number
from reconcile.errors import UserError
from reconcile.model.exit_code import ExitCode


@click.command("conflicts", short_help="What both sides changed, with both versions.")
@click.option("--all", "resolved", is_flag=True, help="Also those that somebody saw to.")
@common(estate=False)
def conflicts_command(context: Context, resolved: bool) -> ExitCode:
    """Where a record and its item were changed in the same field before they were looked at, the mailbox is followed and the other
    version kept here. Where an edit met a deletion, the edit stays.

    Example: reconcile activities items conflicts
    """
    from reconcile.report.item_fate import listed_conflict
    from reconcile.report.items import CONFLICTS_VERSION, conflict_words

    with reading(context) as (reader, names):
        found = [listed_conflict(each, names) for each in reader.conflicts(resolved=resolved)]
    if context.as_json:
        context.json({"formatVersion": CONFLICTS_VERSION, "conflicts": found})
    else:
        context.data("\n".join(map(conflict_words, found)) or "no conflicts")
    return ExitCode.NOTHING_TO_DO


@click.command("resolve", short_help="Say that a conflict was seen to.")
@click.argument("conflict_id", metavar="CONFLICT", type=Number(1))
@click.option("--ours", is_flag=True, help="Put back what the record had: an edit like any other, which goes to the mailbox.")
@common(estate=False)
def resolve_command(context: Context, conflict_id: int, ours: bool) -> ExitCode:
    """Without --ours what was taken stays.

    Example: reconcile activities items resolve 3 --ours
    """
    from reconcile.report.items import FORMAT_VERSION
    from reconcile.sync.items.resolving import put_back
    from reconcile.wiring.items import item_store
    from reconcile.wiring.state import environment_name, writable_database
    from reconcile.wiring.system import SystemClock

    with writable_database(context.settings, environment_name(context.settings, context.environment)) as database:
        store, now = item_store(database), SystemClock().now()
        conflict = next((each for each in store.conflicts() if each.id == conflict_id), None)
        if conflict is None:
            raise UserError(f"there is no open conflict {conflict_id}", hint="`reconcile activities items conflicts` shows them.")
        if ours:
            put_back(store, conflict, at=now, by=context.actor)
        store.resolve(conflict_id, at=now, by=context.actor)
    if context.as_json:
        context.json({"formatVersion": FORMAT_VERSION, "conflict": conflict_id, "item": conflict.record_id, "ours": ours})
    else:
        context.data(f"conflict {conflict_id} is resolved" + (f": item {conflict.record_id} has our version again" if ours else ""))
    return ExitCode.NOTHING_TO_DO


@click.command("relink", short_help="Tie an item to its mailboxes again.")
@click.argument("item_id", metavar="ID", type=Number(1))
@click.option(
    "--anew", is_flag=True, help="Where it was deleted in a mailbox, make another one there; attendees are invited as to any new one."
)
@common(estate=False)
def relink_command(context: Context, item_id: int, anew: bool) -> ExitCode:
    """For an item that was parted from its counterpart (untracked, deleted on one side and edited on the other): with the next look they
    are compared and kept in step again, where both are still there. With --anew the record goes to the mailbox once more where its item
    was deleted, as far as a filter wants it there; what only lies in another folder is not made a second time.

    Example: reconcile activities items relink 17 --anew
    """
    from reconcile.report.counted import counted
    from reconcile.report.items import FORMAT_VERSION
    from reconcile.wiring.items import item_store
    from reconcile.wiring.state import environment_name, writable_database

    with reading(context) as (reader, _):
        one(reader, item_id)
    with writable_database(context.settings, environment_name(context.settings, context.environment)) as database:
        count = item_store(database).relink(item_id, anew=anew)
    if context.as_json:
        context.json({"formatVersion": FORMAT_VERSION, "id": item_id, "links": count, "anew": anew})
    else:
        words = f"{counted(count, 'mailbox', 'mailboxes')} to be tied again" if count else "nothing is parted that could be tied again"
        context.data(f"item {item_id}: {words}")
        if count:
            deleted = " and makes anew what was deleted" if anew else "; what was deleted stays so (--anew makes it again)"
            context.say(f"The next look ties what is still there{deleted}. Then: reconcile explain item {item_id}")
    return ExitCode.NOTHING_TO_DO
