"""Asked to end while a server says nothing: soon, with the code for it, and the next run goes on where this one was."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.dovecot import PASSWORD, Dovecot, running
from support.line import Line, line_to
from support.mail_estate import MailEstate, end, ended, wait_until

pytestmark = pytest.mark.servers
USER = "sales@contoso.example"
COUNT = 120


@pytest.fixture
def dovecot() -> Iterator[Dovecot]:
    with running(users={USER: PASSWORD}) as server:
        server.deliver_all(USER, [(b"Message-ID: <%d@contoso.example>\r\n\r\n" % n + b"x" * 5000, None) for n in range(COUNT)])
        yield server


@pytest.fixture
def line(dovecot: Dovecot) -> Iterator[Line]:
    with line_to(dovecot.imaps) as made:
        yield made


@pytest.fixture
def estate(tmp_path: Path, dovecot: Dovecot, line: Line) -> MailEstate:
    # A server may be silent for longer than any of these tests takes.
    variables = {"RECONCILE_SILENCE_TIMEOUT": "120", "RECONCILE_CONNECT_TIMEOUT": "120"}
    made = MailEstate(folder=tmp_path / "place", imap=line.port, authority=dovecot.authority, password=PASSWORD, variables=variables)
    made("apply", "--yes")
    return made


@pytest.mark.parametrize(
    ("octets", "times", "within"), [(100_000, 1, 10.0), (0, 2, 3.0)], ids=["once, in the middle of a message", "twice, before the greeting"]
)
def test_ctrl_c_ends_a_sync_soon_and_breaks_nothing(estate: MailEstate, line: Line, octets: int, times: int, within: float) -> None:
    line.hold(after=octets)
    process = estate.start("sync", "-o", "json")
    try:
        wait_until(lambda: line.waiting == 1)
        asked = time.monotonic()
        for _ in range(times):
            process.send_signal(signal.SIGINT)
            time.sleep(0.3)
        done = ended(process, within=within)
    finally:
        end(process)
    assert time.monotonic() - asked < within
    assert done.code == 130
    assert json.loads(done.out)["exit"] == "interrupted"
    assert done.err.strip() == "interrupted"
    line.release()
    assert estate("sync", "-o", "json").document["mailboxes"][0]["atServer"] == COUNT
    (row,) = estate("mailboxes", "-o", "json").document["mailboxes"]
    assert (row["tracked"], row["decided"], row["receivingNow"]) == (COUNT, COUNT, None)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_ends_the_loop_at_once(estate: MailEstate, line: Line, number: int) -> None:
    line.hold(after=100_000)
    process = estate.start("run", "-o", "json")
    try:
        wait_until(lambda: line.waiting == 1)
        process.send_signal(number)
        time.sleep(0.5)
        assert process.poll() is None, "the first one lets the work at hand end"
        asked = time.monotonic()
        process.send_signal(number)
        done = ended(process, within=5)
    finally:
        end(process)
    assert time.monotonic() - asked < 3
    assert done.code in (130, -signal.SIGTERM)
    assert [json.loads(text) for text in done.out.splitlines()]
    line.release()
    estate("sync")
    assert estate("mailboxes", "-o", "json").document["mailboxes"][0]["tracked"] == COUNT


def test_the_loop_ends_when_its_work_at_hand_does(estate: MailEstate, line: Line) -> None:
    line.hold(after=100_000)
    process = estate.start("run", "-o", "json")
    try:
        wait_until(lambda: line.waiting == 1)
        process.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        assert process.poll() is None
        line.release()
        done = ended(process, within=10)
    finally:
        end(process)
    assert done.code == 0
    assert json.loads(done.out.splitlines()[-1])["kind"] == "stopped"
