"""`reconcile run` at Exchange with `incoming.idle`: what somebody edits in Outlook is here long before the next look by time."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from reconcile.mail.ews.collection import EwsCollection
from reconcile.mail.ews.sessions import Sessions
from reconcile.model.item import Appointment, ItemKind
from support.ews_accounts import account_of
from support.exchange_estate import ExchangeEstate, exchange_estate
from support.exchange_folders import ORGANIZATION, make_folder, move
from support.exchange_sandbox import SALES, letter
from support.item_estate import records
from support.mail_estate import end

pytestmark = [pytest.mark.servers, pytest.mark.slow]


def declare(estate: ExchangeEstate) -> None:
    profile, mailbox = estate.estate / "profile.yaml", estate.estate / "sales.yaml"
    # By time alone nothing would come within this test.
    profile.write_text(
        profile.read_text().replace("minPollingInterval: 0m", "minPollingInterval: 30m").replace("keywords: true", "idle: true")
    )
    more = '  appointmentsContactsTasks: server-side\n  trackedFolders: ["Projects"]\n'
    mailbox.write_text(mailbox.read_text().replace("  filter: all\n", f"  filter: none\n{more}"))
    (estate.estate / "organization.yaml").write_text(ORGANIZATION)


def test_what_is_told_is_looked_at(tmp_path: Path) -> None:
    with exchange_estate(tmp_path) as (exchange, estate):
        make_folder(exchange, "Projects", SALES)
        declare(estate)
        estate("apply", "--yes")
        process = estate.start("run")
        try:
            deadline = time.monotonic() + 60
            while "GetStreamingEvents" not in {one.operation for one in exchange.recorder.kept}:
                assert time.monotonic() < deadline
                time.sleep(0.1)
            time.sleep(3)  # what was due by time is over
            begun = time.monotonic()
            at = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)
            item = Appointment(subject="Review", scheduledstart=at, scheduledend=at + timedelta(hours=1))
            calendar = EwsCollection(account_of(exchange, SALES), Sessions(), ItemKind.APPOINTMENT, None)
            calendar.create("", item, invite=False, categories=frozenset({"Tracked to reconcile"}), contents=lambda _: b"")
            exchange.deliver(letter("Filed", to=SALES), SALES)
            exchange.mailbox(SALES)
            move(exchange, "Filed", "Projects", SALES)
            while not (
                [one for one in records(estate) if one["set"]["subject"] == "Review"] and "Filed" in estate("activities", "list").out
            ):
                assert process.poll() is None
                assert time.monotonic() - begun < 75, (records(estate), estate("activities", "list"))
                time.sleep(1)
        finally:
            process.terminate()
            end(process)
