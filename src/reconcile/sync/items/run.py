"""Looks at the items of many mailboxes at once. One bad mailbox never stops another; how each ended is a value."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import field

from reconcile.errors import Locked, ReconcileError, Throttled
from reconcile.lazy_dataclass import dataclass
from reconcile.model import instant
from reconcile.model.item import ItemKind
from reconcile.ports.item_store import ItemLook
from reconcile.sync.admission import Admission, Limits, server_of
from reconcile.sync.decide.failures import failures_after, verdict
from reconcile.sync.due import enabled_since
from reconcile.sync.items.due import rhythm_of, state_of
from reconcile.sync.items.look import look_at_items
from reconcile.sync.items.mailbox import KINDS, ItemCounts, ItemMailbox, ItemTools
from reconcile.sync.servers import Servers

_log = logging.getLogger(__name__)


@dataclass(slots=True, kw_only=True)
class ItemRun:
    """How the looks at one mailbox ended: `error` and `failure` are of the first that failed. `skipped` says who works on it elsewhere;
    one that was not `tried` has a server that is away."""

    mailbox: ItemMailbox
    counts: ItemCounts = field(default_factory=ItemCounts)
    error: str = ""
    hint: str = ""
    failure: ReconcileError | None = None
    skipped: str = ""
    tried: bool = True


def synchronise_items(
    mailboxes: Sequence[ItemMailbox],
    tools: ItemTools,
    *,
    limits: Limits,
    servers: Servers | None = None,
    only: Callable[[ItemMailbox, ItemKind], bool] = lambda _, __: True,
) -> list[ItemRun]:
    """Look at each mailbox once, at the kinds that `only` lets through; in the order given. What a stop did not reach is left out.

    `servers` remembers from pass to pass which are away: their mailboxes are not tried, but for one now and then.
    """
    known = servers or Servers(clock=tools.clock, full=limits.per_server)
    by_id = {mailbox.mailbox_id: mailbox for mailbox in mailboxes}
    admission = Admission(limits, known, closed=True)
    admission.renew(mailbox.reach for mailbox in mailboxes if mailbox.reach is not None)
    runs: dict[str, ItemRun] = {}

    def work() -> None:
        while (reach := admission.next(tools.stopping)) is not None:
            run = runs[reach.mailbox_id] = ItemRun(mailbox=by_id[reach.mailbox_id])
            try:
                _one(run, tools, [kind for kind in KINDS if only(run.mailbox, kind)])
            finally:
                admission.done(reach, run.failure, asked=not run.skipped and (run.failure is not None or not run.error))

    if mailboxes:
        with ThreadPoolExecutor(max(1, min(limits.parallel, len(mailboxes))), thread_name_prefix="items") as pool:
            for future in [pool.submit(work) for _ in range(max(1, min(limits.parallel, len(mailboxes))))]:
                future.result()
    if not tools.stopping():
        why = known.not_tried()
        for reach in admission.left():
            failure = why(server_of(reach), reach.account_group)
            mailbox = by_id[reach.mailbox_id]
            runs[reach.mailbox_id] = ItemRun(mailbox=mailbox, error=failure.message, hint=failure.hint, failure=failure, tried=False)
    return [runs[one] for one in by_id if one in runs]


def _one(run: ItemRun, tools: ItemTools, kinds: Sequence[ItemKind]) -> None:
    try:
        with tools.store.hold(run.mailbox.mailbox_id):
            for place, kind in enumerate(kinds):
                if tools.stopping():
                    return
                failure = _kind(run, kind, tools)
                if failure is not None and _is_about_more(failure):
                    # The other folders would hear the same; asking again may lock an account.
                    for other in kinds[place + 1 :]:
                        _remember(run.mailbox, other, failure, f"{other}s: {failure.message}", tools, counted=False)
                    return
    except Locked as error:
        run.skipped = error.message


def _is_about_more(failure: ReconcileError) -> bool:
    return failure.about != "mailbox" or isinstance(failure, Throttled)


def _kind(run: ItemRun, kind: ItemKind, tools: ItemTools) -> ReconcileError | None:
    failure: ReconcileError | None = None
    words, hint = "", ""
    try:
        look_at_items(run.mailbox, kind, tools, run.counts)
    except ReconcileError as found:
        failure, words, hint = found, f"{kind}s: {found.message}", found.hint
    except Exception as bug:  # a bug of ours must end this look only  # noqa: BLE001
        _log.exception("mailbox %s: unexpected error", run.mailbox.name)
        words, hint = f"{kind}s: a bug ended it: {type(bug).__name__}", "Please report it with the traceback."
    # Every look is remembered, so that the next one keeps its distance.
    _remember(run.mailbox, kind, failure, words, tools, hint=hint)
    if words and not run.error:
        run.error, run.hint, run.failure = words, hint, failure
    return failure


def _remember(
    mailbox: ItemMailbox,
    kind: ItemKind,
    failure: ReconcileError | None,
    words: str,
    tools: ItemTools,
    *,
    hint: str = "",
    counted: bool = True,
) -> None:
    now = tools.clock.now()
    at, fingerprint = instant.text(now.replace(microsecond=0)), rhythm_of(mailbox).fingerprint
    if not words:
        tools.store.ended(mailbox.mailbox_id, kind, ItemLook(at=at, fingerprint=fingerprint))
        return
    before = tools.store.place(mailbox.mailbox_id, kind).look
    found = verdict(failure)
    failures, counted_at = before.failures, before.counted_at
    if counted:
        anew = enabled_since(state_of(before, mailbox.mailbox_id), rhythm_of(mailbox).enabled_at)
        failures, counted_at = failures_after(failures, counted_at, found, anew=anew, now=now)
    look = ItemLook(
        at=at,
        error=words,
        hint=hint or (failure.hint if failure is not None else ""),
        kind=type(failure).__name__ if failure is not None else "Bug",
        permanent=found.permanent,
        about=found.about,
        failures=failures,
        counted_at=counted_at,
        retry_after=failure.retry_after if isinstance(failure, Throttled) else 0.0,
        fingerprint=fingerprint,
    )
    tools.store.ended(mailbox.mailbox_id, kind, look)
