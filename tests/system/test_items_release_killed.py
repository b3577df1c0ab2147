"""kill -9 of `activities items release` and `purge --item` beside a look of `reconcile sync`, of any of the three: every item ends in
exactly one state, and what was said to be done is done."""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import subprocess
import time
from collections import Counter
from contextlib import closing, suppress
from pathlib import Path

import pytest

from support.exchange_estate import ExchangeEstate
from support.exchange_sandbox import ExchangeSandbox
from support.item_estate import SALES, hand_in, item_estate, records, there

pytestmark = pytest.mark.slow

ROUNDS, EACH = 16, 3


def _deleted(exchange: ExchangeSandbox, subjects: set[str]) -> None:
    """Somebody takes them out of the mailbox for good."""
    mailbox = exchange.mailbox(SALES)
    with exchange.organization.lock:
        for item in [*mailbox.distinguished("tasks").items.values()]:
            if item.text("Subject") in subjects:
                mailbox.remove(item)


def _held(estate: ExchangeEstate) -> int:
    """How many deletions the brake holds."""
    document = json.loads(estate("status", "--output", "json").out)
    return sum(one["brake"]["count"] for one in document["items"]["mailboxes"] if one["brake"])


def _killed(processes: dict[str, subprocess.Popen[str]], dice: random.Random) -> tuple[set[str], set[str]]:
    """Some of them end in the middle. Who was killed, and who said that all is well."""
    begun = time.monotonic()
    chosen = [name for name in processes if dice.random() < 0.75]
    for moment, name in sorted((dice.uniform(0.1, 0.9 if name == "sync" else 0.6), name) for name in chosen):
        time.sleep(max(0.0, begun + moment - time.monotonic()))
        with suppress(ProcessLookupError):
            os.kill(processes[name].pid, signal.SIGKILL)
    try:
        for process in processes.values():
            process.communicate(timeout=120)
    finally:
        for process in processes.values():
            process.kill()
    codes = {name: process.returncode for name, process in processes.items()}
    # A row that is no longer there is no failure of the store: somebody was quicker.
    assert set(codes.values()) <= {0, 1, 2, 4, 5, -signal.SIGKILL}, codes
    return {name for name, code in codes.items() if code == -signal.SIGKILL}, {name for name, code in codes.items() if code == 0}


def test_every_item_ends_in_one_state(tmp_path: Path) -> None:
    dice, kills = random.Random(20261123), Counter[str]()
    subjects = [f"Call {number}" for number in range(2 * EACH * ROUNDS)]
    deleted, asked, purged = set[str](), set[str](), set[str]()
    with item_estate(tmp_path) as (exchange, estate):
        environment = estate.estate / "environment.yaml"
        environment.write_text(environment.read_text().replace("spec: {", "spec: {brakes: {itemDeletions: {count: 2, percent: 0}}, "))
        estate("apply", "--yes")
        hand_in(estate, "edits", [{"clientKey": one, "kind": "task", "owner": SALES, "set": {"subject": one}} for one in subjects])
        estate("sync")
        numbers = {row["set"]["subject"]: row["id"] for row in records(estate)}
        assert (len(numbers), len(there(exchange, "tasks"))) == (len(subjects), len(subjects))
        for turn in range(ROUNDS):
            mine = subjects[2 * EACH * turn : 2 * EACH * (turn + 1)]
            _deleted(exchange, set(mine[:EACH]))
            deleted |= set(mine[:EACH])
            estate("sync", code=None)
            held = _held(estate)
            # One whose deletion is held, or one that is kept in step.
            target = dice.choice(mine)
            asked.add(target)
            processes = {
                "purge": estate.start("purge", "--item", str(numbers[target]), "--yes"),
                "release": estate.start("activities", "items", "release", "sales", "task", "--deletions", str(max(held, 1))),
                "sync": estate.start("sync"),
            }
            dead, well = _killed(processes, dice)
            kills.update(dead)
            if "purge" in well:
                purged.add(target)
        assert sum(kills.values()) >= ROUNDS // 2, kills
        assert min(kills[one] for one in ("purge", "release", "sync")) >= 1, kills
        estate("sync", code=None)
        if held := _held(estate):
            estate("activities", "items", "release", "sales", "task", "--deletions", str(held))
        estate("sync")
        estate("sync")
        found, kept = Counter(there(exchange, "tasks")), {row["set"]["subject"] for row in records(estate)}
        with closing(sqlite3.connect(next(estate.state.glob("*/engine.db")))) as connection:
            links = dict(connection.execute("SELECT item_id, state FROM item_link").fetchall())
            assert connection.execute("SELECT count(*) FROM item_intent").fetchone() == (0,)
            assert connection.execute("SELECT sum(released), sum(departed) FROM item_place, item_link").fetchone() == (0, 0)
        for subject, number in numbers.items():
            state = (subject in kept, found[subject], links.get(number))
            if subject in deleted:
                assert state == (False, 0, None), f"{subject} was deleted: {state}"
            elif subject in purged:
                assert state == (False, 1, None), f"{subject} was purged, and stays in its mailbox: {state}"
            elif subject in asked:
                assert state in {(False, 1, None), (True, 1, "linked")}, f"a purge of {subject} died: {state}"
            else:
                assert state == (True, 1, "linked"), f"nobody touched {subject}: {state}"
        requests = len(exchange.recorder.kept)
        estate("sync")
        assert [one.operation for one in exchange.recorder.kept[requests:]] == ["SyncFolderItems"] * 3
