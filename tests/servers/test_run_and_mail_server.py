"""`run` as a process beside a real server: it waits for news by IDLE, and says once that a mailbox works again."""

from __future__ import annotations

import json
import signal
import sqlite3
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from support.dovecot import PASSWORD, Dovecot, running
from support.mail_estate import MailEstate, end, ended, wait_until
from support.receiving_world import mail

pytestmark = [pytest.mark.servers, pytest.mark.slow]
SALES = "sales@contoso.example"


@pytest.fixture
def dovecot() -> Iterator[Dovecot]:
    with running(users={SALES: PASSWORD}) as server:
        yield server


def estate(folder: Path, dovecot: Dovecot, password: str = PASSWORD) -> MailEstate:
    return MailEstate(folder=folder, imap=dovecot.imaps, authority=dovecot.authority, password=password)


def tracked(place: MailEstate) -> int:
    store = place.state / "test" / "engine.db"
    if not store.exists():
        return 0
    with sqlite3.connect(f"file:{store}?mode=ro", uri=True) as connection:
        return int(connection.execute("SELECT count(*) FROM mail_activities").fetchone()[0])


def has(place: MailEstate, number: int) -> bool:
    return tracked(place) == number


def test_news_come_by_idle_long_before_the_next_poll(tmp_path: Path, dovecot: Dovecot) -> None:
    place = estate(tmp_path, dovecot)
    profile = place.estate / "profile.yaml"
    text = profile.read_text().replace("credentials: user-or-queue}", "credentials: user-or-queue, idle: true}")
    assert "idle: true" in text
    profile.write_text(text + "  minPollingInterval: 600m\n")
    dovecot.deliver(SALES, mail(1))
    place("apply", "--yes")
    loop = place.start("run", "--interval", "60")
    try:
        wait_until(lambda: tracked(place) == 1)
        for number in (2, 3):
            dovecot.deliver(SALES, mail(number))
            wait_until(partial(has, place, number), within=20)
        loop.send_signal(signal.SIGTERM)
        assert ended(loop).code == 0
    finally:
        end(loop)


def test_a_mailbox_that_works_again_is_told_once(tmp_path: Path, dovecot: Dovecot) -> None:
    place = estate(tmp_path, dovecot, "wrong")
    place("apply", "--yes")
    place("sync", code=1)
    place.secret("password", PASSWORD.encode())
    place.generation = 2
    place.write()
    told = [json.loads(line) for line in place("run", "--once", "--output", "json").out.splitlines()]
    (event,) = [one for one in told if one["part"] == "mail"]
    assert event["recovered"] == {"mailboxes": ["sales"], "servers": [], "profiles": []}
    assert event["message"].endswith("; sales works again")
    assert "works again" not in place("run", "--once").out
