"""One estate with queue, user, forward mailbox, directory and filters, killed (-9) at random moments: every message is decided once, what
is tracked is kept before it is deleted, and what is not tracked stays at the server."""

from __future__ import annotations

import hashlib
import random
import signal
import time
from collections import Counter
from pathlib import Path

import pytest

from reconcile.store.sqlite.database import Database
from reconcile.store.sqlite.mail import SqliteMailStore
from support.dovecot import PASSWORD, Dovecot, running
from support.mail_estate import MailEstate, end

pytestmark = [pytest.mark.servers, pytest.mark.slow]
NAMES = ("queue", "forward", "user", "behind")
BOX = """\
apiVersion: reconcile/v1alpha2
kind: Mailbox
metadata: {name: NAME}
spec:
  emailAddress: NAME@contoso.example
  profile: contoso
  MORE
  credentials: {allowUse: true, username: NAME@contoso.example, password: {ref: "file:password", generation: 1}}
"""
SETTINGS = {
    "queue": "type: queue; incoming: server-side; filter: all; deleteAfterProcessing: true",
    "forward": "type: forward; incoming: server-side; deleteAfterProcessing: true",
    "user": "type: user; incoming: server-side; filter: known-senders",
    "behind": "type: user; incoming: forward-mailbox; filter: known-senders",
}


def address(name: str) -> str:
    return f"{name}@contoso.example"


def mail(name: str, number: int) -> bytes:
    """Every third is of a sender whom nobody knows, some answer the one before, some are large, some have no id."""
    sender = "stranger@elsewhere.example" if number % 3 == 0 else "customer@fabrikam.example"
    named = b"" if number % 7 == 1 else b"Message-ID: <%d.%s@fabrikam.example>\r\n" % (number, name.encode())
    answers = b"In-Reply-To: <%d.%s@fabrikam.example>\r\n" % (number - 1, name.encode()) if number % 4 == 2 else b""
    size = 400_000 if number % 29 == 0 else 500
    head = f"Subject: {name} {number}\r\nFrom: {sender}\r\nTo: {address(name)}\r\n".encode()
    return named + answers + head + b"\r\n" + random.Random(number).randbytes(size // 2).hex().encode() + b"\r\n"


def wrapped(inner: bytes, number: int) -> bytes:
    return (
        b"From: rule@contoso.example\r\nTo: forward@contoso.example\r\nSubject: outer %d\r\nMIME-Version: 1.0\r\n"
        b"Content-Type: multipart/mixed; boundary=x--x\r\n\r\n--x--x\r\n\r\nforwarded\r\n--x--x\r\nContent-Type: message/rfc822\r\n\r\n%s"
        b"\r\n--x--x--\r\n"
    ) % (number, inner)


def is_tracked(name: str, number: int) -> bool:
    return name == "queue" or number % 3 != 0


def deliver(dovecot: Dovecot, first: int, count: int) -> None:
    for number in range(first, first + count):
        moment = 1_770_000_000 + number
        dovecot.deliver(address("queue"), mail("queue", number), received=moment)
        dovecot.deliver(address("user"), mail("user", number), received=moment)
        dovecot.deliver(address("forward"), wrapped(mail("behind", number), number), received=moment)


def rows(state: Path) -> tuple[int, int]:
    """(kept and decided, still to be deleted at the server)."""
    with Database.open(state / "test" / "engine.db", read_only=True) as database:
        reader = database.reader()
        kept = reader.execute("SELECT (SELECT count(*) FROM mail_locations) + (SELECT count(*) FROM mail_decisions)").fetchone()[0]
        return kept, reader.execute("SELECT count(*) FROM mail_removals").fetchone()[0]


def kill_often(dovecot: Dovecot, made: MailEstate, *, kills: int, each: int) -> int:
    dice, moments, delivered = random.Random(20260301), Counter[str](), 0
    for number in range(kills):
        deliver(dovecot, delivered + 1, each)
        delivered += each
        before, _ = rows(made.state)
        aim = before + int(each * 6 * dice.random())
        process = made.start("sync")
        deadline = time.monotonic() + 30
        # Every other time within the deleting: it comes after everything is kept.
        while process.poll() is None and time.monotonic() < deadline:
            kept, waiting = rows(made.state)
            if (kept >= aim) if number % 2 else (waiting > 0 and kept > before):
                break
            time.sleep(0.001)
        time.sleep(dice.random() * 0.03)
        process.send_signal(signal.SIGKILL)
        end(process)
        kept, waiting = rows(made.state)
        word = "before the first commit" if kept == before else "with deletions waiting" if waiting else "with nothing left to delete"
        moments[word] += 1
        # Never gone at the server before it is kept here.
        survives(dovecot, made, delivered)
    print(*(f"{count:4d}  {moment}" for moment, count in sorted(moments.items())), sep="\n")
    assert moments["with deletions waiting"] >= 2, moments
    return delivered


def bodies(made: MailEstate) -> Counter[bytes]:
    with Database.open(made.state / "test" / "engine.db") as database:
        store = SqliteMailStore(database, made.state / "test")
        found = Counter(
            hashlib.sha256(b"".join(store.raw(one.id))).digest() for one in store.activities(mailbox_id=None, since=None, limit=None)
        )
        store.close()
    return found


def survives(dovecot: Dovecot, made: MailEstate, delivered: int) -> None:
    here = bodies(made)
    at_queue = set(dovecot.messages(address("queue")).values())
    at_forward = set(dovecot.messages(address("forward")).values())
    for number in range(1, delivered + 1):
        assert hashlib.sha256(mail("queue", number)).digest() in here or mail("queue", number) in at_queue, "lost"
        behind = mail("behind", number)
        assert hashlib.sha256(behind).digest() in here or wrapped(behind, number) in at_forward, "lost"


def compare(dovecot: Dovecot, made: MailEstate, delivered: int) -> None:
    wanted = {
        hashlib.sha256(mail(name, number)).digest()
        for name in ("queue", "user", "behind")
        for number in range(1, delivered + 1)
        if is_tracked(name, number)
    }
    found = bodies(made)
    assert set(found) == wanted, "lost, or tracked against the filter"
    assert max(found.values()) == 1, "twice"
    ignored = [number for number in range(1, delivered + 1) if number % 3 == 0]
    with Database.open(made.state / "test" / "engine.db", read_only=True) as database:
        reader = database.reader()
        decided = Counter(row[0] for row in reader.execute("SELECT subject FROM mail_decisions WHERE outcome = 'ignored'"))
        queued = reader.execute("SELECT count(*), count(DISTINCT activity_id) FROM queue_items").fetchone()
        assert reader.execute("SELECT count(*) FROM mail_removals").fetchone()[0] == 0
        assert reader.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
    assert decided == Counter(f"{name} {number}" for name in ("user", "behind") for number in ignored)
    assert tuple(queued) == (delivered, delivered)
    assert dovecot.messages(address("queue")) == {}
    # What was not tracked stays, also in a mailbox that deletes.
    assert set(dovecot.messages(address("forward")).values()) == {wrapped(mail("behind", number), number) for number in ignored}
    assert len(dovecot.messages(address("user"))) == delivered


@pytest.mark.parametrize(("protocol", "kills"), [("imap", 20), ("pop3", 10)])
def test_an_estate_with_everything_survives_being_killed(tmp_path: Path, protocol: str, kills: int) -> None:
    with running(users=dict.fromkeys(map(address, NAMES), PASSWORD)) as dovecot:
        made = MailEstate(
            folder=tmp_path / "e",
            imap=dovecot.imaps if protocol == "imap" else dovecot.pop3s,
            authority=dovecot.authority,
            password=PASSWORD,
            names=(),
        )
        profile = made.estate / "profile.yaml"
        profile.write_text(profile.read_text().replace("imap-smtp", f"{protocol}-smtp"))
        for name, more in SETTINGS.items():
            (made.estate / f"{name}.yaml").write_text(BOX.replace("NAME", name).replace("MORE", more.replace("; ", "\n  ")))
        (tmp_path / "parties.csv").write_text("type,id,name,addresses\ncontact,c1,Alex,customer@fabrikam.example\n")
        made("apply", "--yes")
        made("parties", "import", str(tmp_path / "parties.csv"))
        delivered = kill_often(dovecot, made, kills=kills, each=40)
        for _ in range(2):
            made("sync")
        compare(dovecot, made, delivered)
