"""kill -9 of `reconcile sync` around each request it makes about appointments, contacts and tasks: nothing is there twice, nobody is
invited twice, and both sides agree in the end."""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from support.item_estate import OFFICE, SALES, hand_in, item_estate, records, there

pytestmark = pytest.mark.slow


def test_killed_around_every_request(tmp_path: Path) -> None:
    dice, kills, made, moments = random.Random(20261123), 0, 0, Counter[str]()
    gone: set[str] = set()
    with item_estate(tmp_path) as (exchange, estate):
        for number in range(30):
            made += 1
            start = f"2090-03-06T{made % 24:02}:00:00+01:00"
            meeting = {"subject": f"Meeting {made}", "scheduledstart": start, "scheduledend": start, "requiredattendees": [OFFICE]}
            lines: list[dict[str, Any]] = [
                {"clientKey": f"a{made}", "kind": "appointment", "owner": SALES, "set": meeting},
                {"clientKey": f"t{made}", "kind": "task", "owner": SALES, "set": {"subject": f"Task {made}"}},
            ]
            known = {row["set"]["subject"]: row for row in records(estate)}
            if made > 3:
                lines.append(
                    {"clientKey": f"e{made}", "kind": "task", "id": known[f"Task {made - 1}"]["id"], "set": {"description": f"{made}"}}
                )
                gone.add(f"Task {made - 3}")
                lines.append({"clientKey": f"d{made}", "id": known[f"Task {made - 3}"]["id"], "delete": True})
            hand_in(estate, f"edits{made}", lines)
            before = len(exchange.recorder.kept)
            process = estate.start("sync")
            wanted = before + number % 8
            while process.poll() is None and len(exchange.recorder.kept) < wanted:
                time.sleep(0.0005)
            time.sleep(dice.uniform(0.0, 0.02))
            with suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGKILL)
            process.communicate(timeout=60)
            if process.returncode == -signal.SIGKILL:
                kills += 1
                seen = exchange.recorder.kept[before:]
                moments[seen[-1].operation if seen else "before the first"] += 1
        assert kills >= 20
        assert len(moments) >= 3, moments
        for _ in range(2):
            estate("sync")
        assert Counter(there(exchange, "calendar")) == Counter(f"Meeting {each}" for each in range(1, made + 1))
        tasks = {f"Task {each}" for each in range(1, made + 1)} - gone
        assert Counter(there(exchange, "tasks")) == Counter(tasks)
        assert {row["set"]["subject"] for row in records(estate) if row["kind"] == "task"} == tasks
        # Nobody hears of a meeting twice.
        heard = Counter(there(exchange, "inbox", OFFICE))
        assert len(heard) == made
        assert set(heard.values()) == {1}
        asked = len(exchange.recorder.kept)
        estate("sync")
        assert [one.operation for one in exchange.recorder.kept[asked:]] == ["SyncFolderItems"] * 3
