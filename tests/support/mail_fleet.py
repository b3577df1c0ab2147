"""Many mailboxes at servers that fail as told, on a clock that stands still."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

from reconcile.mail.memory_inbox import MemoryInbox, MemoryMailbox
from reconcile.model.enablement import Enablement
from reconcile.model.mailbox_state import MailboxState
from reconcile.model.sign_in import SignInKind, SignInPlan
from reconcile.ports.mail import Inbox
from reconcile.store.memory.enablement import MemoryEnablements
from reconcile.store.memory.mail import MemoryMailStore
from reconcile.sync.decide.eligible import ReceivingMailbox
from reconcile.sync.decide.permitted import enabled_at
from reconcile.sync.due import next_look
from reconcile.sync.giving_up import giving_up
from reconcile.sync.run import Limits, MailboxRun, synchronise
from reconcile.sync.status import rhythm_of
from support.applied import StillClock


def fleet_mailbox(name: str, server: str = "imap.contoso.example", **fields: object) -> ReceivingMailbox:
    mailbox = ReceivingMailbox(
        mailbox_id=name,
        name=name,
        address=f"{name}@contoso.example",
        protocol="imap",
        server=server,
        port=993,
        tls="implicit",
        authority="",
        sign_in=SignInPlan(kind=SignInKind.PASSWORD, username=name, password=(name, "credentials.password")),
        account_group=name,
        connections=10,
        floor=None,
        polling_interval=timedelta(minutes=5),
        silence=None,
        fingerprint="f",
        conditions=(),
        profile="contoso",
        profile_id="p1",
    )
    return replace(mailbox, **fields)  # type: ignore[arg-type]


@dataclass
class Fleet:
    """`failing` is asked for each connection and raises what is wrong with it, or returns."""

    failing: Callable[[ReceivingMailbox], None] = lambda _: None
    clock: StillClock = field(default_factory=StillClock)
    store: MemoryMailStore = field(default_factory=MemoryMailStore)
    enablements: MemoryEnablements = field(default_factory=MemoryEnablements)
    limits: Limits = field(default_factory=lambda: Limits(parallel=4, per_server=4))
    servers: dict[str, MemoryMailbox] = field(default_factory=dict)
    connected: list[str] = field(default_factory=list)
    _guard: threading.Lock = field(default_factory=threading.Lock)

    def connect(self, mailbox: ReceivingMailbox) -> Inbox:
        with self._guard:
            self.connected.append(mailbox.name)
            server = self.servers.setdefault(mailbox.mailbox_id, MemoryMailbox())
        self.failing(mailbox)
        return MemoryInbox(server)

    def look(self, mailboxes: Sequence[ReceivingMailbox]) -> dict[str, MailboxRun]:
        """At all of them, once."""
        current = [self.current(mailbox) for mailbox in mailboxes]
        runs = synchronise(
            current, store=self.store, connect=self.connect, clock=self.clock, limits=self.limits, give_up=giving_up(self.enablements)
        )
        return {run.mailbox.name: run for run in runs}

    def current(self, mailbox: ReceivingMailbox) -> ReceivingMailbox:
        return replace(mailbox, enabled_at=enabled_at(self.said(mailbox).incoming))

    def is_due(self, mailbox: ReceivingMailbox) -> bool:
        due = next_look(self.store.states().get(mailbox.mailbox_id), rhythm_of(self.current(mailbox)), now=self.clock.now())
        return due.at <= self.clock.now()

    def state(self, mailbox: ReceivingMailbox) -> MailboxState:
        return self.store.states()[mailbox.mailbox_id]

    def said(self, mailbox: ReceivingMailbox) -> Enablement:
        return self.enablements.enablements().get(mailbox.mailbox_id) or Enablement(mailbox_id=mailbox.mailbox_id)
