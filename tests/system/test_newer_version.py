"""A newer version brings the store to its schema while `run` of this one works: it writes nothing more, says so and ends."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from support.dovecot import PASSWORD, Dovecot, running
from support.mail_estate import MailEstate, end, ended, wait_until

pytestmark = pytest.mark.servers
USER = "sales@contoso.example"


@pytest.fixture
def dovecot() -> Iterator[Dovecot]:
    with running(users={USER: PASSWORD}) as server:
        server.deliver(USER, b"Message-ID: <1@contoso.example>\r\n\r\nfirst")
        yield server


def test_the_loop_ends_and_what_came_meanwhile_is_left_to_the_newer_version(tmp_path: Path, dovecot: Dovecot) -> None:
    estate = MailEstate(folder=tmp_path / "place", imap=dovecot.imaps, authority=dovecot.authority, password=PASSWORD)
    estate("apply", "--yes")

    def tracked() -> int:
        return int(estate("mailboxes", "-o", "json").document["mailboxes"][0]["tracked"])

    process = estate.start("run", "--interval", "2", "-o", "json")
    try:
        wait_until(lambda: tracked() == 1)
        (path,) = (tmp_path / "place").rglob("engine.db")
        with closing(sqlite3.connect(path, isolation_level=None)) as newer:
            schema = newer.execute("PRAGMA user_version").fetchone()[0]
            newer.execute(f"PRAGMA user_version={schema + 1}")
            dovecot.deliver(USER, b"Message-ID: <2@contoso.example>\r\n\r\nsecond")
            done = ended(process, within=30)
            assert newer.execute("SELECT count(*) FROM mail_activities").fetchone()[0] == 1
            newer.execute(f"PRAGMA user_version={schema}")
    finally:
        end(process)
    assert done.code == 1
    last = json.loads(done.out.splitlines()[-1])
    assert f"schema {schema + 1}" in last["error"]["message"]
    assert "version" in last["error"]["hint"]
    estate("sync")
    assert tracked() == 2
