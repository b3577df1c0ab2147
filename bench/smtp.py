#!/usr/bin/env python3
"""Sending mail beside smtplib: 1,000 mails (31 MB) to smtp-sink over one connection, whole processes in turn (A B C A B C …).

    python bench/smtp.py [--runs 3] [--count 1000]

Ours is `reconcile sync` with 1,000 mails in the outbox: each is claimed, handed over and settled, and each of these is durable before
the next. One row keeps its state on the disk (survives power loss), one in memory (/dev/shm: survives process death, as a disk that
need not be waited for).
The peer is smtplib with one connection and no journal. Needs smtp-sink (Debian: postfix). Targets: process death at most 1.3 times
smtplib's time, power loss at most 2.5 times.
"""

from __future__ import annotations

import argparse
import compileall
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

KIT = Path(__file__).resolve().parent / "sync"
ROOT = KIT.parents[1]
SENDER, RECIPIENT = "a@corp.example", "b@cust.example"
MEMORY = Path("/dev/shm")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--count", type=int, default=1000)
    options = parser.parse_args()
    port = free_port()
    with tempfile.TemporaryDirectory() as disk, tempfile.TemporaryDirectory(dir=MEMORY) as memory:
        os.environ |= {"BENCH_DIR": disk, "BENCH_SMTP": str(port)}
        sys.path[:0] = [str(KIT), str(ROOT / "tests")]
        compileall.compile_dir(ROOT / "src" / "reconcile", quiet=2)
        sink = subprocess.Popen([program("smtp-sink"), *user(), f"127.0.0.1:{port}", "256"])
        try:
            compare(options.runs, options.count, port, Path(disk), Path(memory))
        finally:
            sink.send_signal(signal.SIGTERM)
            sink.wait()


def compare(runs: int, count: int, port: int, disk: Path, memory: Path) -> None:
    import common

    cache = disk / "smtp.msgs"
    peer = [sys.executable, str(KIT / "clients" / "smtp_send.py"), "--cache", str(cache), "--count", str(count), "--how", "one"]
    time.sleep(1)
    common.once(peer)  # makes the messages
    applied = disk / "applied"
    fill(applied, port, messages(cache, count))

    def ours(folder: Path):  # type: ignore[no-untyped-def]
        def prepare() -> None:
            shutil.rmtree(folder, ignore_errors=True)
            shutil.copytree(applied, folder)
            subprocess.run(["sync"], check=True)

        places = ["--state-dir", str(folder / "state"), "--secrets-dir", str(folder / "secrets")]
        return prepare, [sys.executable, "-m", "reconcile.cli.main", "sync", *places], lambda: sent(folder)

    tools = {
        "smtplib one connection": (None, peer, None),
        "ours, process death": ours(memory / "ours"),
        "ours, power loss": ours(disk / "ours"),
    }
    common.compare(tools, runs, count, "messages", cache.stat().st_size / 1e6, "SMTP submission to smtp-sink, one connection")


def messages(cache: Path, count: int) -> list[bytes]:
    """The same bytes the peer sends."""
    found = []
    with cache.open("rb") as file:
        while len(found) < count and (line := file.readline()):
            found.append(file.read(int(line)))
    return found


def fill(folder: Path, port: int, contents: list[bytes]) -> None:
    """Applied state with one mailbox that sends, and its outbox."""
    from reconcile.model.outgoing import Field, OutboxEntry, OutgoingState, Recipient, RecipientState
    from reconcile.ports.outbox_store import NewMail
    from reconcile.store.sqlite.database import Database
    from reconcile.store.sqlite.outbox import SqliteOutbox
    from support.receiving import apply_estate

    os.umask(0o077)
    outgoing = {"outgoing.server": "127.0.0.1", "outgoing.port": port, "outgoing.tls": "none", "outgoing.credentials": "anonymous"}
    settings = apply_estate(
        folder,
        port=1,
        tls="none",
        passwords={SENDER: "unused"},
        profile={"useSameSettingsForOutgoing": False, **outgoing},
        mailbox={"incoming": "none", "outgoing": "server-side"},
        environment={"allowedRecipients": (f"@{RECIPIENT.partition('@')[2]}",)},
    )
    waiting = Recipient(address=RECIPIENT, field=Field.TO, state=RecipientState.PENDING, reason="")
    mails = [
        NewMail(
            entry=OutboxEntry(
                id=0,
                message_id=f"<{number}@corp.example>",
                client_key="",
                request="",
                mailbox_id="id-a",
                mailbox_name="a",
                sender=SENDER,
                recipients=(waiting,),
                subject="",
                size=len(content),
                added_at=datetime.now(UTC),
                state=OutgoingState.PENDING,
            ),
            content=content,
        )
        for number, content in enumerate(contents)
    ]
    with Database.open(settings.state_directory / "test" / "engine.db") as database:
        SqliteOutbox(database).add_all(mails)


def sent(folder: Path) -> int:
    """How many mails the journal knows as sent."""
    with sqlite3.connect(folder / "state" / "test" / "engine.db") as database:
        return int(database.execute("SELECT count(*) FROM outbox WHERE state = 'sent'").fetchone()[0])


def program(name: str) -> str:
    found = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin")
    return found or sys.exit(f"{name} is missing (Debian: postfix)")


def user() -> list[str]:
    return ["-u", os.environ.get("BENCH_USER", "nobody")] if os.getuid() == 0 else []


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    main()
