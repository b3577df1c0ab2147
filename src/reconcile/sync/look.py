"""One look at one mailbox: how it ends is a value, and what is remembered of it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import field
from functools import partial
from typing import TYPE_CHECKING

from reconcile.errors import Locked, ReconcileError, Throttled
from reconcile.lazy_dataclass import dataclass
from reconcile.model.enablement import Direction
from reconcile.model.mailbox_state import Attempt, MailboxState
from reconcile.model.sync_result import SyncResult
from reconcile.sync.connections import Connections, account_of
from reconcile.sync.decide.eligible import ReceivingMailbox
from reconcile.sync.decide.failures import exhausted, failures_after, verdict
from reconcile.sync.decide.instant_text import instant_text
from reconcile.sync.decide.stuck import stuck_since
from reconcile.sync.due import enabled_since
from reconcile.sync.incoming import Received, receive

if TYPE_CHECKING:
    from reconcile.ports.clock import Clock
    from reconcile.ports.mail import Inbox
    from reconcile.ports.mail_store import MailStore
    from reconcile.sync.deciding import DeciderFor
    from reconcile.sync.giving_up import GiveUp
    from reconcile.sync.marking import Marker

_log = logging.getLogger(__name__)


@dataclass(slots=True, kw_only=True)
class MailboxRun:
    """How the look at one mailbox ended. `skipped` says who works on it elsewhere; `before` and `after` are what was remembered."""

    mailbox: ReceivingMailbox
    received: Received = field(default_factory=Received)
    error: ReconcileError | None = None
    bug: BaseException | None = None
    skipped: str = ""
    marked: int = 0
    marking_error: str = ""
    before: MailboxState | None = None
    after: MailboxState | None = None
    #: Whether its server was asked anything: not so where a circuit is open.
    tried: bool = True
    stopped: bool = False

    def result(self) -> SyncResult:
        """The same as plain values, for reports."""
        kind, message, hint = self.error_words()
        return SyncResult(
            mailbox=self.mailbox.name,
            address=self.mailbox.address,
            at_server=self.received.server_messages if self.received.looked else None,
            read=self.received.read,
            tracked=self.received.tracked,
            duplicates=self.received.duplicates,
            conflicting=self.received.conflicting,
            ignored=self.received.ignored,
            missing=self.received.missing,
            reindexed=self.received.reindexed,
            error_kind=kind,
            error=message,
            hint=hint,
            skipped=self.skipped,
            refused=self.received.refused,
            failed=self.received.failed,
            given_up=self.received.given_up,
            lacking=self.received.lacking,
            marked=self.marked,
            marking_error=self.marking_error,
        )

    def error_words(self) -> tuple[str, str, str]:
        """Kind, message and next step; empty after a success."""
        if self.error is not None:
            return type(self.error).__name__, self.error.message, self.error.hint
        if self.bug is not None:
            return "Bug", f"a bug ended it: {type(self.bug).__name__}", "Please report it with the traceback."
        return "", "", ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LookTools:
    """What a look works with. Without `decider` all mail is tracked, without `marker` nothing changes at the servers, without `give_up`
    nothing is ever disabled. `disconnect` gets every inbox back, and whether it may be used again. `settle` is called before each
    look and each batch."""

    store: MailStore
    connect: Callable[[ReceivingMailbox], Inbox]
    clock: Clock
    decider: DeciderFor = lambda _: None
    marker: Marker | None = None
    give_up: GiveUp | None = None
    disconnect: Callable[[ReceivingMailbox, Inbox, bool], None] = lambda _, inbox, __: inbox.close()
    connections: Connections = field(default_factory=Connections)
    settle: Callable[[], None] = lambda: None


def look_at(run: MailboxRun, tools: LookTools, stopping: Callable[[], bool]) -> Attempt | None:
    """Everything new of the mailbox; what is to be remembered of it, None where another process has it."""
    tools.settle()
    try:
        account = account_of(run.mailbox.sign_in, run.mailbox.mailbox_id)
        room = tools.connections.hold(account, run.mailbox.connections, stopping)
        with tools.store.receive(run.mailbox.mailbox_id) as receiving, room:
            run.before = receiving.state
            inbox, whole = tools.connect(run.mailbox), False
            try:
                receive(
                    inbox,
                    receiving,
                    floor=run.mailbox.floor,
                    clock=tools.clock,
                    progress=run.received,
                    stopping=stopping,
                    settle=tools.settle,
                    decider=partial(tools.decider, run.mailbox.mailbox_id),
                    marks=run.mailbox.marks,
                    advancing=run.mailbox.advancing,
                )
                whole = True
            finally:
                run.after = receiving.state
                tools.disconnect(run.mailbox, inbox, whole and not stopping())
            if tools.marker is not None:
                _mark(run, receiving.state, tools.marker, stopping)
    except Locked as error:
        run.skipped = error.message
        return None
    except ReconcileError as error:
        run.error = error
    except Exception as error:  # a bug of ours must end this mailbox's look only  # noqa: BLE001
        _log.exception("mailbox %s: unexpected error", run.mailbox.name)
        run.bug = error
    run.stopped = stopping()
    attempt = _attempt(run, tools.clock)
    if tools.give_up is not None and exhausted(attempt.failures) and attempt.error_kind:
        # At once: the record may wait for others, and is not needed for it.
        tools.give_up(run.mailbox.mailbox_id, run.mailbox.name, Direction.INCOMING, attempt.error, attempt.hint, tools.clock.now())
    return attempt


def _mark(run: MailboxRun, state: MailboxState, marker: Marker, stopping: Callable[[], bool]) -> None:
    """What fails here keeps no mail from coming in: it is told, and done with the next look."""
    try:
        run.marked = marker(run.mailbox, state, stopping)
    except ReconcileError as error:
        run.marking_error = error.message


def _attempt(run: MailboxRun, clock: Clock) -> Attempt:
    kind, message, hint = run.error_words()
    before = run.before or MailboxState(mailbox_id=run.mailbox.mailbox_id)
    now = clock.now()
    at = instant_text(now)
    if not kind:
        return Attempt(
            mailbox_id=run.mailbox.mailbox_id,
            at=at,
            fingerprint=run.mailbox.fingerprint,
            server_messages=run.received.server_messages,
            news=bool(run.received.read or run.received.refused),
            lacking=run.received.lacking,
            stuck_since=before.stuck_since
            if run.stopped
            else stuck_since(before, run.after or before, run.received.server_messages, at=at),
        )
    found = verdict(run.error)
    failures, counted_at = failures_after(
        before.failures, before.counted_at, found, anew=enabled_since(before, run.mailbox.enabled_at), now=now
    )
    return Attempt(
        mailbox_id=run.mailbox.mailbox_id,
        at=at,
        fingerprint=run.mailbox.fingerprint,
        error_kind=kind,
        error=message,
        hint=hint,
        permanent=found.permanent,
        retry_after=run.error.retry_after if isinstance(run.error, Throttled) else 0.0,
        about=found.about,
        failures=failures,
        counted_at=counted_at,
        breaks=before.breaks + 1 if run.received.looked else before.breaks,
        news=bool(run.received.read),
        stuck_since=before.stuck_since,
    )
