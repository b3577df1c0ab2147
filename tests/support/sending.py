"""A process that sends what is due and ends: `python -m support.sending STORE PORT [LINE:before|after:VISIT]`. Made to be killed, by
others or, where a line of its journal is named, by itself."""

from __future__ import annotations

import os
import signal
import sys
import time
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from reconcile.mail.sign_in.configured import ConfiguredSignIns
from reconcile.mail.smtp import SmtpSender
from reconcile.ports.settled_notes import NoNotes
from reconcile.ports.target import AppliedResource
from reconcile.store.settled_notes import SettledNoteFiles
from reconcile.store.sqlite.database import Database
from reconcile.store.sqlite.outbox import SqliteOutbox
from reconcile.sync.outgoing import Outgoing, send_due
from support.applied import Applied, Passwords, References, sending_estate

#: Short, so that the next process need not wait for the lease of a dead one.
LEASE = timedelta(seconds=0.2)


class RealClock:
    """`ahead` lets a test look into the future."""

    def __init__(self, ahead: timedelta = timedelta()) -> None:
        self.ahead = ahead

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def monotonic(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


def estate(port: int) -> Applied:
    """Without TLS, which an organization must allow: what is tried here is dying, not encryption."""
    applied = sending_estate(port=port, tls="none")
    applied.change("EmailServerProfile", outgoing__caCertificate=None, outgoing__server="127.0.0.1")
    allowing = AppliedResource(
        kind="Organization", name="o", external_id="o1", spec={"deployment": "on-premises", "deploymentSettings.allowNonSslEmail": True}
    )
    return Applied([*applied.rows, allowing])


class Deadly:
    """A part of the journal; the process dies before or after the named call, at its so manieth visit."""

    def __init__(self, wrapped: object, death: str) -> None:
        self._wrapped = wrapped
        self._line, self._when, visit = death.split(":")
        self._left = int(visit)

    def __getattr__(self, name: str) -> object:
        found = getattr(self._wrapped, name)
        if name != self._line:
            return found

        def deadly(*arguments: object, **named: object) -> object:
            self._left -= 1
            if self._left == 0 and self._when == "before":
                os.kill(os.getpid(), signal.SIGKILL)
            done = found(*arguments, **named)
            if self._left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return done

        return deadly


def run(store: Path, port: int, ahead: timedelta = timedelta(), *, silence: float = 10.0, noting: bool = True, death: str = "") -> None:
    """One pass."""
    with Database.open(store) as database:
        outbox: Any = SqliteOutbox(database)
        notes: Any = SettledNoteFiles(store.parent / "settled") if noting else NoNotes()
        if death:
            outbox, notes = Deadly(outbox, death), Deadly(notes, death)
        send_due(
            Outgoing(
                applied=estate(port),
                outbox=outbox,
                sender=SmtpSender(connect_timeout=10, silence_timeout=silence, answer_timeout=3 * silence),
                sign_ins=ConfiguredSignIns(Passwords()),
                secrets=References(),
                clock=RealClock(ahead),
                owner=str(uuid.uuid4()),
                lease=LEASE,
                # However slow this machine is now.
                moment=600.0,
                patience=600.0,
                notes=notes,
            )
        )


if __name__ == "__main__":
    run(Path(sys.argv[1]), int(sys.argv[2]), death="".join(sys.argv[3:]))
