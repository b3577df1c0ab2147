"""kill -9 of `reconcile sync` around each request it makes about appointments, contacts and tasks: nothing is there twice, nobody is
invited twice, and both sides agree in the end."""

from __future__ import annotations

import base64
import os
import random
import signal
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from support.exchange_estate import ExchangeEstate
from support.exchange_sandbox import ExchangeSandbox
from support.item_estate import OFFICE, SALES, hand_in, item_estate, records, there

pytestmark = pytest.mark.slow


def killed(exchange: ExchangeSandbox, estate: ExchangeEstate, after: int, dice: random.Random) -> str | None:
    """`reconcile sync` ended by a signal just behind its request number `after`: its last one; None where it was quicker."""
    before = len(exchange.recorder.kept)
    process = estate.start("sync")
    while process.poll() is None and len(exchange.recorder.kept) < before + after:
        time.sleep(0.0005)
    time.sleep(dice.uniform(0.0, 0.02))
    with suppress(ProcessLookupError):
        os.kill(process.pid, signal.SIGKILL)
    process.communicate(timeout=60)
    if process.returncode != -signal.SIGKILL:
        return None
    seen = exchange.recorder.kept[before:]
    return seen[-1].operation if seen else "before the first"


def test_killed_around_every_request_about_files(tmp_path: Path) -> None:
    """Each file is there once, each meeting is announced once, and nothing that hangs on it goes."""
    dice, moments = random.Random(11), Counter[str]()
    with item_estate(tmp_path, organization="{linkedItems: {appointmentAttachments: true}}") as (exchange, estate):

        def file(number: int, version: int) -> dict[str, str]:
            return {"filename": f"{version}.txt", "base64": base64.b64encode(f"file {number} {version}".encode()).decode()}

        wanted_moments, made = {"CreateItem", "CreateAttachment", "UpdateItem"}, 0
        # On a busy machine a signal may miss one of them: then it goes on for a while.
        while made < 33 or (made < 66 and not wanted_moments <= set(moments)):
            made = number = made + 1
            start = f"2090-03-06T{number % 24:02}:00:00+01:00"
            meeting = {"subject": f"Meeting {number}", "scheduledstart": start, "scheduledend": start, "requiredattendees": [OFFICE]}
            files = {"attachments": [file(number, 1), file(number, 2)]}
            lines: list[dict[str, Any]] = [{"clientKey": f"a{number}", "kind": "appointment", "owner": SALES, "set": meeting | files}]
            if number > 1:
                changed = {"attachments": [file(number - 1, 2), file(number - 1, 3)]}
                lines.append({"clientKey": f"e{number}", "kind": "appointment", "id": number - 1, "set": changed})
            hand_in(estate, f"edits{number}", lines)
            if (moment := killed(exchange, estate, number % 17, dice)) is not None:
                moments[moment] += 1
        assert sum(moments.values()) >= 20
        assert wanted_moments <= set(moments), moments
        estate("sync")
        estate("sync")
        mailbox = exchange.mailbox(SALES)
        with exchange.organization.lock:
            items = list(mailbox.distinguished("calendar").items.values())
            found = {item.text("Subject"): sorted(one.content or b"" for one in item.attachments) for item in items}
        assert len(items) == len(found) == made
        wanted = {
            f"Meeting {one}": sorted(f"file {one} {each}".encode() for each in ((2, 3) if one < made else (1, 2)))
            for one in range(1, made + 1)
        }
        assert found == wanted
        assert all(len(row["set"]["attachments"]) == 2 for row in records(estate))
        heard = Counter(there(exchange, "inbox", OFFICE))
        assert (len(heard), set(heard.values())) == (made, {1})
        asked = len(exchange.recorder.kept)
        estate("sync")
        assert [one.operation for one in exchange.recorder.kept[asked:]] == ["SyncFolderItems"] * 3


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
            if (moment := killed(exchange, estate, number % 8, dice)) is not None:
                kills += 1
                moments[moment] += 1
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
