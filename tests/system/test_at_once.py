"""Several processes on one environment at the same time: everything is stored once, sent once, and whoever waits says for whom."""

from __future__ import annotations

import json
import signal
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconcile.store.sqlite.database import Database
from reconcile.store.sqlite.mail import SqliteMailStore
from support.dovecot import PASSWORD, Dovecot, running
from support.line import Line, line_to
from support.mail_estate import MailEstate, end, ended, wait_until
from support.smtp_fault import Delay, FaultServer

pytestmark = pytest.mark.servers
NAMES = tuple(f"box{number}" for number in range(3))
USERS = [f"{name}@contoso.example" for name in NAMES]
EACH = 150


def letter(user: str, number: int) -> bytes:
    """Every fifth is the same mail in all mailboxes; every seventh has no Message-ID."""
    if number % 5 == 0:
        return b"Message-ID: <all-%d@contoso.example>\r\nSubject: all\r\n\r\nto everybody %d\r\n" % (number, number)
    name = b"" if number % 7 == 0 else b"Message-ID: <%d.%s>\r\n" % (number, user.encode())
    return name + b"Subject: %d\r\n\r\n" % number + (b"%d %s " % (number, user.encode())) * 400 + b"\r\n"


@pytest.fixture
def dovecot() -> Iterator[Dovecot]:
    with running(users=dict.fromkeys(USERS, PASSWORD)) as server:
        for user in USERS:
            server.deliver_all(user, [(letter(user, number), None) for number in range(EACH)])
        yield server


@pytest.fixture
def smtp() -> Iterator[FaultServer]:
    with FaultServer() as server:
        yield server


@pytest.fixture
def line(dovecot: Dovecot) -> Iterator[Line]:
    with line_to(dovecot.imaps) as made:
        yield made


@pytest.fixture
def estate(tmp_path: Path, dovecot: Dovecot, line: Line, smtp: FaultServer) -> MailEstate:
    made = MailEstate(
        folder=tmp_path / "place",
        imap=line.port,
        authority=dovecot.authority,
        smtp=smtp.port,
        smtp_authority=smtp.authority,
        password=PASSWORD,
        names=NAMES,
    )
    made("apply", "--yes")
    return made


def compare(dovecot: Dovecot, estate: MailEstate) -> None:
    """Every message of the server is in the store with its bytes, and nothing is there twice or besides."""
    contents: set[bytes] = set()
    with Database.open(estate.state / "test" / "engine.db", read_only=True) as database:
        store = SqliteMailStore(database, estate.state / "test")
        assert database.reader().execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        ids = dict(database.reader().execute("SELECT name, external_id FROM resource WHERE kind = 'Mailbox'").fetchall())
        for name, user in zip(NAMES, USERS, strict=True):
            found = database.reader().execute("SELECT remote, activity_id FROM mail_locations WHERE mailbox_id = ?", (ids[name],))
            rows = found.fetchall()
            here, server = {int(remote): activity for remote, activity in rows}, dovecot.messages(user)
            assert len(rows) == len(here)
            assert set(here) == set(server)
            for uid, raw in server.items():
                assert b"".join(store.raw(here[uid])) == raw
            contents |= set(server.values())
        assert database.reader().execute("SELECT count(*) FROM mail_activities").fetchone()[0] == len(contents)
        store.close()


def test_two_at_once_store_everything_once(estate: MailEstate, dovecot: Dovecot) -> None:
    for _ in range(3):
        both = [estate.start("sync", "-o", "json") for _ in range(2)]
        try:
            answers = [ended(process) for process in both]
        finally:
            for process in both:
                end(process)
        assert {answer.code for answer in answers} <= {0, 8}, answers
        documents = [answer.document for answer in answers]
        assert all(row["error"] is None for document in documents for row in document["mailboxes"])
        for user in USERS:
            dovecot.deliver_all(user, [(letter(user, EACH + number), None) for number in range(2, 4)])
    estate("sync")
    compare(dovecot, estate)


def test_the_second_says_who_holds_the_mailboxes(estate: MailEstate, dovecot: Dovecot, line: Line) -> None:
    line.hold(after=60_000)
    first = estate.start("sync", "-o", "json")
    try:
        wait_until(lambda: line.waiting == len(NAMES))
        held = estate("mailboxes", "-o", "json").document["mailboxes"]
        assert all(f"process {first.pid} " in row["receivingNow"] for row in held), held
        second = estate("sync", code=8)
        assert second.out.count(f"being synchronised by process {first.pid} ") == len(NAMES), second.out
        document = estate("sync", "-o", "json", code=8).document
        assert document["exit"] == "locked"
        assert all(f"process {first.pid} " in row["skipped"] for row in document["mailboxes"])
        assert [row["atServer"] for row in document["mailboxes"]] == [None] * len(NAMES)
        line.release()
        assert ended(first).code == 0
    finally:
        end(first)
    compare(dovecot, estate)


def test_a_loop_waits_for_a_sync_and_takes_over_when_that_dies(estate: MailEstate, dovecot: Dovecot, line: Line) -> None:
    line.hold(after=60_000)
    first, loop = estate.start("sync"), None
    try:
        wait_until(lambda: line.waiting == len(NAMES))
        loop = estate.start("run", "--interval", "1", "-o", "json")
        # Long enough for several passes: it comes round and finds all of them taken.
        time.sleep(3)
        held = estate("mailboxes", "-o", "json").document["mailboxes"]
        assert all(f"process {first.pid} " in row["receivingNow"] for row in held), held
        first.kill()
        line.release()
        wait_until(lambda: all(row["decided"] == EACH for row in estate("mailboxes", "-o", "json").document["mailboxes"]))
        loop.send_signal(signal.SIGTERM)
        done = ended(loop)
    finally:
        end(first)
        if loop is not None:
            end(loop)
    assert done.code == 0, done
    events = [json.loads(text) for text in done.out.splitlines()]
    assert [event["kind"] for event in events if event["part"] == "loop"] == ["stopped"]
    assert not [event for event in events if event["kind"] in ("requeued", "stalled")], events
    compare(dovecot, estate)


@pytest.mark.slow
def test_one_outbox_sent_by_two_is_sent_once(estate: MailEstate, smtp: FaultServer) -> None:
    count = 12
    for number in range(count):
        estate(
            "outbox", "add", "--from", NAMES[number % 3], "--to", f"a{number}@contoso.example", "--to", "all@contoso.example", "--text", "x"
        )
    smtp.plan("end", *[Delay(0.2)] * count)
    both = [estate.start("sync", "-o", "json") for _ in range(2)]
    try:
        documents = [json.loads(ended(process).out) for process in both]
    finally:
        for process in both:
            end(process)
    estate("sync", code=0)
    sent = Counter(recipient for mail in smtp.taken for recipient in mail.recipients)
    assert sent == {**{f"a{number}@contoso.example": 1 for number in range(count)}, "all@contoso.example": count}
    told = [mail["id"] for document in documents for mail in document["outgoing"]["mails"]]
    assert sorted(told) == sorted(set(told)), "each mail is told by the one that sent it"
    assert {mail["state"] for mail in estate("outbox", "list", "-o", "json").document["mails"]} == {"sent"}
