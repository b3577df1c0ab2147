"""A process that sends is stopped (SIGSTOP) for longer than its lease, overtaken, and woken again (SIGCONT): no mail goes out twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from reconcile.model.outbox_step import Retry
from reconcile.model.outgoing import OutgoingState
from reconcile.store.sqlite.database import Database
from reconcile.store.sqlite.outbox import SqliteOutbox
from reconcile.sync.decide.compose import compose
from reconcile.sync.decide.draft import Draft
from reconcile.sync.decide.submission import SendingMailbox, sending_setup
from reconcile.sync.settling import recover
from support import sending
from support.smtp_fault import FaultServer
from support.stopped import stop

_TESTS = Path(__file__).parents[1]


class Sleeper:
    """A process with three mails that stands still when the server has its first DATA. `meanwhile` is done before it is woken."""

    def __init__(self, folder: Path, server: FaultServer) -> None:
        self.server, self.store = server, folder / "engine.db"
        with Database.open(self.store) as database:
            mailbox = sending_setup(sending.estate(server.port).resources(), now="").mailboxes["box1"]
            assert isinstance(mailbox, SendingMailbox)
            for number in range(3):
                draft = Draft(to=("a@contoso.example",), subject=f"mail {number}", text="x" * 3000)
                composed = compose(draft, mailbox, key="", token=f"t{number}", now=datetime.now(UTC) - timedelta(seconds=1))
                SqliteOutbox(database).add(composed.entry, composed.content)
        self.slept: list[str] = []
        server.on_step = self._on_step

    def meanwhile(self) -> None:
        raise NotImplementedError

    def _on_step(self, step: str) -> None:
        if step == "data" and not self.slept:
            self.slept.append(step)
            stop(self.process.pid)
            time.sleep(2 * sending.LEASE.total_seconds())
            try:
                self.meanwhile()
            finally:
                os.kill(self.process.pid, signal.SIGCONT)

    def run(self) -> None:
        arguments = [sys.executable, "-m", "support.sending", str(self.store), str(self.server.port)]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(_TESTS), *sys.path])}
        self.process = subprocess.Popen(arguments, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        _, errors = self.process.communicate(timeout=60)
        assert self.process.returncode == 0, errors.decode()

    def copies(self) -> Counter[bytes]:
        return Counter(next(line for line in mail.content.split(b"\r\n") if line.startswith(b"Subject:")) for mail in self.server.taken)

    def states(self) -> list[OutgoingState]:
        with Database.open(self.store) as database:
            return [entry.state for entry in SqliteOutbox(database).entries()]


@pytest.fixture
def server() -> Iterator[FaultServer]:
    with FaultServer(starttls=False) as running:
        yield running


ONCE = Counter({b"Subject: mail 0": 1, b"Subject: mail 1": 1, b"Subject: mail 2": 1})


def test_a_mail_that_a_person_let_go_out_meanwhile_is_not_handed_over_by_the_process_that_wakes(
    tmp_path: Path, server: FaultServer
) -> None:
    class Overtaken(Sleeper):
        def meanwhile(self) -> None:
            with Database.open(self.store) as database:
                outbox = SqliteOutbox(database)
                (lost,) = recover(outbox, now=datetime.now(UTC))
                assert lost.state is OutgoingState.UNCERTAIN
                outbox.advance(lost.id, Retry(by="ops", checked_not_sent=True), at=datetime.now(UTC))
            sending.run(self.store, self.server.port)
            assert self.states() == [OutgoingState.SENT] * 3

    sleeper = Overtaken(tmp_path, server)
    sleeper.run()
    assert sleeper.copies() == ONCE
    assert sleeper.states() == [OutgoingState.SENT] * 3


def test_a_mail_that_others_hold_for_uncertain_is_taken_back_by_who_knows_that_it_was_not_handed_over(
    tmp_path: Path, server: FaultServer
) -> None:
    class Doubted(Sleeper):
        def meanwhile(self) -> None:
            with Database.open(self.store) as database:
                found = recover(SqliteOutbox(database), now=datetime.now(UTC))
                assert [one.state for one in found] == [OutgoingState.UNCERTAIN]

    sleeper = Doubted(tmp_path, server)
    sleeper.run()
    sending.run(sleeper.store, server.port, timedelta(hours=1))
    assert sleeper.copies() == ONCE
    assert sleeper.states() == [OutgoingState.SENT] * 3
    with Database.open(sleeper.store) as database:
        assert any("stood still" in event.why for event in SqliteOutbox(database).events(1))


def test_a_process_that_nobody_overtook_goes_on_where_it_stood(tmp_path: Path, server: FaultServer) -> None:
    class Alone(Sleeper):
        def meanwhile(self) -> None:
            pass

    sleeper = Alone(tmp_path, server)
    sleeper.run()
    assert sleeper.copies() == ONCE
    assert server.connections == 1
