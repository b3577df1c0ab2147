"""`reconcile sync` killed (-9) at random moments: nothing is lost, nothing is there twice, message by message."""

from __future__ import annotations

import hashlib
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from reconcile.store.sqlite.database import Database
from reconcile.store.sqlite.mail import SqliteMailStore
from support.dovecot import PASSWORD, Dovecot, running
from support.receiving import apply_estate

pytestmark = pytest.mark.servers
USERS = [f"box{number}@contoso.example" for number in range(4)]


#: What a message adds to the packs, on average, a little less.
BYTES_EACH = 9_000


def mail(user: str, number: int) -> bytes:
    name = b"" if number % 7 == 0 else b"Message-ID: <%d.%s>\r\n" % (number, user.encode())
    # A few are the same in all mailboxes, a few reuse an id with other content, some are large.
    if number % 11 == 0:
        return b"Received: for %s\r\nMessage-ID: <all-%d@contoso.example>\r\n\r\nto everybody %d" % (user.encode(), number, number)
    if number % 13 == 0:
        name = b"Message-ID: <reused@contoso.example>\r\n"
    size = 600_000 if number % 50 == 0 else 300 + (number * 7919) % 20_000
    return name + b"Subject: %d\r\n\r\n" % number + random.Random(number).randbytes(size // 2).hex().encode() + user.encode()


def progress(state: Path) -> tuple[int, int]:
    """(bytes in packs and log, rows committed): where a run stands."""
    size = sum(path.stat().st_size for path in (state / "test" / "packs").glob("*.pack")) if state.exists() else 0
    with Database.open(state / "test" / "engine.db", read_only=True) as database:
        rows = database.reader().execute("SELECT count(*) FROM mail_locations").fetchone()[0]
    return size, rows


def kill_often(dovecot: Dovecot, folder: Path, *, kills: int, each: int, pop3: bool = False) -> None:
    settings = apply_estate(
        folder,
        port=dovecot.pop3s if pop3 else dovecot.imaps,
        authority=dovecot.authority,
        passwords=dict.fromkeys(USERS, PASSWORD),
        profile={"incoming.protocol": "pop3"} if pop3 else {},
    )
    command = [sys.executable, "-m", "reconcile.cli.main", "sync", "--output", "json"]
    command += ["--state-dir", str(settings.state_directory), "--secrets-dir", str(settings.secrets_directory)]
    environment = {**os.environ, "RECONCILE_PARALLEL": "4"}
    delivered = 0

    def deliver() -> None:
        nonlocal delivered
        for user in USERS:
            dovecot.deliver_all(user, [(mail(user, number), 1_700_000_000 + number) for number in range(delivered, delivered + each)])
        delivered += each

    dice = random.Random(20260301)
    moments: Counter[str] = Counter()
    for number in range(kills):
        deliver()
        before, rows_before = progress(settings.state_directory)
        total = delivered * len(USERS)
        # A random share of what is left to be written, so that kills spread from the first write to the last: of the bytes, which
        # run ahead of the rows, and in turn of the rows.
        share = dice.random()
        aim = _bytes_beyond(settings.state_directory, before + max(1, int((total - rows_before) * BYTES_EACH * share)))
        if number % 2:
            aim = _rows_beyond(settings.state_directory, rows_before + int((total - rows_before) * share))
        process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 30
        with aim as reached:
            while process.poll() is None and time.monotonic() < deadline and not reached():
                time.sleep(0.0005)
        time.sleep(dice.random() * 0.01)
        process.send_signal(signal.SIGKILL)
        code = process.wait()
        size, rows = progress(settings.state_directory)
        if code == 0:
            moments["after the end"] += 1
        elif (size, rows) == (before, rows_before):
            moments["before the first write"] += 1
        elif rows < total:
            part = (rows - rows_before) / (total - rows_before)
            moments[f"between first and last write, {int(part * 4) * 25:3d} % and more of the new rows committed"] += 1
        else:
            moments["after the last commit"] += 1
    for _ in range(2):
        subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL)
    compare(dovecot, settings.state_directory, pop3=pop3)
    print(*(f"{count:4d}  {moment}" for moment, count in sorted(moments.items())), sep="\n")
    assert sum(moments.values()) == kills
    within = sum(count for moment, count in moments.items() if moment.startswith("between"))
    assert within >= 0.8 * kills, moments


@contextmanager
def _bytes_beyond(state: Path, size: int) -> Iterator[Callable[[], bool]]:
    yield lambda: sum(path.stat().st_size for path in (state / "test" / "packs").glob("*.pack")) >= size


@contextmanager
def _rows_beyond(state: Path, rows: int) -> Iterator[Callable[[], bool]]:
    with Database.open(state / "test" / "engine.db", read_only=True) as database:
        reader = database.reader()
        yield lambda: bool(reader.execute("SELECT count(*) > ? FROM mail_locations", (rows,)).fetchone()[0])


def compare(dovecot: Dovecot, state: Path, *, pop3: bool) -> None:
    with Database.open(state / "test" / "engine.db") as database:
        assert database.reader().execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        store = SqliteMailStore(database, state / "test")
        wanted: dict[bytes, int] = {}
        for user in USERS:
            rows = database.reader().execute(
                "SELECT remote, activity_id FROM mail_locations WHERE mailbox_id = ?", (f"id-{user.partition('@')[0]}",)
            )
            # Dovecot's unique-id begins with the UID; a text over POP3 ends with a line end.
            here = {int(remote.partition(":")[2][:8], 16) if pop3 else int(remote): activity for remote, activity in rows.fetchall()}
            server = {uid: raw + b"\r\n" * (pop3 and not raw.endswith(b"\r\n")) for uid, raw in dovecot.messages(user).items()}
            assert set(here) == set(server), "lost or invented"
            for uid, raw in server.items():
                kept = b"".join(store.raw(here[uid]))
                shared = raw.partition(b"\r\n")[2] if raw.startswith(b"Received:") else raw
                assert (kept.partition(b"\r\n")[2] if kept.startswith(b"Received:") else kept) == shared
                wanted[hashlib.sha256(shared).digest()] = here[uid]
        activities = database.reader().execute("SELECT count(*) FROM mail_activities").fetchone()[0]
        assert activities == len(wanted), "twice"
        # No bytes of ours lie beyond what the rows name once a pack was opened again.
        for number, committed in database.reader().execute("SELECT id, committed FROM mail_packs"):
            assert (state / "test" / "packs" / f"{number:08d}.pack").stat().st_size >= committed
        store.close()


@pytest.mark.slow
def test_sync_survives_being_killed(tmp_path: Path) -> None:
    with running(users=dict.fromkeys(USERS, PASSWORD)) as dovecot:
        kill_often(dovecot, tmp_path, kills=15, each=120)


@pytest.mark.slow
def test_sync_survives_being_killed_very_often(tmp_path: Path) -> None:
    with running(users=dict.fromkeys(USERS, PASSWORD)) as dovecot:
        kill_often(dovecot, tmp_path, kills=100, each=300)


@pytest.mark.slow
def test_sync_over_pop3_survives_being_killed(tmp_path: Path) -> None:
    with running(users=dict.fromkeys(USERS, PASSWORD)) as dovecot:
        kill_often(dovecot, tmp_path, kills=25, each=120, pop3=True)
