#!/usr/bin/env python3
"""IMAP without a peer: kept connections, cost that stays flat, headers first, large messages (kit: bench/sync/README.md).

    python bench/imap.py kept [--mailboxes 1000]  rounds over connections that stay open: mailboxes a second, CPU, memory a mailbox
    python bench/imap.py headers                  10,000 headers, 5 % of the bodies, nothing stored, beside the raw reader of everything
    python bench/imap.py flat                     CPU a message, 1,000 to 20,000 (--large: 200,000); CPU a mailbox polled, 100 to 1,000
    python bench/imap.py large                    one message of 1 GB through `reconcile sync`: peak memory
    python bench/imap.py condstore                STATUS with and without HIGHESTMODSEQ, EXAMINE with QRESYNC after 1,000 deletions

Needs what bench/receive.py needs; BENCH_DIR, BENCH_IMAP, BENCH_POP3 as there. Targets: kept at least 2,000 mailboxes a second, a round of
10,000 (--mailboxes 10000; they are logins of the same users) at most 6 s and 40 KB a mailbox; headers at most twice raw; flat within
noise; large at most 120 MB.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
KIT = ROOT / "bench" / "sync"
sys.path.insert(0, str(ROOT / "src"))
sys.path.insert(0, str(ROOT / "tests"))

from reconcile.mail.endpoint import Endpoint  # noqa: E402
from reconcile.mail.imap.inbox import ImapInbox  # noqa: E402
from reconcile.mail.sign_in.password import PasswordSignIn  # noqa: E402
from reconcile.model.cursor import Cursor  # noqa: E402
from reconcile.model.secret import Secret  # noqa: E402
from reconcile.ports.mail import Listed  # noqa: E402

PORT = int(os.environ.get("BENCH_IMAP", "14143"))
ROUNDS = 5


def inbox(user: str) -> ImapInbox:
    endpoint = Endpoint(host="127.0.0.1", port=PORT, tls="none")
    return ImapInbox(endpoint, PasswordSignIn(user, Secret(b"pw")))


def memory() -> int:
    """Resident bytes now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def cursor_of(user: str) -> Cursor:
    """Behind everything that is there."""
    opened = inbox(user)
    opened.look(None)
    for batch in opened.read(None, since=None, retry=(), wanted=lambda _: False, accept=drop):
        cursor = batch.cursor
    opened.close()
    return cursor


def drop(_: Listed, chunks: Iterator[bytes]) -> None:
    for _chunk in chunks:
        pass


def kept(options: argparse.Namespace) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    users = [f"s{number:04d}" for number in range(min(options.mailboxes, options.users))]
    cursors = {user: cursor_of(user) for user in users}
    names = [users[number % len(users)] for number in range(options.mailboxes)]
    empty = memory()
    inboxes = [inbox(user) for user in names]
    with ThreadPoolExecutor(16) as pool:
        for look in pool.map(lambda one: one[0].look(cursors[one[1]]), zip(inboxes, names, strict=True)):
            assert not look.news
    print(f"{len(inboxes)} connections open, {(memory() - empty) / len(inboxes) / 1024:.1f} KB each")
    for threads in (1, 4, 16):
        best, cpu = 1e9, 0.0
        with ThreadPoolExecutor(threads) as pool:
            parts = [list(zip(inboxes, names, strict=True))[start::threads] for start in range(threads)]

            def round_(part: list[tuple[ImapInbox, str]]) -> None:
                for one, user in part:
                    assert not one.look(cursors[user]).news

            for _ in range(ROUNDS):
                begun, used = time.perf_counter(), time.process_time()
                list(pool.map(round_, parts))
                if time.perf_counter() - begun < best:
                    best, cpu = time.perf_counter() - begun, time.process_time() - used
        rate, each = len(inboxes) / best, cpu / len(inboxes) * 1000
        print(f"{threads} threads: a round takes {best:.2f} s, {rate:.0f} mailboxes/s, {each:.3f} ms CPU each")
    for one in inboxes:
        one.close()


def measured(work: Callable[[], object]) -> tuple[float, float]:
    """Wall and CPU seconds, the best of three."""
    found = []
    for _ in range(3):
        begun, used = time.perf_counter(), time.process_time()
        work()
        found.append((time.perf_counter() - begun, time.process_time() - used))
    return min(found)


def read_all(user: str, *, every: int = 1) -> int:
    """Read an inbox, or with `every` the header of each message and each so manieth body; how many bodies."""
    seen = bodies = 0

    def examine(_: Listed, __: bytes) -> bool:
        nonlocal seen
        seen += 1
        return seen % every == 0

    opened = inbox(user)
    opened.look(None)
    for batch in opened.read(None, since=None, retry=(), wanted=lambda _: True, accept=drop, examine=examine if every > 1 else None):
        bodies += len(batch.read)
    opened.close()
    return bodies


def headers(_: argparse.Namespace) -> None:
    raw = [sys.executable, str(KIT / "clients" / "raw_imap.py"), "big0"]
    environment = {**os.environ, "BENCH_IMAP": str(PORT)}
    limit, _cpu = measured(lambda: subprocess.run(raw, env=environment, check=True, stdout=subprocess.DEVNULL))
    wall, cpu = measured(lambda: read_all("big0", every=20))
    print(f"headers first, 5 % taken: {wall:.2f} s, {cpu:.2f} s CPU; everything by the raw reader: {limit:.2f} s; {wall / limit:.2f} times")


def flat(options: argparse.Namespace) -> None:
    sizes = [1_000, 5_000, 20_000] + ([200_000] if options.large else [])
    for size in sizes:
        user = made(f"f{size}", size)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        wall, cpu = measured(lambda user=user: read_all(user))  # type: ignore[misc]
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 - peak
        print(f"{size} messages: {cpu / size * 1000:.4f} ms CPU each, {wall:.2f} s, memory grew by {grown:.0f} MB")
    cursors = {f"s{number:04d}": cursor_of(f"s{number:04d}") for number in range(options.users)}
    for count in (100, 300, options.users):

        def poll(count: int = count) -> None:
            for user in [*cursors][:count]:
                one = inbox(user)
                assert not one.look(cursors[user]).news
                one.close()

        wall, cpu = measured(poll)
        print(f"{count} mailboxes polled, a login each: {cpu / count * 1000:.3f} ms CPU each, {wall:.2f} s")


def made(user: str, messages: int) -> str:
    """A mailbox of small messages; the server was started knowing it."""
    from pwd import getpwnam

    folder = Path(os.environ["BENCH_DIR"]) / "mail" / user
    if folder.exists():
        return user
    owner = getpwnam(os.environ.get("BENCH_USER", "nobody"))
    for name in ("cur", "new", "tmp"):
        (folder / name).mkdir(parents=True)
    for number in range(messages):
        text = f"Message-ID: <{number}@contoso.example>\r\nSubject: {number}\r\n\r\n" + "text\r\n" * 60
        (folder / "cur" / f"{1_700_000_000 + number}.M{number:06d}P1.bench,S={len(text)}:2,").write_bytes(text.encode())
    subprocess.run(["chown", "-R", f"{owner.pw_uid}:{owner.pw_gid}", str(folder)], check=True)
    return user


def large(_: argparse.Namespace) -> None:
    base = Path(os.environ["BENCH_DIR"])
    folder = base / "mail" / "f1000"
    made("f1000", 1)
    path = folder / "cur" / "1700000001.M000001P1.large:2,"
    with path.open("wb") as file:
        file.write(b"Message-ID: <large@contoso.example>\r\nSubject: large\r\n\r\n")
        for _number in range(1024):
            file.write(b"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde\r\n"[:64] * (1 << 14))
    try:
        subprocess.run(["chown", "-R", "--reference", str(folder), str(folder)], check=True)
        with tempfile.TemporaryDirectory(dir=base) as place:
            subprocess.run([sys.executable, "prepare_ours.py", place, "f1000"], cwd=KIT, check=True)
            folders = ["--state-dir", f"{place}/state", "--secrets-dir", f"{place}/secrets"]
            subprocess.run([sys.executable, "-m", "reconcile.cli.main", "sync", *folders], check=True)
        print(f"peak of `reconcile sync`: {resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024:.0f} MB")
    finally:
        path.unlink()


def condstore(_: argparse.Namespace) -> None:
    from reconcile.mail.imap.login import open_stream

    stream = open_stream(Endpoint(host="127.0.0.1", port=PORT, tls="none"), PasswordSignIn(made("f5000", 5_000), Secret(b"pw")))

    def asked(command: bytes, times: int) -> Callable[[], None]:
        def work() -> None:
            for _number in range(times):
                stream.finish(stream.ask(command))

        return work

    words = b"UIDVALIDITY UIDNEXT MESSAGES"
    plain, _cpu = measured(asked(b"STATUS INBOX (%s)" % words, 2000))
    wider, _cpu = measured(asked(b"STATUS INBOX (%s HIGHESTMODSEQ)" % words, 2000))
    print(f"STATUS {plain / 2:.3f} ms, with HIGHESTMODSEQ {wider / 2:.3f} ms")
    stream.finish(stream.ask(b"ENABLE QRESYNC"))
    stream.open(b"INBOX", writing=True)
    validity = stream.told[b"UIDVALIDITY"]
    stream.finish(stream.ask(b"UID STORE 1000:1999 +FLAGS.SILENT (\\Deleted)"))
    stream.finish(stream.ask(b"UID EXPUNGE 1000:1999"))
    without, _cpu = measured(asked(b"EXAMINE INBOX", 50))
    resync, _cpu = measured(asked(b"EXAMINE INBOX (QRESYNC (%d 1))" % validity, 50))
    print(f"EXAMINE {without * 20:.2f} ms, with QRESYNC and 1,000 vanished {resync * 20:.2f} ms")
    stream.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scenario", choices=["kept", "headers", "flat", "large", "condstore"])
    parser.add_argument("--mailboxes", type=int, default=1000)
    parser.add_argument("--large", action="store_true", help="flat: up to 200,000 messages, some 800 MB")
    options = parser.parse_args()
    base = Path(os.environ.setdefault("BENCH_DIR", str(Path(tempfile.gettempdir()) / "syncbench")))
    options.users = int(os.environ.get("BENCH_SIZES", "10000,2000,1000,100").split(",")[2])
    if not (base / "mail" / "big0").exists():
        subprocess.run([sys.executable, "server.py", "setup"], cwd=KIT, check=True)
    subprocess.run([sys.executable, "server.py", "start"], cwd=KIT, check=True)
    try:
        {"kept": kept, "headers": headers, "flat": flat, "large": large, "condstore": condstore}[options.scenario](options)
    finally:
        subprocess.run([sys.executable, "server.py", "stop"], cwd=KIT, check=True)


if __name__ == "__main__":
    main()
