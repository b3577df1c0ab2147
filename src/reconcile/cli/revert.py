"""`reconcile plan --revert COMMIT`: an inverse plan against the target, and what no plan can undo."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime

from reconcile.cli.approving import plan_judge
from reconcile.cli.context import Context
from reconcile.model.change import Note, Plan
from reconcile.model.commit import Recorded
from reconcile.model.selection import Selection

_SHORT = 9


def plan_revert(
    context: Context, wanted: str, *, lifted: Collection[str], selection: Selection | None, online: bool, approvals: Sequence[str]
) -> Plan | None:
    """None when the estate cannot be used: what is wrong has been said then. Raises DesiredStateError for the commit."""
    from reconcile.apply.lasting import lasting
    from reconcile.apply.planning import planned
    from reconcile.cli.estate import load_environment
    from reconcile.cli.revision import nothing_at, state_at
    from reconcile.model.audit_record import AuditQuery
    from reconcile.plan.revert import explained, revert
    from reconcile.wiring.configuration import comparing_secrets, inventory_reader
    from reconcile.wiring.estate import document_cache, recorded
    from reconcile.wiring.mail import mail_counts, plan_counts
    from reconcile.wiring.permits import deciding
    from reconcile.wiring.plan_discovering import PlanDiscovering
    from reconcile.wiring.state import open_database
    from reconcile.wiring.target import target_reader

    commit = recorded(context.directory, wanted, within=context.revision)
    loaded = load_environment(context)
    if loaded is None:
        return None
    short, today = commit.id[:_SHORT], loaded.desired
    cache = document_cache(context.settings)
    after = state_at(context, commit.id, today, cache)
    before = state_at(context, commit.parents[0], today, cache) if commit.parents else nothing_at(today, "")
    reverted = revert(before, after, today, commit=short)
    with open_database(context.settings, today.environment, read_only=True) as database:
        reader, inventory = target_reader(loaded.target, database, export=loaded.export), inventory_reader(database)
        counting = plan_counts(context.settings, database, online=online)
        asking = PlanDiscovering(context.settings, database, today.environment) if online else None
        found = planned(
            reverted.desired,
            reader,
            inventory,
            lifted=lifted,
            comparing=comparing_secrets(context.settings),
            count=counting.count,
            selection=selection,
            deciding=asking.deciding if asking is not None else deciding(context.settings, database, today.environment),
            keys={*reverted.touched, *reverted.names.values(), *(reverted.desired.held.keys() - today.held.keys())},
        )
        since = AuditQuery(since=datetime.fromisoformat(commit.at))
        records = inventory.history(limit=None, query=since)
        stays = lasting(reverted, today, inventory.entries(), records, mail_counts(database).moved)
        unknown = tuple(Note(message=text) for text in counting.unknown())
    planned_now = asking.told(found.plan) if asking is not None else found.plan
    plan = plan_judge(context, approvals)(planned_now, found.desired)
    notes = (*_git_says(commit, short), *loaded.notes, *reverted.notes, *plan.notes, *unknown)
    return explained(replace(plan, notes=notes, lasting=stays), reverted, commit=short)


def _git_says(commit: Recorded, short: str) -> tuple[Note, ...]:
    merge = "-m 1 " if len(commit.parents) > 1 else ""
    words = f"git still says the opposite, so the next plan would bring commit {short} back: take it back there too with"
    side = " (of a merge, what it brought to its first parent is taken back)" if merge else ""
    return (Note(message=f"{words} git revert {merge}{short}{side}"),)
