"""kill -9 of a sending process at chosen and at random moments; then the server's mails are compared with the store's, one by one."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from reconcile.model.outbox_step import is_reserved
from reconcile.model.outgoing import OutboxEntry, OutgoingState, RecipientState
from reconcile.store.settled_notes import SettledNoteFiles
from reconcile.store.sqlite.database import Database
from reconcile.store.sqlite.outbox import SqliteOutbox
from reconcile.sync.decide.compose import compose
from reconcile.sync.decide.draft import Draft
from reconcile.sync.decide.submission import SendingMailbox, sending_setup
from support import sending
from support.smtp_fault import Delay, Drop, FaultServer

#: Where the process dies, seen from the server: it has just received this. Half of them lie between the end of DATA and its reply.
#: "next" is after the answer to a mail, before the begin of the next.
MOMENTS = (
    "connect",
    "mail, next",
    "rcpt",
    "data",
    "body",
    "end, kept",
    "end, lost",
    "end, kept",
    "end, lost",
    "after end, at random",
    "mail",
)
_TESTS = Path(__file__).parents[1]


class Killer:
    """Kills the process when the server reaches a step, before it answers."""

    def __init__(self, server: FaultServer) -> None:
        self._server = server
        self._target: tuple[str, int] | None = None
        self._process: subprocess.Popen[bytes] | None = None
        server.on_step = self._on_step

    def _on_step(self, step: str) -> None:
        if self._target is None or self._process is None or self._target[0] != step:
            return
        self._target = (step, self._target[1] - 1)
        if self._target[1] <= 0:
            self._target = None
            os.kill(self._process.pid, signal.SIGKILL)

    def strike(self, moment: str, store: Path, chance: random.Random) -> bool:
        """Run a sending process and kill it. False when it ended before its moment came."""
        step, _, how = moment.partition(", ")
        match moment:
            case "end, lost":
                self._server.plan("end", Drop(kept=False))
                visit = 1
            case "after end, at random":
                self._server.plan("end", Delay(0.05), Delay(0.05), Delay(0.05))
                visit = 1
            case "mail, next":
                # The first goes by itself, and its answer is in the outbox when the second is announced.
                visit = 3
            case _:
                visit = chance.choice((1, 1, 2)) if step not in ("connect", "end") else 1
        arguments = [sys.executable, "-m", "support.sending", str(store), str(self._server.port)]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(_TESTS), *sys.path])}
        ended = False
        before = len(self._server.steps)
        self._process = subprocess.Popen(arguments, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        if how == "at random":
            while "end" not in self._server.steps[before:] and self._process.poll() is None:
                time.sleep(0.001)
            # Up to beyond the reply and the transaction that writes it down.
            time.sleep(chance.uniform(0.0, 0.09))
            with suppress(ProcessLookupError):
                os.kill(self._process.pid, signal.SIGKILL)
        else:
            self._target = (step, visit)
        _, errors = self._process.communicate(timeout=60)
        ended = self._process.returncode != -signal.SIGKILL
        assert not ended or self._process.returncode == 0, errors.decode()
        self._target = None
        self._server.clear()
        return not ended


def add(outbox: SqliteOutbox, server: FaultServer, count: int, number: int) -> None:
    mailbox = sending_setup(sending.estate(server.port).resources(), now="").mailboxes["box1"]
    assert isinstance(mailbox, SendingMailbox), mailbox
    for index in range(count):
        draft = Draft(to=("a@contoso.example", "b@contoso.example"), subject=f"{number}.{index}", text="x" * 3000)
        composed = compose(draft, mailbox, key="", token=f"t{number}x{index}", now=datetime.now(UTC) - timedelta(seconds=1))
        outbox.add(composed.entry, composed.content)


def copies(server: FaultServer) -> Counter[tuple[str, str]]:
    found: Counter[tuple[str, str]] = Counter()
    for mail in server.taken:
        line = next(line for line in mail.content.split(b"\r\n") if line.startswith(b"Message-ID:"))
        found.update((line.decode().split()[1], recipient) for recipient in mail.recipients)
    return found


def compare(entries: list[OutboxEntry], found: Counter[tuple[str, str]]) -> None:
    """Recipient by recipient: sent is once, waiting is never, uncertain (or being sent) is at most once."""
    for entry in entries:
        for one in entry.recipients:
            number = found[entry.message_id, one.address]
            if is_reserved(entry):
                assert number in (0, 1), (entry.id, one, number)
                continue
            allowed = {RecipientState.SENT: (1,), RecipientState.PENDING: (0,), RecipientState.FAILED: (0,)}.get(one.state, (0, 1))
            assert number in allowed, (entry.id, one, number)
    known = {entry.message_id for entry in entries}
    assert all(message_id in known for message_id, _ in found)


@pytest.mark.parametrize("kills", [20, pytest.param(200, marks=pytest.mark.slow)])
def test_nothing_is_lost_and_nothing_is_sent_twice(kills: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    chance, store = random.Random(7), tmp_path / "engine.db"
    killed: Counter[str] = Counter()
    left: Counter[str] = Counter()
    with FaultServer(starttls=False) as server:
        killer = Killer(server)
        number = 0
        while sum(killed.values()) < kills:
            moment = MOMENTS[number % len(MOMENTS)]
            with Database.open(store) as database:
                add(SqliteOutbox(database), server, 3, number)
            if killer.strike(moment, store, chance):
                killed[moment] += 1
            with Database.open(store, read_only=True) as database:
                entries = list(SqliteOutbox(database).entries())
            compare(entries, copies(server))
            hanging = [entry for entry in entries if entry.state is OutgoingState.SENDING]
            left["in sending" if hanging else "nothing in sending"] += 1
            # Two runs that died within one lease leave two.
            for owner in {entry.owner for entry in hanging}:
                noted = SettledNoteFiles(store.parent / "settled").of(owner)
                mine = [entry for entry in hanging if entry.owner == owner]
                doubtful = [
                    one for one in mine if one.id not in noted.answers and (not is_reserved(one) or (one.id, one.attempts) in noted.begun)
                ]
                assert len(doubtful) <= 1, "a run hands over one mail at a time"
                assert noted.whole or not any(map(is_reserved, mine))
            number += 1
            assert number < 3 * kills, killed
        # Two quiet passes, late enough for every lease and every back-off.
        for _ in range(2):
            sending.run(store, server.port, ahead=timedelta(hours=2))
        with Database.open(store, read_only=True) as database:
            entries = list(SqliteOutbox(database).entries())
        found = copies(server)
        compare(entries, found)
    assert len(entries) == 3 * number
    assert {entry.state for entry in entries} <= {OutgoingState.SENT, OutgoingState.UNCERTAIN}
    uncertain = [entry for entry in entries if entry.state is OutgoingState.UNCERTAIN]
    between = sum(count for moment, count in killed.items() if "end" in moment)
    arrived = sum(found[entry.message_id, "a@contoso.example"] for entry in uncertain)
    with capsys.disabled():
        print(f"\nkilled {sum(killed.values())} times, {between} of them at or after the end of DATA; {len(entries)} mails")
        for moment in dict.fromkeys(MOMENTS):
            print(f"  {moment:<22} {killed[moment]:>3} {'#' * killed[moment]}")
        print(f"  store after the kill: {dict(left)}")
        print(
            f"  {len(entries) - len(uncertain)} sent once; {len(uncertain)} uncertain ({arrived} of them had arrived): {[entry.id for entry in uncertain]}"
        )
    assert between >= kills * 0.4
    # Each of these was shown, and each of them comes from a death at or after `begin`.
    assert 0 < len(uncertain) <= sum(count for moment, count in killed.items() if moment not in ("connect", "mail", "mail, next", "rcpt"))
    assert 0 < arrived < len(uncertain)
    assert all("may or may not" in entry.reason for entry in uncertain)


_FIRST, _MORE = (), (pytest.mark.slow,)
#: Each line of the journal, each time it is written while five mails are sent: one by itself, four together.
LINES = [
    *(pytest.param("follow", after, visit, marks=_FIRST if visit == 2 else _MORE) for after in (False, True) for visit in (1, 2, 3)),
    *(
        pytest.param(line, after, visit, marks=_FIRST if visit == 2 else _MORE)
        for line in ("begin", "keep")
        for after in (False, True)
        for visit in (1, 2, 4)
    ),
    *(pytest.param("written", after, visit, marks=_MORE) for after in (False, True) for visit in (1, 2)),
]


@pytest.mark.parametrize(("line", "after", "visit"), LINES)
def test_a_death_between_any_two_lines_of_the_journal(line: str, after: bool, visit: int, tmp_path: Path) -> None:
    store = tmp_path / "engine.db"
    with FaultServer(starttls=False) as server:
        with Database.open(store) as database:
            add(SqliteOutbox(database), server, 5, 0)
        dying = [sys.executable, "-m", "support.sending", str(store), str(server.port), f"{line}:{'after' if after else 'before'}:{visit}"]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(_TESTS), *sys.path])}
        assert subprocess.run(dying, env=environment, check=False, timeout=60).returncode == -signal.SIGKILL
        for _ in range(2):
            sending.run(store, server.port, ahead=timedelta(hours=2))
        with Database.open(store, read_only=True) as database:
            entries = list(SqliteOutbox(database).entries())
        compare(entries, copies(server))
    uncertain = [entry for entry in entries if entry.state is OutgoingState.UNCERTAIN]
    assert {entry.state for entry in entries} <= {OutgoingState.SENT, OutgoingState.UNCERTAIN}
    # In doubt is the one that was begun and whose answer was not noted; where the answer had come, too.
    in_doubt = (
        (line, after) in {("begin", True), ("keep", False)}
        or (line, after, visit) == ("follow", True, 1)
        or (line, visit) == ("written", 1)
    )
    assert len(uncertain) == in_doubt, [(one.id, one.state, one.reason) for one in entries]
    assert not list((tmp_path / "settled").iterdir())


@pytest.mark.parametrize("noting", [True, False])
def test_what_the_server_answered_is_known_to_the_next_run(noting: bool, tmp_path: Path) -> None:
    """Killed when the server has answered one mail and is told of the next, before the outbox holds the answer."""
    store = tmp_path / "engine.db"
    with FaultServer(starttls=False) as server:
        killer = Killer(server)
        with Database.open(store) as database:
            add(SqliteOutbox(database), server, 3, 0)
        assert killer.strike("mail, next", store, random.Random(1))
        with Database.open(store, read_only=True) as database:
            entries = list(SqliteOutbox(database).entries())
        compare(entries, copies(server))
        # The others were taken together, in the commit of the first one's answer.
        assert [entry.state for entry in entries] == ([OutgoingState.SENT, OutgoingState.SENDING, OutgoingState.SENDING])
        (note,) = (tmp_path / "settled").iterdir()
        assert note.stat().st_mode & 0o777 == 0o600
        sending.run(store, server.port, ahead=timedelta(hours=2), noting=noting)
        with Database.open(store, read_only=True) as database:
            entries = list(SqliteOutbox(database).entries())
        compare(entries, copies(server))
    others = OutgoingState.SENT if noting else OutgoingState.UNCERTAIN
    assert [entry.state for entry in entries] == [OutgoingState.SENT, others, others]
    assert not noting or not list((tmp_path / "settled").iterdir())
