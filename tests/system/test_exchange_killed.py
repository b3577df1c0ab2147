"""kill -9 of `reconcile sync` over Exchange Web Services, around each request it makes: nothing is lost, nothing is there twice."""

from __future__ import annotations

import json
import os
import random
import signal
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pytest

from support.exchange_estate import exchange_estate
from support.exchange_sandbox import letter

pytestmark = pytest.mark.slow
SALES, OFFICE = "sales@contoso.example", "office@contoso.example"


def test_killed_around_every_request(tmp_path: Path) -> None:
    dice, kills, delivered, handed_in, moments = random.Random(20261123), 0, 0, 0, Counter[str]()
    with exchange_estate(tmp_path) as (exchange, estate):
        for number in range(24):
            for _ in range(3):
                delivered += 1
                exchange.deliver(letter(f"Letter {delivered}", to=SALES, message_id=f"<l{delivered}@elsewhere.example>"), SALES)
            handed_in += 1
            estate("outbox", "add", "--from", "sales", "--to", OFFICE, "--subject", f"Mail {handed_in}", "--text", "x")
            before = len(exchange.recorder.kept)
            process = estate.start("sync")
            wanted = before + number % 9
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
        assert kills >= 15
        assert len(moments) >= 4, moments
        for _ in range(2):
            estate("sync", code=None)
        listed = [json.loads(line) for line in estate("activities", "list", "--limit", "1000", "--output", "json").out.splitlines()]
        tracked = Counter(one["subject"] for one in listed if one["subject"].startswith("Letter"))
        assert tracked == Counter({f"Letter {number}": 1 for number in range(1, delivered + 1)})
        arrived = Counter(exchange.subjects("inbox", OFFICE))
        assert not [subject for subject, count in arrived.items() if count > 1]
        # What is said to be sent is there; what is not there is not lost: it waits, or a person is asked.
        entries = json.loads(estate("outbox", "list", "--output", "json").out)
        rows = next(value for value in entries.values() if isinstance(value, list))
        states = {row["subject"]: row.get("status") or row.get("state") or row["statusReason"] for row in rows}
        assert len(states) == handed_in
        for subject, state in states.items():
            assert state in ("sent", "sending", "uncertain", "pending-send", "pending"), (subject, state)
            if state == "sent":
                assert any(subject.split(" (")[0] in one for one in arrived), (subject, arrived)
        assert sum(state == "sent" for state in states.values()) >= handed_in - kills
