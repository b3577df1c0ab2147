"""A server that `run` takes to be away is not, as soon as another process got through to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from reconcile.controller.mail import Bounds, Mail, MailTools, Opened
from reconcile.errors import Unavailable
from reconcile.mail.memory_inbox import MemoryInbox, MemoryMailbox
from reconcile.ports.mail import Inbox
from reconcile.settings import Settings
from reconcile.sync.admission import Limits
from reconcile.sync.decide.eligible import ReceivingMailbox
from reconcile.sync.look import LookTools
from reconcile.wiring.mail import mail_store, outgoing
from reconcile.wiring.permits import gives_up
from reconcile.wiring.state import writable_database
from support.applied import StillClock
from support.receiving import apply_estate


def away(mailbox: ReceivingMailbox) -> Inbox:
    raise Unavailable("connection refused", about="server")


def well(mailbox: ReceivingMailbox) -> Inbox:
    return MemoryInbox(MemoryMailbox())


@contextmanager
def process(settings: Settings, clock: StillClock, connect: Callable[[ReceivingMailbox], Inbox], *, once: bool) -> Iterator[Mail]:
    @contextmanager
    def opened(name: str) -> Iterator[Opened]:
        with writable_database(settings, name) as database, mail_store(database) as store:

            def tools() -> MailTools:
                looks = LookTools(store=store, connect=connect, clock=clock, give_up=gives_up(database))
                return MailTools(outgoing=outgoing(settings, database, clock), looks=looks, claim=lambda _: {})

            yield Opened(environment=name, tools=tools)

    bounds = Bounds(limits=Limits(parallel=1, per_server=1))
    made = Mail(environment=lambda: "test", opened=opened, longest=timedelta(seconds=15), bounds=bounds, once=once)
    try:
        yield made
    finally:
        made.close()


def test_the_loop_learns_from_another_process_that_a_server_is_back(tmp_path: Path) -> None:
    users = [f"box{number}@contoso.example" for number in range(6)]
    settings = apply_estate(tmp_path, port=9, authority=b"", passwords=dict.fromkeys(users, "x"))
    clock = StillClock(at=datetime.now(UTC).replace(microsecond=0))
    with process(settings, clock, away, once=True) as loop:
        assert [one["server"] for one in loop.run().detail["away"]] == ["localhost:9"]  # type: ignore[attr-defined, index]
        clock.pass_by(seconds=2)
        with process(settings, clock, well, once=True) as other:
            clock.pass_by(minutes=15)
            assert other.run().detail["looked"] == 6
        report = loop.run()
    # Nobody was due, so the loop itself asked nobody.
    assert (report.detail["looked"], report.detail["away"]) == (0, [])
    assert "localhost:9" in report.message
