"""Mail in for many mailboxes at once. One bad mailbox never stops another; how each ended is a value."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from reconcile.model.mailbox_state import Attempt
from reconcile.sync.admission import Admission, server_of
from reconcile.sync.admission import Limits as Limits
from reconcile.sync.decide.eligible import ReceivingMailbox
from reconcile.sync.look import LookTools, look_at
from reconcile.sync.look import MailboxRun as MailboxRun
from reconcile.sync.one_cpu import OneCpu
from reconcile.sync.servers import Servers

if TYPE_CHECKING:
    from reconcile.ports.clock import Clock
    from reconcile.ports.mail import Inbox
    from reconcile.ports.mail_store import MailStore
    from reconcile.sync.deciding import DeciderFor
    from reconcile.sync.giving_up import GiveUp
    from reconcile.sync.marking import Marker

#: Looks are recorded this many at a time: a poll without news costs no transaction of its own.
_RECORD = 200


class Records:
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
        self.flush()

    def flush(self) -> None:
        """What cannot be written stays for the next time."""
        with self._guard:
            rest, self._attempts = self._attempts, []
        try:
            self._store.record(rest)
        except BaseException:
            with self._guard:
                self._attempts = [*rest, *self._attempts]
            raise


def synchronise(
    mailboxes: Sequence[ReceivingMailbox],
    *,
    store: MailStore,
    connect: Callable[[ReceivingMailbox], Inbox],
    clock: Clock,
    limits: Limits,
    decider: DeciderFor = lambda _: None,
    marker: Marker | None = None,
    give_up: GiveUp | None = None,
    started: Callable[[MailboxRun], None] = lambda _: None,
    ended: Callable[[MailboxRun], None] = lambda _: None,
    stopping: Callable[[], bool] = lambda: False,
) -> list[MailboxRun]:
    """Look at each mailbox once; results in the order given. `started` and `ended` are called from several threads.

    Without `decider` all mail is tracked, without `marker` nothing changes at the servers, without `give_up` nothing is disabled.
    `stopping` ends the run between two batches; what was not reached is left out of the results. Where a server is found to be away,
    the rest of its mailboxes is not tried: they end with its error.
    """
    halted = threading.Event()

    def ending() -> bool:
        return halted.is_set() or stopping()

    servers = Servers(clock=clock, full=limits.per_server)
    admission, records = Admission(limits, servers, closed=True), Records(store)
    admission.renew(mailboxes)
    one_cpu = OneCpu()
    tools = LookTools(store=store, connect=connect, clock=clock, decider=decider, marker=marker, give_up=give_up, settle=one_cpu.settle)
    runs: dict[str, MailboxRun] = {}

    def work() -> None:
        while (mailbox := admission.next(ending)) is not None:
            run = runs[mailbox.mailbox_id] = MailboxRun(mailbox=mailbox)
            started(run)
            try:
                attempt = look_at(run, tools, ending)
            finally:
                admission.done(mailbox, run.error, asked=not run.skipped and run.bug is None)
            if attempt is not None:
                records.add(attempt)
            ended(run)

    # A thread that no server has room for would only wake up in vain each time a mailbox ends.
    waiting = Counter(server_of(mailbox) for mailbox in mailboxes)
    count = max(1, min(limits.parallel, sum(min(limits.per_server, number) for number in waiting.values())))
    try:
        with one_cpu, ThreadPoolExecutor(count, thread_name_prefix="mailbox") as pool:
            try:
                for future in [pool.submit(work) for _ in range(count)]:
                    future.result()
            except BaseException:
                # Interrupted, or the store failed: the others end after their batch.
                halted.set()
                raise
    finally:
        records.flush()
    if not ending():
        _untried(admission, servers, runs, ended)
    return [runs[mailbox.mailbox_id] for mailbox in mailboxes if mailbox.mailbox_id in runs]


def _untried(admission: Admission, servers: Servers, runs: dict[str, MailboxRun], ended: Callable[[MailboxRun], None]) -> None:
    why = servers.not_tried()
    for mailbox in admission.left():
        error = why(server_of(mailbox), mailbox.account_group)
        run = runs[mailbox.mailbox_id] = MailboxRun(mailbox=mailbox, error=error, tried=False)
        ended(run)
