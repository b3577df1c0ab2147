"""One pass over appointments, contacts and tasks: mailboxes whose time has come are looked at, the others wait."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import timedelta

from reconcile.controller.loop import Report
from reconcile.lazy_dataclass import dataclass
from reconcile.model.exit_code import ExitCode
from reconcile.model.item import ItemKind
from reconcile.ports.clock import Clock
from reconcile.ports.item_store import ItemPlace
from reconcile.report.counted import counted
from reconcile.sync.items.mailbox import ItemCounts, ItemMailbox, ItemTools
from reconcile.sync.items.run import ItemRun, is_due, synchronise_items

#: Between two passes.
ITEMS = timedelta(seconds=60)


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemWork:
    """Who is kept in step; `tools` None where nobody is."""

    mailboxes: Sequence[ItemMailbox] = ()
    tools: ItemTools | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Items:
    """`opened` opens the store of the environment that is applied, and says who is kept in step."""

    opened: Callable[[], AbstractContextManager[ItemWork]]
    clock: Clock
    parallel: int

    def run(self) -> Report:
        """One pass. Raises ReconcileError as the store does; single mailboxes are in the report."""
        with self.opened() as work:
            if work.tools is None or not work.mailboxes:
                return Report(quiet=True)
            places, now = work.tools.store.places(), self.clock.now()

            def due(mailbox: ItemMailbox, kind: ItemKind) -> bool:
                return is_due(_place(places, mailbox, kind), now)

            waiting = [mailbox for mailbox in work.mailboxes if any(due(mailbox, kind) for kind in ItemKind)]
            return told(synchronise_items(waiting, work.tools, parallel=self.parallel, only=due))


def _place(places: Mapping[tuple[str, ItemKind], ItemPlace], mailbox: ItemMailbox, kind: ItemKind) -> ItemPlace:
    return places.get((mailbox.mailbox_id, kind), ItemPlace())


def told(runs: Sequence[ItemRun]) -> Report:
    """What the loop says about a pass. Pure."""
    sums = ItemCounts()
    for run in runs:
        sums.add(run.counts)
    inward = sums.imported + sums.taken + sums.deleted_here
    outward = sums.created + sums.updated + sums.deleted_there
    failed = [run for run in runs if run.error]
    parts = [f"{counted(inward, 'item')} in and {outward} out, {counted(len(runs), 'mailbox', 'mailboxes')}"] if inward or outward else []
    parts += [f"{counted(sums.conflicts, 'field')} changed on both sides"] if sums.conflicts else []
    parts += [f"{counted(len(sums.failed), 'item')} not done: {sums.failed[0][1]}"] if sums.failed else []
    parts += [f"{run.mailbox.name}: {run.error}" for run in failed[:1]]
    parts += [f"and {len(failed) - 1} more failed"] if failed[1:] else []
    return Report(
        message="; ".join(parts),
        quiet=not parts,
        detail={
            "looked": len(runs),
            "in": inward,
            "out": outward,
            "conflicts": sums.conflicts,
            "announced": sums.announced,
            "failed": [run.mailbox.name for run in failed],
        },
        code=ExitCode.FAILURE if failed or sums.failed else ExitCode.NOTHING_TO_DO,
    )
