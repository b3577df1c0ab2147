"""One pass over appointments, contacts and tasks: mailboxes whose time has come are looked at, the others wait."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import field
from datetime import timedelta
from typing import Final

from reconcile.controller.loop import Report
from reconcile.lazy_dataclass import dataclass
from reconcile.model.exit_code import ExitCode
from reconcile.model.item import ItemKind
from reconcile.ports.clock import Clock
from reconcile.ports.item_store import ItemPlace
from reconcile.report.counted import counted
from reconcile.sync.admission import Limits
from reconcile.sync.items.due import INTERVAL, is_due
from reconcile.sync.items.mailbox import ItemCounts, ItemMailbox, ItemTools
from reconcile.sync.items.run import ItemRun, synchronise_items
from reconcile.sync.servers import Servers

#: Between two passes.
ITEMS = timedelta(seconds=60)
#: Between two where the server tells of news, and between two looks at one folder then: a person who edits is told of often.
_EARLY: Final = 10.0
_APART: Final = timedelta(seconds=15)


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemWork:
    """Who is kept in step; `tools` None where nobody is."""

    mailboxes: Sequence[ItemMailbox] = ()
    tools: ItemTools | None = None


@dataclass(slots=True, kw_only=True)
class Items:
    """`opened` opens the store of the environment that is applied, and says who is kept in step."""

    opened: Callable[[], AbstractContextManager[ItemWork]]
    clock: Clock
    limits: Limits
    _servers: Servers | None = field(default=None, repr=False)
    _told: set[tuple[str, ItemKind]] = field(default_factory=set, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)
    _last: float = field(default=0.0, repr=False)

    def news(self, mailbox_id: str, kinds: frozenset[ItemKind]) -> None:
        """The server told of them: they are looked at soon, however short the time since the last look. From any thread."""
        with self._lock:
            self._told |= {(mailbox_id, kind) for kind in kinds}

    def early(self) -> bool:
        """Whether there is news, and it is time for another pass."""
        return bool(self._told) and self.clock.monotonic() - self._last >= _EARLY

    def run(self) -> Report:
        """One pass. Raises ReconcileError as the store does; single mailboxes are in the report."""
        self._last = self.clock.monotonic()
        with self.opened() as work:
            if work.tools is None or not work.mailboxes:
                return Report(quiet=True)
            chosen = self._chosen(work.mailboxes, work.tools.store.places())
            waiting = [mailbox for mailbox in work.mailboxes if any((mailbox.mailbox_id, kind) in chosen for kind in ItemKind)]
            if self._servers is None:
                self._servers = Servers(clock=self.clock, full=self.limits.per_server)
            runs = synchronise_items(
                waiting,
                work.tools,
                limits=self.limits,
                servers=self._servers,
                only=lambda mailbox, kind: (mailbox.mailbox_id, kind) in chosen,
            )
            return told(runs)

    def _chosen(self, mailboxes: Sequence[ItemMailbox], places: Mapping[tuple[str, ItemKind], ItemPlace]) -> set[tuple[str, ItemKind]]:
        """Which are looked at now. News of them is taken up before: what is told from here on is for the next pass."""
        now, waiting, chosen = self.clock.now(), set[tuple[str, ItemKind]](), set[tuple[str, ItemKind]]()
        with self._lock:
            for mailbox in mailboxes:
                for kind in ItemKind:
                    one = (mailbox.mailbox_id, kind)
                    look = _place(places, mailbox, kind).look
                    # One that fails keeps its pauses, whatever is told of it; the look after them finds all that is news.
                    is_told = one in self._told and not look.kind
                    if is_due(look, mailbox, now, interval=_APART if is_told else INTERVAL):
                        chosen.add(one)
                    elif is_told:
                        waiting.add(one)
            self._told &= waiting
        return chosen


def _place(places: Mapping[tuple[str, ItemKind], ItemPlace], mailbox: ItemMailbox, kind: ItemKind) -> ItemPlace:
    return places.get((mailbox.mailbox_id, kind), ItemPlace())


def told(runs: Sequence[ItemRun]) -> Report:
    """What the loop says about a pass. Pure."""
    sums = ItemCounts()
    for run in runs:
        sums.add(run.counts)
    inward = sums.imported + sums.taken + sums.deleted_here
    outward = sums.created + sums.updated + sums.deleted_there
    failed = [run for run in runs if run.error and run.tried]
    untried = [run for run in runs if not run.tried]
    parts = [f"{counted(inward, 'item')} in and {outward} out, {counted(len(runs), 'mailbox', 'mailboxes')}"] if inward or outward else []
    parts += [f"{counted(sums.conflicts, 'field')} changed on both sides"] if sums.conflicts else []
    parts += [f"{counted(len(sums.failed), 'item')} not done: {sums.failed[0][1]}"] if sums.failed else []
    parts += [f"{run.mailbox.name}: {run.error}" for run in failed[:1]]
    parts += [f"and {len(failed) - 1} more failed"] if failed[1:] else []
    parts += [f"{counted(len(untried), 'mailbox', 'mailboxes')} {untried[0].error}"] if untried and failed else []
    parts += [f"the brake item-deletions holds {sums.braked}: `reconcile status`"] if sums.braked else []
    return Report(
        message="; ".join(parts),
        quiet=not parts,
        detail={
            "looked": len(runs),
            "in": inward,
            "out": outward,
            "conflicts": sums.conflicts,
            "announced": sums.announced,
            "braked": sums.braked,
            "failed": [run.mailbox.name for run in failed],
        },
        code=ExitCode.FAILURE if failed or sums.failed else ExitCode.NOTHING_TO_DO,
    )
