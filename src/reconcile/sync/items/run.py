"""Looks at the items of many mailboxes at once. One bad mailbox never stops another; how each ended is a value."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import field
from datetime import datetime, timedelta
from typing import Final

from reconcile.errors import Locked, ReconcileError
from reconcile.lazy_dataclass import dataclass
from reconcile.model.item import ItemKind
from reconcile.ports.item_store import ItemPlace
from reconcile.sync.items.look import look_at_items
from reconcile.sync.items.mailbox import KINDS, ItemCounts, ItemMailbox, ItemTools

_log = logging.getLogger(__name__)
#: How far looks are apart at least, and how far after failures (Power Platform: "Server-side synchronization of email, appointments,
#: contacts, and tasks").
INTERVAL: Final = timedelta(minutes=5)
LATEST: Final = timedelta(minutes=12)


@dataclass(slots=True, kw_only=True)
class ItemRun:
    """How the looks at one mailbox ended. `skipped` says who works on it elsewhere."""

    mailbox: ItemMailbox
    counts: ItemCounts = field(default_factory=ItemCounts)
    error: str = ""
    hint: str = ""
    skipped: str = ""


def synchronise_items(
    mailboxes: Sequence[ItemMailbox], tools: ItemTools, *, parallel: int, only: Callable[[ItemMailbox, ItemKind], bool] = lambda _, __: True
) -> list[ItemRun]:
    """Look at each mailbox once, at the kinds that `only` lets through; in the order given. What a stop did not reach is left out."""
    runs = {mailbox.mailbox_id: ItemRun(mailbox=mailbox) for mailbox in mailboxes}
    reached: set[str] = set()

    def work(mailbox: ItemMailbox) -> None:
        if not tools.stopping():
            reached.add(mailbox.mailbox_id)
            _one(runs[mailbox.mailbox_id], tools, [kind for kind in KINDS if only(mailbox, kind)])

    if mailboxes:
        with ThreadPoolExecutor(max(1, min(parallel, len(mailboxes))), thread_name_prefix="items") as pool:
            list(pool.map(work, mailboxes))
    return [run for run in runs.values() if run.mailbox.mailbox_id in reached]


def _one(run: ItemRun, tools: ItemTools, kinds: Sequence[ItemKind]) -> None:
    try:
        with tools.store.hold(run.mailbox.mailbox_id):
            for kind in kinds:
                if not tools.stopping():
                    _kind(run, kind, tools)
    except Locked as error:
        run.skipped = error.message


def _kind(run: ItemRun, kind: ItemKind, tools: ItemTools) -> None:
    error, hint = "", ""
    try:
        look_at_items(run.mailbox, kind, tools, run.counts)
    except ReconcileError as found:
        error, hint = f"{kind}s: {found.message}", found.hint
    except Exception as bug:  # a bug of ours must end this look only  # noqa: BLE001
        _log.exception("mailbox %s: unexpected error", run.mailbox.name)
        error, hint = f"{kind}s: a bug ended it: {type(bug).__name__}", "Please report it with the traceback."
    # Every look is remembered, so that the next one keeps its distance.
    tools.store.ended(run.mailbox.mailbox_id, kind, at=tools.clock.now(), error=error, hint=hint)
    if error and not run.error:
        run.error, run.hint = error, hint


def is_due(place: ItemPlace, now: datetime) -> bool:
    """Whether it is time for another look: later after one that failed."""
    if not place.at:
        return True
    return now - datetime.fromisoformat(place.at) >= (LATEST if place.error else INTERVAL)
