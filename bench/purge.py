#!/usr/bin/env python3
"""Purging 10,000 of 100,000 mails, beside the floor: copying the bytes that stay and syncing them.

    python bench/purge.py [--mails 100000] [--purged 10000] [--octets 4000]

Prints wall and CPU seconds and peak memory of `reconcile purge --older-than … --yes` in a process of its own, and of the floor; state and
floor lie in the same temporary folder. The mails that go are spread evenly over the packs, the worst case: every pack is rewritten.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from reconcile.model.cursor import Cursor
from reconcile.model.remote_id import RemoteId
from reconcile.ports.mail_store import Arrival, ReceivedBatch
from reconcile.store.sqlite.database import Database
from reconcile.store.sqlite.mail import SqliteMailStore
from reconcile.sync.decide.describe import describe


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mails", type=int, default=100_000)
    parser.add_argument("--purged", type=int, default=10_000)
    parser.add_argument("--octets", type=int, default=4_000)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="bench-purge-"))
    try:
        state = folder / "state" / "bench"
        fill(state, options.mails, options.purged, options.octets)
        before = size(state)
        command = [
            sys.executable,
            "-m",
            "reconcile.cli.main",
            "purge",
            "--older-than",
            "365d",
            "--yes",
            "--state-dir",
            str(folder / "state"),
        ]
        purge = measured(command)
        floor = measured([sys.executable, "-c", FLOOR, str(state / "packs"), str(folder / "floor")])
        print(f"{'':8} {'wall s':>8} {'CPU s':>8} {'peak MB':>8}")
        for name, (wall, cpu, peak) in (("purge", purge), ("floor", floor)):
            print(f"{name:8} {wall:8.2f} {cpu:8.2f} {peak:8.0f}")
        print(f"purge / floor: {purge[0] / floor[0]:.1f} wall; state {before / 1e6:.0f} MB -> {size(state) / 1e6:.0f} MB")
    finally:
        shutil.rmtree(folder)


#: What stays, read and written once, synced.
FLOOR = """
import os, sys
from pathlib import Path
target = Path(sys.argv[2]); target.mkdir()
for pack in Path(sys.argv[1]).glob("*.pack"):
    with pack.open("rb") as source, (target / pack.name).open("wb") as out:
        while chunk := source.read(1 << 20):
            out.write(chunk)
        out.flush(); os.fsync(out.fileno())
"""


def fill(state: Path, mails: int, purged: int, octets: int) -> None:
    now = datetime.now(UTC)
    every = mails // purged
    with Database.open(state / "engine.db") as database:
        store = SqliteMailStore(database, state)
        with store.receive("box") as receiving:
            for start in range(0, mails, 500):
                arrivals = []
                for number in range(start, min(start + 500, mails)):
                    raw = b"Message-ID: <%d@contoso.example>\r\nSubject: mail %d\r\n\r\n%s" % (
                        number,
                        number,
                        os.urandom(octets // 2).hex().encode(),
                    )
                    found = describe(raw)
                    receiving.begin()
                    receiving.write(raw)
                    received = now - timedelta(days=400 if number % every == 0 else 10)
                    arrivals.append(
                        Arrival(
                            remote_id=RemoteId("imap", str(number)),
                            received=received.strftime("%Y-%m-%dT%H:%M:%SZ"),
                            size=len(raw),
                            raw=found.raw,
                            content=found.content,
                            header=found.header,
                            header_length=found.header_length,
                            place=receiving.end(),
                        )
                    )
                at = now.strftime("%Y-%m-%dT%H:%M:%SZ")
                receiving.commit(ReceivedBatch(cursor=Cursor("imap", str(start)), messages=mails, at=at, arrivals=arrivals))
        store.close()


def size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def measured(command: list[str]) -> tuple[float, float, float]:
    """Wall seconds, CPU seconds, peak memory in MB."""
    begun = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{command[:4]} ended with {process.returncode}")
    return time.monotonic() - begun, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


if __name__ == "__main__":
    main()
