"""Two real `reconcile apply` at once: one is stopped (SIGSTOP) for longer than its lease, overtaken, and woken again (SIGCONT)."""

from __future__ import annotations

import os
import random
import shutil
import signal
import sqlite3
import subprocess
import time
from collections import Counter
from pathlib import Path

import pytest

from support.changed_estate import ChangedEstate, changed_estate, progress, read_only, same_end, store_of, tokens_of
from support.command import Commands
from support.stopped import stop

LEASE = 0.6


@pytest.fixture
def ground(tmp_path: Path) -> ChangedEstate:
    return changed_estate(tmp_path)


def _dump(store: Path) -> list[str]:
    """Everything in the database but the mail tables, line by line."""
    connection = read_only(store)
    try:
        return [line for line in connection.iterdump() if "mail_" not in line]
    finally:
        connection.close()


def _free(store: Path) -> bool:
    """Whether nobody is inside a write of the database. One who is stopped there cannot be overtaken by anybody: SQLite waits."""
    connection = sqlite3.connect(store, timeout=0.05, isolation_level=None)
    try:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("ROLLBACK")
    except sqlite3.OperationalError:
        return False
    finally:
        connection.close()
    return True


def _stopped_midway(ground: ChangedEstate, commands: Commands, fraction: float) -> tuple[subprocess.Popen[bytes], int, int]:
    """An apply that stands still after that part of its effects, and (effects, open intents) then."""
    base = tokens_of(store_of(ground.base))
    process = commands.start(*ground.apply, RECONCILE_LEASE=str(LEASE))
    connection = read_only(store_of(commands))
    try:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            assert process.poll() is None, "it ended before it could be stopped"
            if progress(connection, base)[0] >= max(1, fraction * 180):
                stop(process.pid)
                if _free(store_of(commands)):
                    return process, *progress(connection, base)
                os.kill(process.pid, signal.SIGCONT)
        raise AssertionError("it never came so far")
    finally:
        connection.close()


def _rounds(ground: ChangedEstate, rounds: int, seed: int) -> None:
    expected = ground.done(ground.copy("calm"))
    chance = random.Random(seed)
    told: Counter[str] = Counter()
    for number in range(rounds):
        hit = ground.copy(f"stopped{number}")
        store = store_of(hit)
        process, effects, intents = _stopped_midway(ground, hit, 0.9 * (number + chance.random()) / rounds)
        try:
            early = hit.run(*ground.apply, RECONCILE_LEASE=str(LEASE))
            # Its lease may be over by the time the second has started; if not, it says who holds the lock, and for how long.
            if early.code == 8:
                assert "tester@contoso.example works on this environment (dev): apply since" in early.err
                early = hit.run(*ground.apply, "--wait-lock", "30", RECONCILE_LEASE=str(LEASE))
            assert early.code == 0, early.err + early.out
            before = _dump(store)
            os.kill(process.pid, signal.SIGCONT)
            assert process.wait(timeout=60) == 8, process.returncode
        finally:
            process.kill()
            process.wait()
        # Woken, it writes nothing at all, not even that it failed.
        assert _dump(store) == before
        same_end(_without_lock(store, expected), expected)
        whole = hit.run("audit", "verify", "-e", "dev")
        assert whole.code == 0, whole.err + whole.out
        told[f"{effects:3} effects before the stop, {intents:2} intents open"] += 1
        shutil.rmtree(hit.state)
    print(f"\nstopped and overtaken {rounds} times")
    for label in sorted(told):
        print(f"  {label}")


def _without_lock(store: Path, expected: dict[str, object]) -> dict[str, object]:
    """The state, and the overtaking stands in the audit trail."""
    from support.changed_estate import state_of

    connection = read_only(store)
    try:
        taken = connection.execute("SELECT count(*) FROM audit WHERE action = 'take-over-lock'").fetchone()[0]
    finally:
        connection.close()
    assert taken == 1
    return state_of(store)


@pytest.mark.slow
def test_overtaken_a_few_times(ground: ChangedEstate) -> None:
    _rounds(ground, 3, seed=1)


@pytest.mark.slow
def test_overtaken_many_times(ground: ChangedEstate) -> None:
    _rounds(ground, 25, seed=2)


def test_a_stopped_one_that_is_killed_later_keeps_nobody_waiting(ground: ChangedEstate) -> None:
    hit = ground.copy("killed")
    process, _, _ = _stopped_midway(ground, hit, 0.3)
    try:
        process.kill()
        process.wait()
        started = time.monotonic()
        done = hit.run(*ground.apply)
        assert done.code == 0, done.err
        assert time.monotonic() - started < 25
    finally:
        process.kill()
        process.wait()
    same_end(ground.done(ground.copy("calm")), _state(hit))


def _state(commands: Commands) -> dict[str, object]:
    from support.changed_estate import state_of

    return state_of(store_of(commands))
