"""Threads that look at mailboxes for as long as the process runs: a slow one delays nobody, and none runs twice."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace

from reconcile.model.mailbox_state import MailboxState
from reconcile.ports.clock import Clock
from reconcile.ports.mail_store import MailStore
from reconcile.sync.admission import Admission, Limits
from reconcile.sync.decide.eligible import ReceivingMailbox
from reconcile.sync.kept import Kept
from reconcile.sync.look import LookTools, MailboxRun, look_at
from reconcile.sync.one_cpu import OneCpu
from reconcile.sync.run import Records
from reconcile.sync.servers import Servers


class Receivers:
    """`stopping` ends each look after its batch. To be closed before `store` is."""

    def __init__(
        self, *, store: MailStore, clock: Clock, limits: Limits, servers: Servers, kept: Kept, stopping: Callable[[], bool] = lambda: False
    ) -> None:
        self.servers = servers
        self.kept = kept
        self._limits = limits
        self._stopping_outside = stopping
        self._admission = Admission(limits, servers)
        self._records = Records(store)
        self._one_cpu = OneCpu()
        self._threads: list[threading.Thread] = []
        self._tools: LookTools | None = None
        self._closing = threading.Event()
        self._guard = threading.Lock()
        self._ended: list[MailboxRun] = []
        #: Of mailboxes whose look ended, what will be remembered as its time: the store may not know it yet.
        self._ended_at: dict[str, str] = {}
        self._broken: BaseException | None = None

    def look(self, due: Sequence[ReceivingMailbox], tools: LookTools) -> None:
        """These are due now, and nobody else; those that run go on."""
        self._tools = replace(tools, connect=self.kept.connecting(tools.connect), disconnect=self.kept.give, settle=self._one_cpu.settle)
        self._admission.renew(due)
        wanted = min(self._limits.parallel, len(due) + sum(thread.is_alive() for thread in self._threads))
        self._threads = [thread for thread in self._threads if thread.is_alive()]
        while len(self._threads) < wanted:
            thread = threading.Thread(target=self._work, name=f"mailbox-{len(self._threads)}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def offer(self, mailbox: ReceivingMailbox) -> None:
        """Somebody heard that there is news."""
        if self._tools is not None and not self._closing.is_set():
            self._admission.offer(mailbox)

    def is_recorded(self, mailbox_id: str, state: MailboxState | None) -> bool:
        """Whether `state` is of after the last look that this process made."""
        ended = self._ended_at.get(mailbox_id)
        return ended is None or (state is not None and state.last_attempt >= ended)

    def collect(self, seconds: float | None) -> list[MailboxRun]:
        """How looks ended since the last call, recorded, after waiting for all that run, `seconds` at most (None: as long as it takes).

        Raises what the store raised to a thread.
        """
        while not self._admission.wait_idle(60.0 if seconds is None else seconds, self._ending):
            if seconds is not None or self._ending():
                break
        with self._guard:
            ended, self._ended = self._ended, []
            broken, self._broken = self._broken, None
        self._records.flush()
        if broken is not None:
            raise broken
        return ended

    def waiting(self) -> dict[str, int]:
        """How many wait, by server."""
        return self._admission.waiting()

    def _ending(self) -> bool:
        return self._closing.is_set() or self._stopping_outside()

    def _work(self) -> None:
        while (mailbox := self._admission.next(self._ending)) is not None:
            run, error = MailboxRun(mailbox=mailbox), None
            try:
                assert self._tools is not None
                attempt = look_at(run, self._tools, self._ending)
                error = run.error
                if attempt is not None:
                    self._ended_at[mailbox.mailbox_id] = attempt.at
                    self._records.add(attempt)
            except BaseException as broken:  # noqa: BLE001  told to whoever collects
                self._broken = broken
            finally:
                with self._guard:
                    self._ended.append(run)
                self._admission.done(mailbox, error, asked=not run.skipped and run.bug is None)

    def close(self) -> None:
        """Every look ends after its batch; what they came to is recorded, kept connections are closed."""
        self._closing.set()
        self._admission.close()
        for thread in self._threads:
            thread.join()
        self._one_cpu.close()
        try:
            self._records.flush()
        finally:
            self.kept.close()
