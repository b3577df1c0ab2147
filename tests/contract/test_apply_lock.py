"""The lock of an environment: who may overtake whom, and that nobody who was overtaken writes."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from reconcile.errors import Locked
from reconcile.model.audit_record import AuditRecord
from reconcile.model.key import Key
from reconcile.ports.clock import Clock
from reconcile.ports.configuration_store import ApplyStore, Finished, Intent, LockState
from reconcile.store.liveness import clear_away, is_living, living
from reconcile.store.memory.configuration import MemoryConfiguration
from reconcile.store.sqlite.apply_lock import ApplyLock
from reconcile.store.sqlite.configuration import SqliteConfiguration
from reconcile.store.sqlite.database import Database
from reconcile.store.sqlite.resources import SqliteResources
from reconcile.wiring.system import SystemClock

LEASE = 0.4
RECORD = AuditRecord(
    at="2026-01-01T00:00:00Z",
    actor="tester",
    apply_id="apply-1",
    action="create",
    key="Mailbox/a",
    result="applied",
    source="estate",
    revision="abc",
    detail="{}",
)
INTENT = Intent(
    token="t1",
    apply_id="apply-1",
    sequence=0,
    key=Key("Mailbox", "a"),
    action="create",
    change="{}",
    opened_at="2026-01-01T00:00:00Z",
    source="estate",
    revision="abc",
    secrets={"credentials.password": "0f" * 16},
)


@contextmanager
def view(path: Path, *, clock: Clock | None = None, lease: float = LEASE) -> Iterator[tuple[Database, SqliteConfiguration]]:
    """The store as one process sees it."""
    with Database.open(path) as database:
        yield database, SqliteConfiguration(database, clock or SystemClock(), lease)


@pytest.fixture(params=["memory", "sqlite"])
def views(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], ApplyStore]]:
    """A function that gives one more process' view of the same store."""
    with ExitStack() as stack:
        if request.param == "memory":
            store = MemoryConfiguration()
            yield store.beside
        else:
            yield lambda: stack.enter_context(view(tmp_path / "dev" / "engine.db"))[1]


def _all_writes(store: ApplyStore) -> list[Callable[[], object]]:
    return [lambda: store.begin([INTENT]), lambda: store.finish([Finished(token="t1", audit=RECORD)])]


def test_a_broken_lock_is_free_and_its_holder_writes_nothing_more(views: Callable[[], ApplyStore]) -> None:
    one, two = views(), views()
    assert one.break_lock(actor="b", reason="nobody there") is None
    with one.lock(owner="anna", purpose="apply", patience=0):
        one.begin([INTENT])
        with pytest.raises(Locked, match="anna"), two.lock(owner="b", purpose="apply", patience=0):
            pass
        held = two.holder()
        assert held is not None
        assert (held.owner, held.purpose, held.fence) == ("anna", "apply", 1)
        was = two.break_lock(actor="bert", reason="laptop closed")
        assert was == replace(held, until=was.until if was else "")
        assert two.holder() is None
        for write in _all_writes(one):
            with pytest.raises(Locked, match=r"taken over by bert \(lock break: laptop closed\)"):
                write()
        with two.lock(owner="carla", purpose="apply", patience=0):
            for write in _all_writes(one):
                with pytest.raises(Locked, match="taken over by carla"):
                    write()
            assert [intent.secrets for intent in two.open_intents()] == [INTENT.secrets]
            two.finish([Finished(token="t1", audit=RECORD)])
    # Leaving does not give away what is no longer held, and the next one is not in anybody's way.
    assert two.holder() is None
    with one.lock(owner="anna", purpose="apply", patience=0):
        one.finish([Finished(token="", audit=RECORD)])
    records = [*two.trail()]
    assert [(record.action, record.actor) for record in records] == [("break-lock", "bert"), ("create", "tester"), ("create", "tester")]
    assert '"reason":"laptop closed"' in records[0].detail.replace(": ", ":")
    assert two.verified().broken == ""


def test_leaving_late_takes_the_lock_from_nobody(views: Callable[[], ApplyStore]) -> None:
    one, two = views(), views()
    with ExitStack() as late:
        late.enter_context(one.lock(owner="anna", purpose="apply", patience=0))
        two.break_lock(actor="b", reason="why")
        with two.lock(owner="b", purpose="apply", patience=0):
            late.close()
            held = two.holder()
            assert held is not None
            assert held.owner == "b"
            two.begin([INTENT])


def test_each_holder_gets_a_higher_fence(views: Callable[[], ApplyStore]) -> None:
    fences = []
    for _ in range(3):
        store = views()
        with store.lock(owner="a", purpose="apply", patience=0):
            held = store.holder()
            assert held is not None
            fences.append(held.fence)
    assert fences == [1, 2, 3]


@pytest.fixture
def still(monkeypatch: pytest.MonkeyPatch) -> None:
    """No heart beats: every holder stands still, as one that is stopped does."""
    monkeypatch.setattr(ApplyLock, "_beat", lambda self, fence, holder, stop: None)


@pytest.mark.usefixtures("still")
def test_one_that_stands_still_is_overtaken_and_fenced_off_everywhere(tmp_path: Path) -> None:
    path = tmp_path / "dev" / "engine.db"
    with view(path) as (database, one), view(path) as (_, two), view(path) as (mail, _):
        with one.lock(owner="anna", purpose="apply", patience=0):
            with pytest.raises(Locked), two.lock(owner="bert", purpose="apply", patience=0):
                pass
            # Its lease is over, and nobody wants the lock: it goes on.
            time.sleep(LEASE + 0.1)
            assert (held := two.holder()) is not None
            assert held.state is LockState.OVERDUE
            one.begin([INTENT])
            with two.lock(owner="bert", purpose="apply", patience=0):
                writes = [*_all_writes(one), lambda: SqliteResources(database).transact(lambda rows: rows.remove("x"))]
                for write in writes:
                    with pytest.raises(Locked, match=r"the lock was taken over by bert \(apply\) at 20") as caught:
                        write()
                    assert "recorded" in caught.value.hint
                # Mail in the same file goes on, whoever holds the lock.
                mail.write(lambda connection: connection.execute("INSERT INTO meta VALUES ('mail', 'moves')"))
                two.finish([Finished(token="t1", audit=RECORD)])
        assert [record.action for record in two.trail()] == ["take-over-lock", "create"]
        assert "anna" in next(iter(two.trail())).detail


def test_a_heart_that_beats_keeps_the_lock(tmp_path: Path) -> None:
    path = tmp_path / "dev" / "engine.db"
    with view(path) as (_, one), view(path) as (_, two), one.lock(owner="anna", purpose="apply", patience=0):
        since = one.holder()
        with pytest.raises(Locked, match="anna"), two.lock(owner="b", purpose="apply", patience=4 * LEASE):
            pass
        now = one.holder()
        assert since is not None
        assert now is not None
        assert (now.fence, now.since) == (since.fence, since.since)
        assert now.until > since.until
        one.begin([INTENT])
    assert not [thread for thread in threading.enumerate() if thread.name == "lease"]


def test_who_waits_gets_it_when_it_is_given_back(tmp_path: Path) -> None:
    path = tmp_path / "dev" / "engine.db"
    with view(path) as (_, one), view(path) as (_, two):
        held, got = threading.Event(), threading.Event()

        def hold() -> None:
            with one.lock(owner="a", purpose="apply", patience=0):
                held.set()
                time.sleep(0.3)
                assert not got.is_set()

        thread = threading.Thread(target=hold)
        thread.start()
        held.wait(10)
        with two.lock(owner="b", purpose="apply", patience=30):
            got.set()
        thread.join()


class JumpingClock(SystemClock):
    """Somebody sets the wall clock, a day forth and back."""

    days = 0

    def now(self) -> datetime:
        self.days = -1 if self.days > 0 else self.days + 1
        return datetime.now(UTC) + timedelta(days=self.days)


def test_setting_the_wall_clock_moves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "dev" / "engine.db"
    with view(path, clock=JumpingClock()) as (_, one), view(path, clock=JumpingClock()) as (_, two):
        with one.lock(owner="a", purpose="apply", patience=0):
            with pytest.raises(Locked), two.lock(owner="b", purpose="apply", patience=2 * LEASE):
                pass
            one.begin([INTENT])
        with two.lock(owner="b", purpose="apply", patience=0):
            pass


def test_a_restored_copy_is_free_and_lets_no_old_process_in(tmp_path: Path) -> None:
    path, backup = tmp_path / "dev" / "engine.db", tmp_path / "backup.db"
    with view(path, lease=30) as (_, one):
        with one.lock(owner="a", purpose="apply", patience=0):
            pass
        copies = closing(sqlite3.connect(path)), closing(sqlite3.connect(backup))
        with one.lock(owner="a", purpose="apply", patience=0), copies[0] as source, copies[1] as target:
            source.backup(target)
    restored = tmp_path / "restored" / "engine.db"
    restored.parent.mkdir()
    shutil.copyfile(backup, restored)
    with view(restored, lease=30) as (_, one), view(restored, lease=30) as (database, two):
        held = one.holder()
        assert held is not None
        assert (held.fence, held.state) == (2, LockState.DEAD)
        with one.lock(owner="old", purpose="apply", patience=0):
            assert (held := one.holder()) is not None
            assert held.fence == 3
            # As if an older backup came back under a running process, and another one took the same number.
            two.break_lock(actor="x", reason="restore")
            database.write(lambda connection: connection.execute("UPDATE lease SET fence = 2"))
            with two.lock(owner="new", purpose="apply", patience=0):
                assert (held := two.holder()) is not None
                assert held.fence == 3
                with pytest.raises(Locked, match="taken over by new"):
                    one.begin([INTENT])


HOLDER = """
import sys, time
from pathlib import Path
from reconcile.store.sqlite.database import Database
from reconcile.store.sqlite.configuration import SqliteConfiguration
from reconcile.wiring.system import SystemClock
with Database.open(Path(sys.argv[1])) as database:
    with SqliteConfiguration(database, SystemClock(), float(sys.argv[2])).lock(owner="anna", purpose="apply plan.json", patience=0):
        print("held", flush=True)
        time.sleep(120)
"""


@contextmanager
def holding(path: Path, lease: float) -> Iterator[subprocess.Popen[str]]:
    """A process that holds the lock."""
    process = subprocess.Popen([sys.executable, "-c", HOLDER, str(path), str(lease)], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()  # type: ignore[union-attr]


def test_the_lock_dies_with_its_process(tmp_path: Path) -> None:
    path = tmp_path / "dev" / "engine.db"
    with holding(path, 3600) as process, view(path) as (_, store):
        words = rf"anna works on this environment \(dev\): apply plan\.json since .*, process {process.pid} on "
        with pytest.raises(Locked, match=words) as caught, store.lock(owner="b", purpose="apply", patience=0):
            pass
        assert "lock break --reason" in caught.value.hint
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        assert (held := store.holder()) is not None
        assert held.state is LockState.DEAD
        started = time.monotonic()
        with store.lock(owner="b", purpose="apply", patience=0):
            assert time.monotonic() - started < 5
            assert (held := store.holder()) is not None
            assert (held.owner, held.fence, held.state) == ("b", 2, LockState.WORKING)
        # It did not stand still, it died: nothing to tell of. And its file is cleared away.
        assert [*store.trail()] == []
        assert [*path.parent.glob("*.alive")] == []


def test_a_stopped_holder_that_is_killed_later_while_a_third_one_waits(tmp_path: Path) -> None:
    path = tmp_path / "dev" / "engine.db"
    with holding(path, LEASE) as process, view(path, lease=30) as (_, second), view(path) as (_, third):
        os.kill(process.pid, signal.SIGSTOP)
        with second.lock(owner="second", purpose="apply", patience=20):
            # The first one still lives, stopped; that says nothing about the second.
            with pytest.raises(Locked, match="second works"), third.lock(owner="third", purpose="apply", patience=2 * LEASE):
                pass
            process.kill()
            process.wait()
            with pytest.raises(Locked, match="second works"), third.lock(owner="third", purpose="apply", patience=0):
                pass
            second.begin([INTENT])
        with third.lock(owner="third", purpose="apply", patience=0):
            third.finish([Finished(token="t1", audit=RECORD)])


def test_two_who_want_a_dead_ones_lock_at_once(tmp_path: Path) -> None:
    path = tmp_path / "dev" / "engine.db"
    with holding(path, 3600) as process:
        process.kill()
        process.wait()
    got: list[int] = []
    inside = threading.Semaphore(1)

    def want() -> None:
        with view(path) as (_, store), store.lock(owner="x", purpose="apply", patience=60):
            assert inside.acquire(blocking=False), "two at once"
            held = store.holder()
            assert held is not None
            got.append(held.fence)
            inside.release()

    threads = [threading.Thread(target=want) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(got) == [2, 3, 4, 5, 6, 7]


def test_two_who_both_saw_that_it_is_dead(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was seen is looked at again by whoever claims, with the write lock held."""
    path = tmp_path / "dev" / "engine.db"
    with holding(path, 3600) as process:
        process.kill()
        process.wait()
    look, both, looked, inside = ApplyLock.holder, threading.Barrier(2), threading.local(), threading.Semaphore(1)
    alone: list[bool] = []

    def looking(self: ApplyLock) -> object:
        found = look(self)
        if not hasattr(looked, "once"):
            looked.once = True
            assert found is not None
            assert found.state is LockState.DEAD
            both.wait(20)
        return found

    monkeypatch.setattr(ApplyLock, "holder", looking)

    def want() -> None:
        with view(path, lease=30) as (_, store), store.lock(owner="x", purpose="apply", patience=60):
            alone.append(inside.acquire(blocking=False))
            time.sleep(0.3)
            inside.release()

    threads = [threading.Thread(target=want) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert alone == [True, True]


def test_one_that_stands_still_inside_a_write_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite lets nobody in then; all that is left is to say whom to end."""
    path = tmp_path / "dev" / "engine.db"
    with holding(path, LEASE) as process:
        os.kill(process.pid, signal.SIGSTOP)
        time.sleep(LEASE)
        monkeypatch.setattr("reconcile.store.sqlite.database._BUSY_SECONDS", 0.2)
        with closing(sqlite3.connect(path, isolation_level=None)) as stuck:
            stuck.execute("BEGIN IMMEDIATE")
            words = f"anna works on .*process {process.pid} on .*; it stands still inside a write"
            with view(path) as (_, store):
                with pytest.raises(Locked, match=words) as caught, store.lock(owner="b", purpose="apply", patience=1):
                    pass
                assert f"End process {process.pid}" in caught.value.hint
                stuck.execute("ROLLBACK")
                with store.lock(owner="b", purpose="apply", patience=1):
                    store.begin([INTENT])


def test_liveness_files(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "engine.x.alive"
    assert not is_living(path)
    with living(path):
        assert is_living(path)
        clear_away(path.parent, "engine.*.alive")
        assert is_living(path)
    assert not path.exists()
    path.write_text("left by one that was killed")
    assert not is_living(path)
    clear_away(path.parent, "engine.*.alive")
    assert not path.exists()
    clear_away(tmp_path / "nowhere", "*")
