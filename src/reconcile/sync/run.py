"""Mail in for many mailboxes at once. One bad mailbox never stops another; how each ended is a value."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial

from reconcile.errors import Locked, PermanentError, ReconcileError, Throttled, UserError
from reconcile.model.mailbox_state import Attempt, MailboxState
from reconcile.model.sync_result import SyncResult
from reconcile.ports.clock import Clock
from reconcile.ports.mail import Inbox
from reconcile.ports.mail_store import MailStore
from reconcile.sync.decide.eligible import ReceivingMailbox
from reconcile.sync.decide.header import instant_text
from reconcile.sync.deciding import DeciderFor
from reconcile.sync.incoming import Received, receive
from reconcile.sync.marking import Marker

#: Looks are recorded this many at a time: a poll without news costs no transaction of its own.
_RECORD = 200
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Mailboxes at the same time: over all, and per server. Each account's own limit comes with its mailbox."""

    parallel: int
    per_server: int


@dataclass(slots=True, kw_only=True)
class MailboxRun:
    """How the look at one mailbox ended. `skipped` says who works on it elsewhere."""

    mailbox: ReceivingMailbox
    received: Received = field(default_factory=Received)
    error: ReconcileError | None = None
    bug: BaseException | None = None
    skipped: str = ""
    marked: int = 0
    marking_error: str = ""

    def result(self) -> SyncResult:
        """The same as plain values, for reports."""
        kind, message, hint = _error_words(self)
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
            marked=self.marked,
            marking_error=self.marking_error,
        )


class _Admission:
    """Hands out mailboxes so that no account and no server has more connections than it may."""

    def __init__(self, mailboxes: Sequence[ReceivingMailbox], limits: Limits) -> None:
        self._waiting = list(reversed(mailboxes))
        self._limits = limits
        self._open: dict[tuple[str, str], int] = {}
        self._changed = threading.Condition()

    def _bounds(self, mailbox: ReceivingMailbox) -> tuple[tuple[tuple[str, str], int], ...]:
        return ((("account", mailbox.account_group), mailbox.connections), (("server", mailbox.server.lower()), self._limits.per_server))

    def next(self, stopping: Callable[[], bool]) -> ReceivingMailbox | None:
        """Waits until one may start; None when none is left."""
        with self._changed:
            while self._waiting and not stopping():
                for index in range(len(self._waiting) - 1, -1, -1):
                    mailbox = self._waiting[index]
                    bounds = self._bounds(mailbox)
                    if all(self._open.get(key, 0) < bound for key, bound in bounds):
                        del self._waiting[index]
                        for key, _ in bounds:
                            self._open[key] = self._open.get(key, 0) + 1
                        return mailbox
                self._changed.wait(1.0)
            return None

    def done(self, mailbox: ReceivingMailbox) -> None:
        with self._changed:
            for key, _ in self._bounds(mailbox):
                self._open[key] -= 1
            self._changed.notify_all()


class _Records:
    """Collects how looks ended and writes them many at a time."""

    def __init__(self, store: MailStore) -> None:
        self._store = store
        self._attempts: list[Attempt] = []
        self._guard = threading.Lock()

    def add(self, attempt: Attempt) -> None:
        with self._guard:
            self._attempts.append(attempt)
            if len(self._attempts) < _RECORD:
                return
            full, self._attempts = self._attempts, []
        self._store.record(full)

    def flush(self) -> None:
        with self._guard:
            rest, self._attempts = self._attempts, []
        self._store.record(rest)


def synchronise(
    mailboxes: Sequence[ReceivingMailbox],
    *,
    store: MailStore,
    connect: Callable[[ReceivingMailbox], Inbox],
    clock: Clock,
    limits: Limits,
    decider: DeciderFor = lambda _: None,
    marker: Marker | None = None,
    started: Callable[[MailboxRun], None] = lambda _: None,
    ended: Callable[[MailboxRun], None] = lambda _: None,
    stopping: Callable[[], bool] = lambda: False,
) -> list[MailboxRun]:
    """Look at each mailbox once; results in the order given. `started` and `ended` are called from several threads.

    Without `decider` all mail is tracked, without `marker` nothing changes at the servers. `stopping` ends the run between
    two batches; what was not reached is left out of the results.
    """
    halted = threading.Event()

    def ending() -> bool:
        return halted.is_set() or stopping()

    admission, records = _Admission(mailboxes, limits), _Records(store)
    runs: dict[str, MailboxRun] = {}

    def work() -> None:
        while (mailbox := admission.next(ending)) is not None:
            run = runs[mailbox.mailbox_id] = MailboxRun(mailbox=mailbox)
            started(run)
            try:
                _one(run, store, connect, clock, decider, marker, ending)
            finally:
                admission.done(mailbox)
            if not run.skipped:
                records.add(_attempt(run, clock))
            ended(run)

    count = max(1, min(limits.parallel, len(mailboxes)))
    try:
        with ThreadPoolExecutor(count, thread_name_prefix="mailbox") as pool:
            try:
                for future in [pool.submit(work) for _ in range(count)]:
                    future.result()
            except BaseException:
                # Interrupted, or the store failed: the others end after their batch.
                halted.set()
                raise
    finally:
        records.flush()
    return [runs[mailbox.mailbox_id] for mailbox in mailboxes if mailbox.mailbox_id in runs]


def _one(
    run: MailboxRun,
    store: MailStore,
    connect: Callable[[ReceivingMailbox], Inbox],
    clock: Clock,
    decider: DeciderFor,
    marker: Marker | None,
    stopping: Callable[[], bool],
) -> None:
    try:
        with store.receive(run.mailbox.mailbox_id) as receiving:
            inbox = connect(run.mailbox)
            try:
                receive(
                    inbox,
                    receiving,
                    floor=run.mailbox.floor,
                    clock=clock,
                    progress=run.received,
                    stopping=stopping,
                    decider=partial(decider, run.mailbox.mailbox_id),
                    marks=run.mailbox.marks,
                )
            finally:
                inbox.close()
            if marker is not None:
                _mark(run, receiving.state, marker, stopping)
    except Locked as error:
        run.skipped = error.message
    except ReconcileError as error:
        run.error = error
    except Exception as error:  # a bug of ours must end this mailbox's look only  # noqa: BLE001
        _log.exception("mailbox %s: unexpected error", run.mailbox.name)
        run.bug = error


def _mark(run: MailboxRun, state: MailboxState, marker: Marker, stopping: Callable[[], bool]) -> None:
    """What fails here keeps no mail from coming in: it is told, and done with the next look."""
    try:
        run.marked = marker(run.mailbox, state, stopping)
    except ReconcileError as error:
        run.marking_error = error.message


def _error_words(run: MailboxRun) -> tuple[str, str, str]:
    """Kind, message and next step; empty after a success."""
    if run.error is not None:
        return type(run.error).__name__, run.error.message, run.error.hint
    if run.bug is not None:
        return "Bug", f"a bug ended it: {type(run.bug).__name__}", "Please report it with the traceback."
    return "", "", ""


def _attempt(run: MailboxRun, clock: Clock) -> Attempt:
    kind, message, hint = _error_words(run)
    return Attempt(
        mailbox_id=run.mailbox.mailbox_id,
        at=instant_text(clock.now()),
        fingerprint=run.mailbox.fingerprint,
        server_messages=None if kind else run.received.server_messages,
        error_kind=kind,
        error=message,
        hint=hint,
        permanent=isinstance(run.error, (PermanentError, UserError)),
        retry_after=run.error.retry_after if isinstance(run.error, Throttled) else 0.0,
    )
