"""The part of `reconcile sync` that is about appointments, contacts and tasks."""

from __future__ import annotations

import threading
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from reconcile.lazy_dataclass import dataclass
from reconcile.model.exit_code import ExitCode

if TYPE_CHECKING:
    from reconcile.cli.context import Context
    from reconcile.model.condition import Condition
    from reconcile.ports.clock import Clock
    from reconcile.ports.target import AppliedResource
    from reconcile.report.item_runs import ItemRunLine
    from reconcile.store.sqlite.database import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncedItems:
    """How each mailbox ended, and who asked for it in vain."""

    lines: tuple[ItemRunLine, ...] = ()
    refused: tuple[tuple[str, Condition], ...] = ()

    @property
    def code(self) -> ExitCode:
        """1 where a mailbox or an item failed."""
        return ExitCode.FAILURE if any(line.error or line.failed for line in self.lines) else ExitCode.NOTHING_TO_DO


def synced_items(
    context: Context,
    environment: str,
    named: Collection[str] | None,
    resources: Sequence[AppliedResource],
    *,
    database: Database,
    clock: Clock,
    stop: threading.Event,
) -> SyncedItems:
    """Look at the mailboxes with these ids (None: all) of what is applied, once."""
    from reconcile.wiring.items import item_mailbox, item_tools, kept_in_step

    found = kept_in_step(context.settings, database, environment, resources)
    if not found:
        return SyncedItems()
    from reconcile.report.item_runs import WORDS, ItemRunLine
    from reconcile.sync.admission import Limits
    from reconcile.sync.decide.item_mailboxes import KeptInStep
    from reconcile.sync.items.run import synchronise_items

    refused = tuple((one.name, one.condition) for one in found if not isinstance(one, KeptInStep))
    kept = [item_mailbox(one) for one in found if isinstance(one, KeptInStep) and (named is None or one.reach.mailbox_id in named)]
    if not kept:
        return SyncedItems(refused=refused)
    tools = item_tools(context.settings, database, clock, stop.is_set)
    limits = Limits(parallel=context.settings.parallel_mailboxes, per_server=context.settings.per_server)
    runs = synchronise_items(kept, tools, limits=limits)
    lines = tuple(
        ItemRunLine(
            mailbox=run.mailbox.name,
            counts={name: getattr(run.counts, name) for name in WORDS},
            error=run.error,
            hint=run.hint,
            skipped=run.skipped,
            tried=run.tried,
            failed=[f"item {number}: {words}" if number else words for number, words in run.counts.failed],
        )
        for run in runs
    )
    return SyncedItems(lines=lines, refused=refused)
