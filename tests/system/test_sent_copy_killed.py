"""kill -9 of a process that sends, counts and keeps copies; then copies, counts and what was postponed are compared, one by one."""

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

from reconcile.model.outgoing import OutgoingState
from reconcile.model.sent_folder import CopyState
from reconcile.model.tracking_token import TokenFormat, token
from reconcile.store.sqlite.database import Database
from reconcile.store.sqlite.outbox import SqliteOutbox
from reconcile.sync.decide.compose import Stamp, compose
from reconcile.sync.decide.draft import Draft
from reconcile.sync.decide.submission import SendingMailbox, sending_setup
from support import sending_with_care as careful
from support.smtp_fault import FaultServer

_TESTS = Path(__file__).parents[1]
_FORM = TokenFormat(message_digits=6)


def add(outbox: SqliteOutbox, port: int, number: int) -> None:
    """Two mails to be sent now and one for later, each with a token."""
    mailbox = sending_setup(careful.careful_estate(port).resources(), now="").mailboxes["box1"]
    assert isinstance(mailbox, SendingMailbox), mailbox
    now = datetime.now(UTC) - timedelta(seconds=1)
    numbers = outbox.count_tokens({"box1": 3})["box1"]
    for index in range(3):
        draft = Draft(to=("a@contoso.example",), subject="s", text="x", postponed_until=now + timedelta(hours=1) if index == 2 else None)
        stamp = Stamp(tracking_token=token(_FORM, ordinal=numbers.ordinal, count=numbers.first + index), form=_FORM)
        made = compose(draft, mailbox, key="", token=f"t{number}x{index}", now=now, stamp=stamp)
        outbox.add(made.entry, made.content)


def strike(store: Path, port: int, folder: Path, chance: random.Random) -> bool:
    """Run a process and kill it at a moment between its first mail and its last copy. False when it was too late."""
    arguments = [sys.executable, "-m", "support.sending_with_care", str(store), str(port), str(folder)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(_TESTS), *sys.path])}
    before = len(list(folder.iterdir()))
    process = subprocess.Popen(arguments, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    wanted = chance.choice((0, 1, 2))
    while process.poll() is None and len(list(folder.iterdir())) - before < wanted:
        time.sleep(0.001)
    time.sleep(chance.uniform(0.0, 0.3 if wanted == 0 else 1.2 * careful.PAUSE))
    with suppress(ProcessLookupError):
        os.kill(process.pid, signal.SIGKILL)
    _, errors = process.communicate(timeout=60)
    killed = process.returncode == -signal.SIGKILL
    assert killed or process.returncode == 0, errors.decode()
    return killed


@pytest.mark.slow
def test_each_sent_mail_has_one_copy_and_none_goes_out_early(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    chance, store, folder = random.Random(11), tmp_path / "engine.db", tmp_path / "sent"
    folder.mkdir()
    kills, number, owed = 0, 0, 0
    with FaultServer(starttls=False) as server:
        while kills < 60:
            with Database.open(store) as database:
                add(SqliteOutbox(database), server.port, number)
            kills += strike(store, server.port, folder, chance)
            number += 1
            assert number < 200
            with Database.open(store, read_only=True) as database:
                entries = list(SqliteOutbox(database).entries())
                owed += bool(SqliteOutbox(database).copies_due(at=datetime.now(UTC) + timedelta(days=1)))
                counted = database.reader().execute("SELECT count(*) FROM outbox_handed_over").fetchone()[0]
            assert counted >= len(server.taken), "a message was handed over that nobody counted"
            assert not [one for one in entries if one.postponed_until and one.state is not OutgoingState.PENDING]
        for _ in range(2):
            careful.run(store, server.port, folder)
        with Database.open(store, read_only=True) as database:
            early = list(SqliteOutbox(database).entries())
        assert all(one.state is OutgoingState.PENDING for one in early if one.postponed_until)
        for _ in range(3):
            careful.run(store, server.port, folder, ahead=timedelta(hours=2))
        with Database.open(store, read_only=True) as database:
            entries = list(SqliteOutbox(database).entries())
        taken = Counter(
            line.split()[1] for mail in server.taken for line in mail.content.decode().split("\r\n") if line.startswith("Message-ID:")
        )
    copies = Counter(path.name.split("-")[0] for path in folder.iterdir())
    assert max(taken.values()) == 1
    assert max(copies.values()) == 1
    for entry in entries:
        assert entry.state in (OutgoingState.SENT, OutgoingState.UNCERTAIN)
        assert (entry.sent_folder.copy is CopyState.KEPT) == (entry.state is OutgoingState.SENT)
        assert copies[careful.name_of(entry.message_id)] == (1 if entry.state is OutgoingState.SENT else 0)
    tokens = [entry.tracking_token for entry in entries]
    assert len(set(tokens)) == len(tokens) == 3 * number
    with capsys.disabled():
        states = Counter(str(entry.state) for entry in entries)
        print(f"\nkilled {kills} times; copies were owed after {owed} of them; {dict(states)}, {sum(copies.values())} copies")
    assert owed > 0
