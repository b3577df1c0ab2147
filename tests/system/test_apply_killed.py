"""kill -9 of a real `reconcile apply` at random moments, run again, and compared with one that was never killed."""

from __future__ import annotations

import os
import random
import shutil
import signal
import sqlite3
import time
from collections import Counter
from pathlib import Path

import pytest

from support.command import Commands
from support.estate_folder import imap_profile, user_mailbox, write_estate

_COUNT = 150


def _before() -> list[tuple[str, str, object]]:
    return [imap_profile("one"), imap_profile("two"), *(user_mailbox(f"user{number:03}") for number in range(_COUNT))]


def _after() -> list[tuple[str, str, object]]:
    """Updates, a profile that changes for them, deletes, renames and creates."""
    documents: list[tuple[str, str, object]] = [imap_profile("one", minPollingInterval="7m"), imap_profile("three")]
    for number in range(_COUNT):
        name = f"user{number:03}"
        if number % 3 == 0:
            documents.append(user_mailbox(name, outgoing="server-side", profile="three"))
        elif number % 3 == 1:
            if number % 2:
                documents.append(user_mailbox(f"renamed{number:03}", emailAddress=f"{name}@contoso.example"))
        else:
            documents.append(user_mailbox(name, credentials={"username": name, "password": {"ref": "file:password", "generation": 2}}))
    return [*documents, *(user_mailbox(f"new{number:03}") for number in range(40))]


@pytest.fixture
def ground(tmp_path: Path) -> tuple[Commands, Path, Path]:
    """A state with the first estate applied, and the folder of the second."""
    commands = Commands(state=tmp_path / "state", cache=tmp_path / "cache")
    secrets = commands.state / "secrets"
    secrets.mkdir(parents=True, mode=0o700)
    (secrets / "password").write_text("correct horse\n")
    (secrets / "password").chmod(0o600)
    first = write_estate(tmp_path / "first", _before())  # type: ignore[arg-type]
    second = write_estate(tmp_path / "second", _after())  # type: ignore[arg-type]
    done = commands.run("apply", "--yes", "-C", str(first))
    assert done.code == 0, done.err + done.out
    return commands, first, second


_LIFT = ("--lift-brake", "bulk-delete", "--lift-brake", "bulk-update")


def _state(store: Path) -> dict[str, object]:
    """Everything that must be the same, without ids that are new each time and without times."""
    connection = sqlite3.connect(f"file:{store}?mode=ro", uri=True)
    try:
        rows = connection.execute("SELECT external_id, kind, name, spec, version FROM resource").fetchall()
        names = {external_id: f"{kind}/{name}" for external_id, kind, name, _, _ in rows}
        inventory = connection.execute("SELECT kind, name, external_id, applied, answered, depends_on, adopted FROM inventory").fetchall()
        return {
            "integrity": connection.execute("PRAGMA integrity_check").fetchone()[0],
            "intents": connection.execute("SELECT count(*) FROM intent").fetchone()[0],
            "rows": sorted((kind, name, spec, version) for _, kind, name, spec, version in rows),
            "inventory": sorted((kind, name, names[external_id], *rest) for kind, name, external_id, *rest in inventory),
            "sealed": sorted(
                (names[external_id], path) for external_id, path in connection.execute("SELECT external_id, path FROM sealed_value")
            ),
            "old ids": sorted(names),
            "applied": sorted(connection.execute("SELECT action, key FROM audit WHERE result = 'applied'").fetchall()),
        }
    finally:
        connection.close()


def _progress(connection: sqlite3.Connection, known: set[str], gone: int) -> tuple[int, int]:
    """(effects so far, open intents) as another process sees them."""
    tokens = {token for (token,) in connection.execute("SELECT token FROM resource")}
    return len(tokens - known) + max(0, gone - len(tokens & known)), connection.execute("SELECT count(*) FROM intent").fetchone()[0]


def _kill_once(
    commands: Commands, folder: Path, store: Path, fraction: float, pause: float, total: int, base: set[str], journal: bool
) -> tuple[int, int]:
    """`journal`: only while an intent is open, else as soon as the effects are there."""
    process = commands.start("apply", "--yes", *_LIFT, "-C", str(folder))
    connection = sqlite3.connect(f"file:{store}?mode=ro", uri=True)
    try:
        deadline = time.monotonic() + 60
        while process.poll() is None and time.monotonic() < deadline:
            done, intents = _progress(connection, base, len(base))
            if (intents or not journal) and done >= max(not journal, fraction * total):
                time.sleep(pause)
                break
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        return _progress(connection, base, len(base))
    finally:
        connection.close()
        if process.poll() is None:
            process.kill()
            process.wait()


def _rounds(ground: tuple[Commands, Path, Path], kills: int, seed: int) -> None:
    commands, _, second = ground
    calm = Commands(state=commands.state.with_name("calm"), cache=commands.cache)
    shutil.copytree(commands.state, calm.state)
    done = calm.run("apply", "--yes", *_LIFT, "-C", str(second))
    assert done.code == 0, done.err + done.out
    expected = _state(calm.state / "dev" / "engine.db")
    base_ids = set(_state(commands.state / "dev" / "engine.db")["old ids"])  # type: ignore[arg-type]
    with sqlite3.connect(commands.state / "dev" / "engine.db") as connection:
        base = {token for (token,) in connection.execute("SELECT token FROM resource")}
    connection.close()
    with sqlite3.connect(calm.state / "dev" / "engine.db") as connection:
        total, _ = _progress(connection, base, len(base))
    connection.close()

    chance = random.Random(seed)
    histogram: Counter[str] = Counter()
    within = 0
    for number in range(kills):
        hit = Commands(state=commands.state.with_name(f"hit{number}"), cache=commands.cache)
        shutil.copytree(commands.state, hit.state)
        store = hit.state / "dev" / "engine.db"
        effects, intents = _kill_once(
            hit, second, store, (number + chance.random()) / kills, chance.uniform(0, 0.004), total, base, bool(number % 2)
        )
        within += 0 < effects < total or bool(intents)
        histogram[f"{10 * effects // (total + 1) * 10:3} % done, {'journal open' if intents else 'journal closed'}"] += 1
        again = hit.run("apply", "--yes", *_LIFT, "-C", str(second))
        assert again.code == 0, again.err + again.out
        ended = _state(store)
        assert set(base_ids & set(expected["old ids"])) <= set(ended["old ids"])  # type: ignore[arg-type]
        for part in ("integrity", "intents", "rows", "inventory", "sealed", "applied"):
            assert ended[part] == expected[part], part
        nothing = hit.run("plan", "--detailed-exitcode", "-C", str(second))
        assert nothing.code == 0, nothing.out
        shutil.rmtree(hit.state)
    print(f"\nkilled {kills} times, {within} between first and last write, of {total} effects")
    for label, count in sorted(histogram.items()):
        print(f"  {label:32} {'#' * count} {count}")
    assert within >= 0.8 * kills


def test_killed_a_few_times(ground: tuple[Commands, Path, Path]) -> None:
    _rounds(ground, 4, seed=1)


@pytest.mark.slow
def test_killed_many_times(ground: tuple[Commands, Path, Path]) -> None:
    _rounds(ground, 60, seed=2)
