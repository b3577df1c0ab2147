"""Mail that cannot become an activity, in mailboxes that delete what was processed, killed (-9) at random moments: its bytes are held once,
it stays at its server, and what people release is tracked once, killed or not."""

from __future__ import annotations

import hashlib
import random
import signal
import sqlite3
import subprocess
import time
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

from reconcile.store.sqlite.database import Database
from reconcile.store.sqlite.mail import SqliteMailStore
from reconcile.store.sqlite.quarantine import SqliteQuarantine
from reconcile.sync.reading import TRIES
from support.dovecot import PASSWORD, Dovecot, running
from support.mail_estate import MailEstate, end

pytestmark = [pytest.mark.servers, pytest.mark.slow]
QUEUE, FORWARD = "queue@contoso.example", "forward@contoso.example"
BOX = """\
apiVersion: reconcile/v1alpha2
kind: Mailbox
metadata: {name: NAME}
spec:
  emailAddress: NAME@contoso.example
  profile: contoso
  type: NAME
  incoming: server-side
  deleteAfterProcessing: true
  credentials: {allowUse: true, username: NAME@contoso.example, password: {ref: "file:password", generation: 1}}
"""
#: A rule of the store that some messages break, as long as it is there.
RULE = "CREATE TRIGGER bad BEFORE INSERT ON mail_activities WHEN NEW.subject LIKE 'bad %' BEGIN SELECT RAISE(ABORT, 'a rule'); END"


def mail(number: int) -> bytes:
    """For the queue; every fifth cannot be kept."""
    word = "bad" if number % 5 == 0 else "good"
    size = 300_000 if number % 20 == 0 else 400
    head = f"Message-ID: <{number}.q@fabrikam.example>\r\nSubject: {word} {number}\r\nFrom: a@fabrikam.example\r\nTo: {QUEUE}\r\n\r\n"
    return head.encode() + random.Random(number).randbytes(size // 2).hex().encode() + b"\r\n"


def bare(number: int) -> bytes:
    """For the forward mailbox, without the mail that it should forward: held at the first try."""
    return f"Message-ID: <{number}.f@fabrikam.example>\r\nSubject: bare {number}\r\nFrom: rule@contoso.example\r\n\r\n{number}\r\n".encode()


class Ground:
    """An estate, its server, and what was delivered."""

    def __init__(self, folder: Path, dovecot: Dovecot) -> None:
        self.dovecot, self.delivered = dovecot, 0
        self.made = MailEstate(folder=folder, imap=dovecot.imaps, authority=dovecot.authority, password=PASSWORD, names=())
        for name in ("queue", "forward"):
            (self.made.estate / f"{name}.yaml").write_text(BOX.replace("NAME", name))
        self.made("apply", "--yes")
        self.made("sync")
        self.write(RULE)

    @property
    def path(self) -> Path:
        return self.made.state / "test" / "engine.db"

    def write(self, statement: str) -> None:
        with Database.open(self.path) as database:
            database.write(lambda connection: connection.execute(statement) and None)

    def deliver(self, count: int) -> None:
        for number in range(self.delivered + 1, self.delivered + count + 1):
            self.dovecot.deliver(QUEUE, mail(number), received=1_770_000_000 + number)
            if number % 3 == 0:
                self.dovecot.deliver(FORWARD, bare(number), received=1_770_000_000 + number)
        self.delivered += count

    def figures(self, *, wait: float = 30.0) -> tuple[int, int, int]:
        """(rows kept, held in quarantine, tries of what waits for the next)."""
        with closing(sqlite3.connect(f"{self.path.as_uri()}?mode=ro", uri=True, timeout=wait)) as reader:
            kept, held = (reader.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in ("mail_locations", "mail_quarantine"))
            return kept, held, reader.execute("SELECT coalesce(sum(attempts), 0) FROM mail_missing").fetchone()[0]

    def glance(self, process: subprocess.Popen[str], before: tuple[int, int, int]) -> tuple[int, int, int]:
        """The figures while the process stands still: on a busy machine it would be done before anybody saw its moment. `before` where it
        stands inside a lock."""
        process.send_signal(signal.SIGSTOP)
        try:
            return self.figures(wait=0.02)
        except sqlite3.OperationalError:
            return before
        finally:
            process.send_signal(signal.SIGCONT)

    def sync(self) -> None:
        """However it ends."""
        ended = self.made.start("sync")
        ended.communicate(timeout=120)

    def due(self) -> None:
        """What waits for its next try is due, as if a quarter of an hour had passed."""
        self.write("UPDATE mail_missing SET next_at = ''")

    def wanted(self) -> tuple[set[bytes], set[bytes]]:
        """Digests of what is to be tracked, and of what is to be held."""
        numbers = range(1, self.delivered + 1)
        good = {hashlib.sha256(mail(number)).digest() for number in numbers if number % 5}
        held = {hashlib.sha256(mail(number)).digest() for number in numbers if number % 5 == 0}
        return good, held | {hashlib.sha256(bare(number)).digest() for number in numbers if number % 3 == 0}

    def found(self) -> tuple[Counter[bytes], Counter[bytes], list[int]]:
        """Digests of what is tracked and of what is held, and the numbers of the latter."""
        with Database.open(self.path) as database:
            assert database.reader().execute("PRAGMA integrity_check").fetchone()[0] == "ok"
            store, quarantine = SqliteMailStore(database, self.path.parent), SqliteQuarantine(database, self.path.parent)
            activities = store.activities(mailbox_id=None, since=None, limit=None)
            tracked = Counter(hashlib.sha256(b"".join(store.raw(one.id))).digest() for one in activities)
            entries = quarantine.entries()
            held = Counter(hashlib.sha256(b"".join(quarantine.raw(one.id))).digest() for one in entries)
            store.close()
        return tracked, held, [one.id for one in entries]


def kill_often(ground: Ground, *, kills: int, each: int) -> Counter[str]:
    dice, moments = random.Random(20260301), Counter[str]()
    for number in range(kills):
        ground.deliver(each)
        before = ground.figures()
        # In turn: at a random share of what is to be kept, as soon as something is held, as soon as a try is counted.
        aim = before[0] + int(each * dice.random())
        process = ground.made.start("sync")
        deadline = time.monotonic() + 30
        while process.poll() is None and time.monotonic() < deadline:
            now = ground.glance(process, before)
            if (now[0] >= aim and now != before, now[1] > before[1], now[2] != before[2])[number % 3]:
                break
            time.sleep(0.005)
        time.sleep(dice.random() * 0.03)
        process.send_signal(signal.SIGKILL)
        end(process)
        after = ground.figures()
        word = "before the first commit" if after == before else "something new held" if after[1] > before[1] else "between two commits"
        moments["after the end" if process.returncode == 0 else word] += 1
        # Nothing is gone anywhere: held, tracked, or at the server.
        tracked, held, _ = ground.found()
        at_server = {hashlib.sha256(raw).digest() for user in (QUEUE, FORWARD) for raw in ground.dovecot.messages(user).values()}
        good, bad = ground.wanted()
        assert (good | bad) <= {*tracked, *held, *at_server}, "lost"
        assert bad <= at_server, "what was not tracked is deleted nowhere"
        assert max([*tracked.values(), *held.values()], default=1) == 1, "twice"
    return moments


def test_what_cannot_be_tracked_survives_being_killed(tmp_path: Path) -> None:
    with running(users={QUEUE: PASSWORD, FORWARD: PASSWORD}) as dovecot:
        ground = Ground(tmp_path / "e", dovecot)
        moments = kill_often(ground, kills=12, each=30)
        print(*(f"{count:4d}  {moment}" for moment, count in sorted(moments.items())), sep="\n")
        assert moments["something new held"] >= 3, moments
        # Where nothing but refused messages came, the look fails as a whole twice, and is then done one by one.
        for _ in range(TRIES + 4):
            ground.due()
            ground.sync()
        good, bad = ground.wanted()
        tracked, held, numbers = ground.found()
        assert tracked == Counter(good)
        assert held == Counter(bad)
        assert {hashlib.sha256(raw).digest() for raw in dovecot.messages(QUEUE).values()} <= bad

        # People release what the rule no longer forbids, and are killed while they do.
        ground.write("DROP TRIGGER bad")
        dice = random.Random(7)
        for number in numbers[:20]:
            process = ground.made.start("quarantine", "release", str(number))
            time.sleep(0.2 + dice.random() * 0.4)
            process.send_signal(signal.SIGKILL)
            end(process)
        left = ground.found()[2]
        print(f"{len(numbers) - len(left):4d}  of 20 releases were done when they were killed")
        for number in left:
            ground.made("quarantine", "release", str(number))
        ground.sync()
        tracked, held, _ = ground.found()
        assert tracked == Counter(good | bad)
        assert held == Counter()
