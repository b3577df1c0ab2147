"""What it costs to let mailboxes run: CPU a mailbox of one pass in which all are due, over looks that cost nothing.

    .venv/bin/python bench/scheduling.py

The floor is the look itself over the same memory inboxes, one after the other, in the same process; scheduling is what a pass takes
beside it. `decide` says from applied state who receives and sends, `due` who is due, `pass` is the whole of it: admission, circuits,
threads, looks, records.
"""

from __future__ import annotations

import statistics
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from reconcile.controller.mail import due_mailboxes
from reconcile.mail.memory_inbox import MemoryInbox, MemoryMailbox
from reconcile.ports.target import AppliedResource
from reconcile.store.memory.mail import MemoryMailStore
from reconcile.sync.admission import Limits
from reconcile.sync.claiming import admitted
from reconcile.sync.decide.eligible import ReceivingMailbox
from reconcile.sync.decide.permitted import Permits
from reconcile.sync.kept import Kept
from reconcile.sync.look import LookTools, MailboxRun, look_at
from reconcile.sync.receivers import Receivers
from reconcile.sync.servers import Servers
from reconcile.wiring.system import SystemClock
from support.mail_fleet import fleet_mailbox

SIZES = (100, 1_000, 10_000)
ROUNDS = 5


def mailbox(number: int) -> ReceivingMailbox:
    return fleet_mailbox(f"box{number}", f"imap{number % 20}.contoso.example")


def deciding(size: int) -> float:
    """Milliseconds of CPU a mailbox: which ones receive and which ones send, from applied state. Once a pass."""
    profile = {"serverType": "imap-smtp", "incoming.server": "imap.contoso.example", "outgoing.server": "smtp.contoso.example"}
    resources = [
        AppliedResource(kind="Environment", name="live", external_id="e1", spec={"target.type": "engine"}),
        AppliedResource(kind="EmailServerProfile", name="contoso", external_id="p1", spec=profile),
        *(
            AppliedResource(
                kind="Mailbox",
                name=f"box{number}",
                external_id=f"box{number}",
                spec={
                    "emailAddress": f"box{number}@contoso.example",
                    "profile": "contoso",
                    "incoming": "server-side",
                    "outgoing": "server-side",
                    "credentials.allowUse": True,
                    "credentials.username": f"box{number}@contoso.example",
                    "credentials.password.ref": "env:PASSWORD",
                    "credentials.password.generation": 1,
                },
            )
            for number in range(size)
        ),
    ]
    began = time.process_time()
    found = admitted(resources, Permits(), lambda _: {}, now="2026-03-01T08:00:00Z").found
    spent = time.process_time() - began
    assert sum(isinstance(one, ReceivingMailbox) for one in found) == size
    return spent / size * 1000


def measured(size: int) -> tuple[float, float, float]:
    """Milliseconds of CPU a mailbox: the look alone, finding out who is due, a whole pass."""
    boxes, store, clock = [mailbox(number) for number in range(size)], MemoryMailStore(), SystemClock()
    servers = {box.mailbox_id: MemoryMailbox() for box in boxes}
    tools = LookTools(store=store, connect=lambda box: MemoryInbox(servers[box.mailbox_id]), clock=clock)

    def never() -> bool:
        return False

    # The first look opens each mailbox; polls without news are what is compared.
    store.record([attempt for box in boxes if (attempt := look_at(MailboxRun(mailbox=box), tools, never)) is not None])
    began = time.process_time()
    attempts = [attempt for box in boxes if (attempt := look_at(MailboxRun(mailbox=box), tools, never)) is not None]
    store.record(attempts)
    alone = time.process_time() - began
    later = datetime.now(UTC) + timedelta(hours=1)
    began = time.process_time()
    due = due_mailboxes(boxes, store.states(), later)
    finding = time.process_time() - began
    assert len(due) == size
    receivers = Receivers(
        store=store, clock=clock, limits=Limits(parallel=16, per_server=8), servers=Servers(clock=clock, full=8), kept=Kept(most=0)
    )
    began = time.process_time()
    receivers.look(due, tools)
    ended = receivers.collect(None)
    whole = time.process_time() - began
    receivers.close()
    assert len(ended) == size
    return alone / size * 1000, finding / size * 1000, whole / size * 1000


def main() -> None:
    print(f"{'mailboxes':>10} {'decide ms':>10} {'look ms':>9} {'due ms':>9} {'pass ms':>9} {'scheduling ms':>14}")
    for size in SIZES:
        rounds = [measured(size) for _ in range(ROUNDS)]
        alone, finding, whole = (statistics.median(column) for column in zip(*rounds, strict=True))
        decide = statistics.median(deciding(size) for _ in range(ROUNDS))
        print(f"{size:>10} {decide:>10.4f} {alone:>9.4f} {finding:>9.4f} {whole:>9.4f} {finding + whole - alone:>14.4f}")


if __name__ == "__main__":
    main()
