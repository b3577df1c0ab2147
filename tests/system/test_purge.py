"""Purging with the commands themselves: gone from every file, not back with the next sync, and nothing else lost."""

from __future__ import annotations

import json
import random
import shutil
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from reconcile.store.sqlite.database import Database
from reconcile.store.sqlite.mail import SqliteMailStore
from reconcile.store.sqlite.purge import SqlitePurge
from support.dovecot import PASSWORD, Dovecot, running
from support.mail_estate import MailEstate

pytestmark = pytest.mark.servers
NAMES = ["sales", "info"]
DAY = 86_400


def mail(number: int, user: str, *, size: int = 400, nameless: bool = False) -> bytes:
    text = random.Random(f"{number}{user}").randbytes(size // 2).hex().encode()
    name = b"" if nameless else b"Message-ID: <%d.%s@contoso.example>\r\n" % (number, user.encode())
    return name + b"Subject: canary-%d-%s\r\n\r\n%s\r\n" % (number, user.encode(), text)


def shared(number: int) -> bytes:
    return b"Message-ID: <shared-%d@contoso.example>\r\nSubject: shared %d\r\n\r\nto both\r\n" % (number, number)


@pytest.fixture(scope="module")
def dovecot() -> Iterator[Dovecot]:
    with running(users={f"{name}@contoso.example": PASSWORD for name in NAMES}) as server:
        yield server


@pytest.fixture
def estate(tmp_path: Path, dovecot: Dovecot) -> MailEstate:
    for name in NAMES:
        shutil.rmtree(dovecot.base / "mail" / f"{name}@contoso.example", ignore_errors=True)
    made = MailEstate(folder=tmp_path, imap=dovecot.imaps, authority=dovecot.authority, password=PASSWORD, names=NAMES)
    made("apply", "--yes")
    return made


def tracked(estate: MailEstate) -> dict[int, bytes]:
    """Every stored mail, byte for byte, by its id."""
    with Database.open(estate.state / "test" / "engine.db", read_only=True) as database:
        assert database.reader().execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        assert database.reader().execute("PRAGMA foreign_key_check").fetchall() == []
        store = SqliteMailStore(database, estate.state / "test")
        return {each.id: b"".join(store.raw(each.id)) for each in store.activities(mailbox_id=None, since=None, limit=None)}


def on_disk(estate: MailEstate, *words: bytes) -> list[str]:
    """Files of the state that have any of these words in them."""
    files = [path for path in (estate.state / "test").rglob("*") if path.is_file()]
    return [path.name for path in files if any(word in path.read_bytes() for word in words)]


def deliver(dovecot: Dovecot, name: str, messages: list[bytes], *, age: float = 0.0) -> None:
    dovecot.deliver_all(f"{name}@contoso.example", [(one, time.time() - age * DAY - index) for index, one in enumerate(messages)])


def test_old_mail_is_gone_from_every_file_and_does_not_come_back(estate: MailEstate, dovecot: Dovecot) -> None:
    old = [mail(number, "sales", nameless=number % 3 == 0) for number in range(60)]
    new = [mail(number, "sales", nameless=number % 3 == 0) for number in range(100, 140)]
    deliver(dovecot, "sales", old, age=400)
    deliver(dovecot, "sales", new, age=10)
    estate("sync")
    estate("activities", "show", "1")
    words = [f"canary-{number}-sales".encode() for number in range(60)]
    assert on_disk(estate, *words) != []
    shown = estate("purge", "--older-than", "365d", "-o", "json").document
    assert (shown["mails"], shown["done"]) == (60, False)
    assert shown["bytes"] == sum(len(one) for one in old)
    assert len(tracked(estate)) == 100
    # Somebody who reads keeps the write-ahead log from being taken away with the last process.
    with Database.open(estate.state / "test" / "engine.db", read_only=True) as reading:
        reading.reader().execute("SELECT count(*) FROM mail_activities").fetchone()
        done = estate("purge", "--older-than", "365d", "--yes", "-o", "json").document
        assert (done["mails"], done["erased"], done["packsInUse"]) == (60, shown["bytes"], 0)
        assert on_disk(estate, *words, *old) == []
    assert sorted(tracked(estate).values()) == sorted(new)
    # The next sync, a listing from the beginning, and other numbers at the server bring none of it back, and lose nothing else.
    estate("sync")
    deliver(dovecot, "sales", [mail(200, "sales")])
    dovecot.renew_uidvalidity("sales@contoso.example", 77)
    estate("sync")
    assert sorted(tracked(estate).values()) == sorted([*new, mail(200, "sales")])
    estate("purge", "--older-than", "365d", "--yes")
    assert on_disk(estate, *words) == []
    assert estate("purge", "--older-than", "365d", "-o", "json").document["mails"] == 0
    history = json.dumps(json.loads(estate("history", "-o", "json").out))
    assert '"purge"' in history
    assert "asked for: 60 tracked, 0 outgoing" in history
    assert "canary" not in history


def test_one_mail_that_a_person_asks_for_goes_from_every_mailbox(estate: MailEstate, dovecot: Dovecot) -> None:
    deliver(dovecot, "sales", [shared(1), mail(2, "sales")])
    estate("sync", "sales")
    (identity,) = [number for number, raw in tracked(estate).items() if raw == shared(1)]
    estate("purge", "--activity", str(identity), "--yes")
    # The other mailbox has not brought it yet.
    deliver(dovecot, "info", [shared(1), mail(3, "info")])
    estate("sync")
    assert sorted(tracked(estate).values()) == sorted([mail(2, "sales"), mail(3, "info")])
    assert on_disk(estate, b"to both") == []


def test_off_boarding_takes_what_is_left_of_a_mailbox_and_nothing_of_others(estate: MailEstate, dovecot: Dovecot) -> None:
    deliver(dovecot, "sales", [shared(1), mail(1, "sales")])
    deliver(dovecot, "info", [shared(1), mail(2, "info"), mail(3, "info")])
    estate("sync", "info")
    # A mail to both that sales has not brought yet must not be lost for it.
    (estate.estate / "info.yaml").unlink()
    estate("apply", "--yes", "--lift-brake", "bulk-delete", code=None)
    assert "info" not in estate("mailboxes").out
    done = estate("purge", "--mailbox", "info@contoso.example", "--yes", "-o", "json").document
    assert (done["mails"], done["released"]) == (3, 0)
    assert tracked(estate) == {}
    estate("sync")
    assert sorted(tracked(estate).values()) == sorted([shared(1), mail(1, "sales")])
    assert on_disk(estate, b"canary-2-info", b"canary-3-info", b"info@contoso.example") in ([], ["engine.db"]), "only the audit trail"
    assert "no mailbox 'info'" in estate("purge", "--mailbox", "info", code=1).err


def test_what_another_mailbox_holds_stays_there(estate: MailEstate, dovecot: Dovecot) -> None:
    for name in NAMES:
        deliver(dovecot, name, [shared(1), mail(1, name)])
    estate("sync")
    before = {one["mailboxes"][0] for one in map(json.loads, estate("activities", "list", "-o", "json").out.splitlines())}
    assert before
    done = estate("purge", "--mailbox", "info", "--yes", "-o", "json").document
    assert (done["mails"], done["released"]) == (1, 1)
    dovecot.renew_uidvalidity("info@contoso.example", 99)
    estate("sync")
    assert sorted(tracked(estate).values()) == sorted([shared(1), mail(1, "sales")])
    listed = [json.loads(line) for line in estate("activities", "list", "-o", "json").out.splitlines()]
    assert [one["mailboxes"] for one in listed] == [["sales"], ["sales"]]


def test_retention_is_kept_by_the_loop_and_keeps_old_mail_out(estate: MailEstate, dovecot: Dovecot) -> None:
    deliver(dovecot, "sales", [mail(1, "sales"), mail(4, "sales")], age=40)
    deliver(dovecot, "sales", [mail(2, "sales")], age=5)
    estate("sync")
    assert len(tracked(estate)) == 3
    environment = estate.estate / "environment.yaml"
    text = environment.read_text()
    environment.write_text(text.replace("]}", "], retention: {mail: 30d, outgoing: 30d}}"))
    deliver(dovecot, "info", [mail(3, "info")], age=50)
    assert "brake retention-shortened" in estate("run", "--once", code=4).out
    assert len(tracked(estate)) == 3
    estate("apply", "--yes", "--lift-brake", "retention-shortened")
    done = estate("run", "--once", "-o", "json")
    events = [json.loads(line) for line in done.out.splitlines()]
    assert [event["purged"] for event in events if event["part"] == "retention"] == [2]
    assert list(tracked(estate).values()) == [mail(2, "sales")]
    assert on_disk(estate, b"canary-1-sales", b"canary-3-info", b"canary-4-sales") == []
    # A longer retention brings what was never here, and not what was purged.
    environment.write_text(text.replace("]}", "], retention: {mail: 300d}}"))
    estate("run", "--once")
    estate("sync")
    assert sorted(tracked(estate).values()) == sorted([mail(2, "sales"), mail(3, "info")])


def test_a_clock_that_went_far_ahead_is_not_purged_by_until_a_person_says_it_is_right(estate: MailEstate, dovecot: Dovecot) -> None:
    deliver(dovecot, "sales", [mail(1, "sales")], age=800)
    estate("sync")
    with Database.open(estate.state / "test" / "engine.db") as database:
        SqlitePurge(database, estate.state / "test").believe_clock(datetime.now(UTC) - timedelta(days=400))
    refused = estate("purge", "--older-than", "730d", "--yes", code=1)
    assert "the clock of this host is 400 days ahead" in refused.err
    assert "--clock-is-right" in refused.err
    assert len(tracked(estate)) == 1
    estate("purge", "--clock-is-right")
    estate("purge", "--older-than", "730d", "--yes")
    assert tracked(estate) == {}
    with Database.open(estate.state / "test" / "engine.db", read_only=True) as database:
        assert "believe-clock" in [row[0] for row in database.reader().execute("SELECT action FROM audit")]


def test_sent_mail_is_purged_and_its_key_is_never_used_again(estate: MailEstate) -> None:
    estate(
        "outbox", "add", "--from", "sales", "--to", "who@contoso.example", "--subject", "canary-out", "--text", "body-canary", "--key", "k1"
    )
    estate("outbox", "add", "--from", "sales", "--to", "b@contoso.example", "--subject", "stays", "--text", "x", "--key", "k2")
    estate("outbox", "withdraw", "1")
    shown = estate("purge", "--mailbox", "sales", "-o", "json").document
    assert (shown["outgoing"], shown["notSettled"]) == (1, 1)
    waiting = estate("purge", "--outgoing", "2", "--yes", code=1)
    assert "mail 2 is pending-send, and only what is sent or failed for good can be purged" in waiting.err
    assert "outbox withdraw 2" in waiting.err
    done = estate("purge", "--outgoing", "1", "--yes", "-o", "json").document
    assert done["outgoing"] == 1
    assert on_disk(estate, b"canary-out", b"body-canary", b"who@contoso.example") == []
    assert [one["id"] for one in estate("outbox", "list", "-o", "json").document["mails"]] == [2]
    again = estate(
        "outbox", "add", "--from", "sales", "--to", "who@contoso.example", "--subject", "x", "--text", "x", "--key", "k1", code=1
    )
    assert "purged since" in again.err


def rows(estate: MailEstate) -> tuple[int, int, int]:
    """(stored mails, packs that still hold purged bytes, packs whose file must go)"""
    with Database.open(estate.state / "test" / "engine.db", read_only=True) as database:
        query = "SELECT (SELECT count(*) FROM mail_activities), sum(erase > 0), sum(retired = 1) FROM mail_packs"
        mails, erase, retired = database.reader().execute(query).fetchone()
    return mails, erase or 0, retired or 0


def test_a_purge_that_is_killed_is_carried_on_and_loses_nothing(estate: MailEstate, dovecot: Dovecot) -> None:
    new = [mail(number, "info", size=150_000) for number in range(60)]
    rounds = 9
    for number in range(rounds):
        # Each round purges what is oldest, and rewrites the packs in which the rest lies.
        deliver(dovecot, "sales", [mail(1000 * number + one, "sales", size=150_000) for one in range(8)], age=400 + 10 * number)
    deliver(dovecot, "info", new, age=1)
    estate("sync")
    packs, moments = estate.state / "test" / "packs", set[str]()
    for number in range(rounds):
        before, files = rows(estate), {*packs.glob("*.pack")}
        process = estate.start("purge", "--older-than", f"{400 + 10 * (rounds - 1 - number) - 5}d", "--yes")
        further = [
            lambda: True,
            lambda files=files: bool({*packs.glob("*.pack")} - files),
            lambda: rows(estate)[2] > 0,
        ][number % 3]
        # The last round may have left a file to go: this round counts from where its own mails went.
        while process.poll() is None and not (rows(estate)[0] < before[0] and further()):
            pass
        process.kill()
        process.communicate()
        there, after = tracked(estate), rows(estate)
        assert set(new) <= set(there.values())
        assert len(there) == after[0] == len(new) + 8 * (rounds - 1 - number)
        gone = "purged" if not after[1] else "rows only"
        moments.add(f"{gone}, {'old file left' if after[2] else 'no old file'}, {'new file' if {*packs.glob('*.pack')} - files else ''}")
    estate("purge", "--older-than", "365d", "--yes")
    assert sorted(tracked(estate).values()) == sorted(new)
    assert rows(estate) == (len(new), 0, 0)
    assert on_disk(estate, *(mail(1000 * number, "sales", size=150_000)[:60] for number in range(rounds))) == []
    estate("sync")
    assert sorted(tracked(estate).values()) == sorted(new)
    assert len(moments) > 1, moments


def test_what_makes_no_sense_is_said(estate: MailEstate) -> None:
    assert "say what" in estate("purge", code=64).err
    assert "0 is everything" in estate("purge", "--older-than", "0d", code=64).err
    assert "no duration" in estate("purge", "--older-than", "never", code=64).err
    assert "name a single one" in estate("purge", "--activity", "1", "--mailbox", "sales", code=64).err
    assert "no mailbox" in estate("purge", "--mailbox", "nobody", code=1).err
