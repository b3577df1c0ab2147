"""Writers and a reader of one store, in processes of their own, killed over and over: `python -m support.crm_rounds FOLDER ROUNDS SEED`.

They are forked from here, where everything is imported already, so that a round costs a fraction of a second and most kills strike
at work. Prints how many writes the kills cut short.
"""

from __future__ import annotations

import io
import json
import os
import random
import signal
import sys
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from reconcile.mail.memory_sender import MemorySender, MemoryServer
from reconcile.mail.sign_in.configured import ConfiguredSignIns
from reconcile.model.feed import FeedCursor, FeedKind
from reconcile.store.sqlite.database import Database
from reconcile.store.sqlite.edits import SqliteEdits
from reconcile.store.sqlite.feed import SqliteFeed
from reconcile.store.sqlite.mail import SqliteMailStore
from reconcile.store.sqlite.outbox import SqliteOutbox
from reconcile.sync.edit_intake import EditIntake
from reconcile.sync.lines import lines_of
from reconcile.sync.mail_intake import MailIntake
from reconcile.sync.outgoing import Outgoing, send_due
from support.applied import Passwords, References, sending_estate
from support.crm import deliver, letter

MAILS, EDITS = 400, 1500
#: Called after each piece of work.
Tick = Callable[[], None]


class Now:
    """The time of day, which only tests and the command line may read."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


def mails() -> bytes:
    """A batch of outgoing mail."""
    return b"".join(
        json.dumps({"clientKey": f"m{number}", "from": "sales", "to": ["a@contoso.example"], "text": f"mail {number}"}).encode() + b"\n"
        for number in range(MAILS)
    )


def edits() -> bytes:
    """A batch of edits of the first ten activities."""
    lines = (
        {"clientKey": f"e{number}", "id": number % 10 + 1, "note": f"note {number}", "categories": [str(number % 3)]}
        for number in range(EDITS)
    )
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


def mail_intake(database: Database) -> MailIntake:
    return MailIntake(applied=sending_estate(), outbox=SqliteOutbox(database), clock=Now(), mint=lambda: str(uuid.uuid4()))


def edit_intake(database: Database) -> EditIntake:
    return EditIntake(edits=SqliteEdits(database), clock=Now(), by="me")


def receive(folder: Path, tick: Tick) -> None:
    """Mail that arrives, three at a time, where the last process left off."""
    with Database.open(folder / "engine.db") as database:
        store = SqliteMailStore(database, folder)
        while True:
            state = store.states().get("box1")
            first = int(state.cursor.value) if state and state.cursor else 1
            deliver(store, *(letter(first + each) for each in range(3)), first=first)
            tick()


def take_mails(folder: Path, tick: Tick) -> None:
    """The batch again and again: only the first time adds."""
    with Database.open(folder / "engine.db") as database:
        while True:
            for _ in mail_intake(database).take(lines_of(io.BytesIO(mails()))):
                tick()


def take_edits(folder: Path, tick: Tick) -> None:
    """As `take_mails`."""
    with Database.open(folder / "engine.db") as database:
        while True:
            for _ in edit_intake(database).take(lines_of(io.BytesIO(edits()))):
                tick()


def send(folder: Path, tick: Tick) -> None:
    """Passes over the outbox."""
    with Database.open(folder / "engine.db") as database:
        while True:
            outgoing = Outgoing(
                applied=sending_estate(),
                outbox=SqliteOutbox(database),
                sender=MemorySender(server=MemoryServer()),
                sign_ins=ConfiguredSignIns(Passwords()),
                secrets=References({"file:ca.pem": b""}),
                clock=Now(),
                owner=str(uuid.uuid4()),
                lease=timedelta(seconds=0.1),
            )
            outgoing = replace(outgoing, on_settled=lambda _: tick())
            if not send_due(outgoing).settled:
                tick()


def consume(folder: Path, tick: Tick) -> None:
    """Stores what it reads, and then the cursor; whatever dies in between, it reads again."""
    cursor, log = folder / "cursor", folder / "consumed.jsonl"
    with Database.open(folder / "engine.db", read_only=True) as database:
        feed = SqliteFeed(database)
        place = FeedCursor.parse(cursor.read_text()) if cursor.exists() else feed.beginning()
        while True:
            page = feed.page(place, limit=40, kinds=frozenset(FeedKind))
            words = "".join(json.dumps([entry.cursor.sequence, str(entry.kind), entry.id]) + "\n" for entry in page.entries)
            descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            os.write(descriptor, words.encode())
            os.close(descriptor)
            time.sleep(0.002)  # here a death makes it read again
            place = page.end
            (folder / "cursor.new").write_text(str(place))
            (folder / "cursor.new").rename(cursor)
            tick()


#: Two hand in the same batches at the same time.
ROLES: tuple[Callable[[Path, Tick], None], ...] = (receive, take_mails, take_mails, take_edits, take_edits, send, consume)


@dataclass
class Child:
    """A process at work. It is killed after `wanted` pieces of work, somewhere in the next one, however slow the machine is."""

    process: int
    ticks: int
    wanted: int
    begun: float
    seen: int = 0
    end: float = float("inf")

    def look(self, chance: random.Random) -> None:
        with suppress(BlockingIOError):
            self.seen += len(os.read(self.ticks, 4096))
        now = time.monotonic()
        if self.seen >= self.wanted and self.end == float("inf"):
            self.end = now + chance.uniform(0, 1.2 * (now - self.begun) / (self.seen + 1))
        assert now < self.begun + 60, "a child did nothing"


def start(role: Callable[[Path, Tick], None], folder: Path, wanted: int) -> Child:
    """Fork it."""
    ticks, told = os.pipe()
    process = os.fork()
    if not process:
        try:
            role(folder, lambda: os.write(told, b".") and None)
        finally:
            os._exit(1)
    os.close(told)
    os.set_blocking(ticks, False)
    return Child(process, ticks, wanted, time.monotonic())


def main(folder: Path, rounds: int, seed: int) -> None:
    """Each round: all of them at once, each killed at a moment of its own."""
    chance, killed = random.Random(seed), 0
    with Database.open(folder / "engine.db"):
        pass
    for _ in range(rounds):
        living = [start(role, folder, chance.randrange(9)) for role in ROLES]
        while living:
            time.sleep(0.001)
            for child in living:
                child.look(chance)
            for child in [one for one in living if time.monotonic() >= one.end]:
                os.kill(child.process, signal.SIGKILL)
                _, status = os.waitpid(child.process, 0)
                assert os.WIFSIGNALED(status), f"a child ended by itself: {status}"
                os.close(child.ticks)
                living.remove(child)
                killed += 1
    print(json.dumps({"killed": killed}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
