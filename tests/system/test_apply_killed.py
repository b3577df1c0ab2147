"""kill -9 of a real `reconcile apply` at random moments, run again, and compared with one that was never killed."""

from __future__ import annotations

import random
import shutil
import signal
import time
from collections import Counter
from pathlib import Path

import pytest

from support.changed_estate import ChangedEstate, changed_estate, progress, read_only, same_end, state_of, store_of, tokens_of
from support.command import Commands


@pytest.fixture
def ground(tmp_path: Path) -> ChangedEstate:
    return changed_estate(tmp_path)


def _kill_once(
    ground: ChangedEstate, commands: Commands, fraction: float, pause: float, total: int, base: set[str], journal: bool
) -> tuple[int, int]:
    """`journal`: only while an intent is open, else as soon as the effects are there."""
    process = commands.start(*ground.apply)
    connection = read_only(store_of(commands))
    try:
        deadline = time.monotonic() + 60
        while process.poll() is None and time.monotonic() < deadline:
            done, intents = progress(connection, base)
            if (intents or not journal) and done >= max(not journal, fraction * total):
                time.sleep(pause)
                break
        # One that was done before it could be killed counts as not hit.
        process.kill()
        assert process.wait() in (0, -signal.SIGKILL)
        return progress(connection, base)
    finally:
        connection.close()
        if process.poll() is None:
            process.kill()
            process.wait()


def _rounds(ground: ChangedEstate, kills: int, seed: int) -> None:
    base = tokens_of(store_of(ground.base))
    base_ids = set(state_of(store_of(ground.base))["old ids"])  # type: ignore[call-overload]
    calm = ground.copy("calm")
    expected = ground.done(calm)
    connection = read_only(store_of(calm))
    total, _ = progress(connection, base)
    connection.close()

    chance = random.Random(seed)
    histogram: Counter[str] = Counter()
    within = 0
    for number in range(kills):
        hit = ground.copy(f"hit{number}")
        effects, intents = _kill_once(
            ground, hit, (number + chance.random()) / kills, chance.uniform(0, 0.004), total, base, bool(number % 2)
        )
        within += 0 < effects < total or bool(intents)
        histogram[f"{10 * effects // (total + 1) * 10:3} % done, {'journal open' if intents else 'journal closed'}"] += 1
        ended = ground.done(hit)
        assert base_ids & set(expected["old ids"]) <= set(ended["old ids"])  # type: ignore[call-overload]
        same_end(ended, expected)
        nothing = hit.run("plan", "--detailed-exitcode", "-C", str(ground.folder))
        assert nothing.code == 0, nothing.out
        shutil.rmtree(hit.state)
    print(f"\nkilled {kills} times, {within} between first and last write, of {total} effects")
    for label, count in sorted(histogram.items()):
        print(f"  {label:32} {'#' * count} {count}")
    assert within >= 0.8 * kills


@pytest.mark.slow
def test_killed_a_few_times(ground: ChangedEstate) -> None:
    _rounds(ground, 4, seed=1)


@pytest.mark.slow
def test_killed_many_times(ground: ChangedEstate) -> None:
    _rounds(ground, 60, seed=2)
