"""Mail that people put into tracked folders, from the command line: tracked whatever the filter says, about the folder's record, once."""

from __future__ import annotations

import json
import os
import random
import signal
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from support.exchange_estate import ExchangeEstate, exchange_estate
from support.exchange_folders import ORGANIZATION, drop, make_folder, move
from support.exchange_sandbox import letter

SALES = "sales@contoso.example"
FABRIKAM = "Projects/Fabrikam"


def declare(estate: ExchangeEstate, *folders: str, filter_: str = "replies") -> None:
    (estate.estate / "organization.yaml").write_text(ORGANIZATION)
    mailbox = estate.estate / "sales.yaml"
    lines = mailbox.read_text().replace("filter: all", f"filter: {filter_}").splitlines()
    kept = [line for line in lines if not line.startswith(("  trackedFolders", "    - "))]
    mailbox.write_text("\n".join([*kept, "  trackedFolders:", *(f'    - "{folder}"' for folder in folders), ""]))
    estate("apply", "--yes")


def tracked(estate: ExchangeEstate, *words: str) -> dict[str, dict[str, Any]]:
    found = [json.loads(line) for line in estate("activities", "list", "--output", "json", *words).out.splitlines()]
    assert len({one["subject"] for one in found}) == len(found)
    return {one["subject"]: one for one in found}


def test_what_is_moved_into_a_folder_is_tracked_about_its_record(tmp_path: Path) -> None:
    with exchange_estate(tmp_path) as (exchange, estate):
        exchange.letters(4, SALES)
        make_folder(exchange, FABRIKAM)
        declare(estate, f"{FABRIKAM} = account:4711:Fabrikam Ltd")
        estate("sync")
        assert tracked(estate) == {}
        # It was looked at already, and not tracked: a person says that it is.
        move(exchange, "Letter 2", FABRIKAM)
        exchange.deliver(letter("At once", to=SALES, message_id="<once@elsewhere.example>"), SALES)
        move(exchange, "At once", FABRIKAM)
        shown = estate("sync").out
        found = tracked(estate)
        assert set(found) == {"Letter 2", "At once"}
        assert [one["regarding"] for one in found.values()] == [{"type": "account", "id": "4711", "name": "Fabrikam Ltd"}] * 2
        told = estate("explain", "message", "letter-2@elsewhere.example").out
        assert "tracked-folder" in told, told
        assert "Projects/Fabrikam (account Fabrikam Ltd)" in told
        assert "2" in shown
        # Nothing new: the inbox, the folders below it, and the one that is tracked.
        asked = len(exchange.recorder.kept)
        estate("sync")
        assert [one.operation for one in exchange.recorder.kept[asked:]] == ["SyncFolderItems", "FindFolder", "SyncFolderItems"]
        assert len(tracked(estate)) == 2


@pytest.mark.slow
def test_mail_that_was_tracked_stays_one_when_it_is_moved(tmp_path: Path) -> None:
    with exchange_estate(tmp_path) as (exchange, estate):
        exchange.letters(2, SALES)
        make_folder(exchange, FABRIKAM)
        make_folder(exchange, "Adatum")
        declare(estate, f"{FABRIKAM} = account:4711", "adatum = account:12", filter_="all")
        estate("sync")
        assert {one["regarding"] for one in tracked(estate).values()} == {None}
        move(exchange, "Letter 1", FABRIKAM)
        estate("sync")
        found = tracked(estate)
        assert (found["Letter 1"]["regarding"]["id"], found["Letter 2"]["regarding"]) == ("4711", None)
        # Somebody corrects it: that stays, also when everything is listed anew.
        estate("activities", "edit", str(found["Letter 1"]["id"]), "--regarding", "contact:7:Ada")
        with exchange.organization.lock:
            exchange.mailbox(SALES).expire_states()
        estate("sync")
        assert tracked(estate)["Letter 1"]["regarding"]["id"] == "7"
        move(exchange, "Letter 1", "Adatum")
        estate("sync")
        assert tracked(estate)["Letter 1"]["regarding"]["id"] == "12"
        assert len(tracked(estate)) == 2


@pytest.mark.slow
def test_a_folder_that_is_not_there_is_said_and_keeps_no_mail_back(tmp_path: Path) -> None:
    with exchange_estate(tmp_path) as (exchange, estate):
        exchange.letters(1, SALES)
        make_folder(exchange, "Adatum")
        declare(estate, FABRIKAM, "Adatum", filter_="all")
        move(exchange, "Letter 1", "Adatum")
        exchange.deliver(letter("Here", to=SALES, message_id="<here@elsewhere.example>"), SALES)
        shown = estate("sync").out
        assert "tracked folder not read: Projects/Fabrikam: there is no such folder below the inbox" in shown
        assert set(tracked(estate)) == {"Letter 1", "Here"}
        (status,) = json.loads(estate("mailboxes", "--output", "json", code=None).out)["mailboxes"]
        assert (status["health"], status["foldersNotRead"]) == (
            "stalled",
            ["Projects/Fabrikam: there is no such folder below the inbox"],
        )
        make_folder(exchange, FABRIKAM)
        drop(exchange, "Adatum")
        estate("sync")
        (status,) = json.loads(estate("mailboxes", "--output", "json", code=None).out)["mailboxes"]
        assert status["foldersNotRead"] == ["Adatum: there is no such folder below the inbox"]


@pytest.mark.slow
def test_folders_that_are_declared_and_not_read_are_named(tmp_path: Path) -> None:
    with exchange_estate(tmp_path) as (exchange, estate):
        declare(estate, FABRIKAM)
        (estate.estate / "organization.yaml").write_text(ORGANIZATION.replace("true", "false"))
        planned = estate("plan", code=None).out
        assert "the Organization does not say tracking.folderTracking: true" in planned, planned
        estate("apply", "--yes")
        shown = estate("sync").out
        assert "trackedFolders" in shown
        assert "does not say tracking.folderTracking: true" in shown
        assert [one.operation for one in exchange.recorder.kept].count("FindFolder") == 0


@pytest.mark.slow
def test_killed_while_people_move_mail(tmp_path: Path) -> None:
    """kill -9 around each request: what lies in a folder is tracked about its record in the end, and everything once."""
    dice, kills, moments = random.Random(20261123), 0, Counter[str]()
    with exchange_estate(tmp_path) as (exchange, estate):
        for folder in (FABRIKAM, "Adatum"):
            make_folder(exchange, folder)
        declare(estate, f"{FABRIKAM} = account:4711", "Adatum = account:12", filter_="all")
        places: dict[str, str] = {}
        for number in range(24):
            for _ in range(3):
                subject = f"Letter {len(places) + 1}"
                exchange.deliver(letter(subject, to=SALES, message_id=f"<l{len(places) + 1}@elsewhere.example>"), SALES)
                places[subject] = ""
            for subject in dice.sample(sorted(places), 3):
                # Back to the inbox nobody takes a record away, so mail goes on from folder to folder.
                places[subject] = dice.choice([FABRIKAM, "Adatum"])
                move(exchange, subject, places[subject])
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
            estate("sync")
        found = tracked(estate, "--limit", "1000")
        assert set(found) == set(places)
        records = {FABRIKAM: "4711", "Adatum": "12", "": None}
        wrong = {
            subject: one["regarding"] for subject, one in found.items() if (one["regarding"] or {}).get("id") != records[places[subject]]
        }
        assert wrong == {}
        asked = len(exchange.recorder.kept)
        estate("sync")
        assert {one.operation for one in exchange.recorder.kept[asked:]} == {"SyncFolderItems", "FindFolder"}
