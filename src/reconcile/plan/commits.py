"""Which files a plan speaks of, and the commit that last touched each. Pure: the log is read by whoever is passed."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import replace
from typing import TypeAlias

from reconcile.model.change import Adopt, Cause, Change, Moved, Note, Plan, Update
from reconcile.model.commit import LastCommits

#: Files relative to the root of the source → what is known of them.
Lookup: TypeAlias = Callable[[Collection[str]], LastCommits]


def with_commits(plan: Plan, lookup: Lookup) -> Plan:
    """The plan with the commits behind its causes, and a note where some should be known and are not. The digest stays."""
    wanted = files(plan)
    if not wanted:
        return plan
    known = lookup(wanted)
    commits = {file: known.found[file] for file in sorted(wanted & known.found.keys())}
    notes = (*plan.notes, Note(message=known.why_missing)) if known.why_missing else plan.notes
    return replace(plan, commits=commits, notes=notes)


def files(plan: Plan) -> frozenset[str]:
    """Those that declare, or declared, what changes."""
    return frozenset(file for change in plan.changes for cause in causes(change) if (file := file_of(cause)))


def file_of(cause: Cause) -> str:
    """Where its document is, or was; "" where nobody knows."""
    if cause.was_in:
        return cause.was_in
    return "" if cause.position is None or cause.position.file == "." else cause.position.file


def causes(change: Change) -> Iterator[Cause]:
    """Of the change and of its fields."""
    if not isinstance(change, Update):
        yield change.cause
    if isinstance(change, (Adopt, Update)):
        yield from (field.cause for field in change.fields)
    if isinstance(change, Update):
        yield from (field.cause for field in change.records)
        yield from (secret.cause for secret in change.rotated)
        if change.position is not None and not (change.fields or change.records or change.rotated):
            # Only the slug is another one.
            yield Cause(moved=Moved.GIT, position=change.position)
