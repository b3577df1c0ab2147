"""A process that sends what is due, keeps copies and counts: `python -m support.sending_with_care STORE PORT FOLDER`. Made to be killed.

The folder for sent mail is a folder here: a copy is a file, durable before a pause, and the journal comes after it.
"""

from __future__ import annotations

import hashlib
import os
import sys
import time
import uuid
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from reconcile.mail.sign_in.configured import ConfiguredSignIns
from reconcile.mail.smtp import SmtpSender
from reconcile.model.cursor import Cursor
from reconcile.model.remote_id import RemoteId
from reconcile.store.sqlite.database import Database
from reconcile.store.sqlite.outbox import SqliteOutbox
from reconcile.sync.outgoing import Outgoing, send_due
from support.applied import Applied, Passwords, References
from support.sending import LEASE, RealClock, estate

#: After a copy, before it is written down (seconds).
PAUSE = 0.02
PER_DAY = 100_000


class FolderMarks:
    """`MailMarks` over files, for sent mail only. A second copy gets a file of its own, so that it is seen."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def sent(self, message_id: str) -> Sequence[bytes] | None:
        return [path.read_bytes() for path in self._folder.glob(f"{name_of(message_id)}-*")]

    def keep_sent(self, content: bytes, *, message_id: str, at: datetime) -> bool:
        if not self.sent(message_id):
            with (self._folder / f"{name_of(message_id)}-{uuid.uuid4()}").open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            time.sleep(PAUSE)
        return True

    def delete(self, remote_ids: Sequence[RemoteId], *, cursor: Cursor) -> Collection[RemoteId]:
        raise NotImplementedError

    def mark(self, remote_ids: Sequence[RemoteId], keyword: str, *, cursor: Cursor) -> Collection[RemoteId]:
        raise NotImplementedError

    def move(self, remote_ids: Sequence[RemoteId], folder: str, *, cursor: Cursor) -> Collection[RemoteId]:
        raise NotImplementedError

    def close(self) -> None:
        pass


def name_of(message_id: str) -> str:
    return hashlib.sha256(message_id.encode()).hexdigest()[:16]


def careful_estate(port: int) -> Applied:
    applied = estate(port)
    applied.change("EmailServerProfile", outgoing__sentCopy="append", outgoing__messagesPerDay=PER_DAY)
    return applied


def run(store: Path, port: int, folder: Path, ahead: timedelta = timedelta()) -> None:
    """One pass."""
    with Database.open(store) as database:
        send_due(
            Outgoing(
                applied=careful_estate(port),
                outbox=SqliteOutbox(database),
                sender=SmtpSender(connect_timeout=10, silence_timeout=10, answer_timeout=30),
                sign_ins=ConfiguredSignIns(Passwords()),
                secrets=References(),
                clock=RealClock(ahead),
                owner=str(uuid.uuid4()),
                lease=LEASE,
                marks=lambda _: FolderMarks(folder),
            )
        )


if __name__ == "__main__":
    run(Path(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))
