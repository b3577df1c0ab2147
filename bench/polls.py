#!/usr/bin/env python3
"""What a mailbox without news costs where there are a hundred, and where there are ten thousand: a login each.

    python bench/polls.py prepare 10000             once: mailboxes of one message, and a first look at each (a minute for 10,000)
    python bench/polls.py talk 10000 [--runs 1]     the conversation alone, by one thread: CPU a mailbox
    python bench/polls.py sync 10000 [--runs 1]     `reconcile sync` as a process: CPU a mailbox beyond what one mailbox costs, peak memory

Each call is for one number of mailboxes and ends by itself, within 60 s for a run of 10,000. Needs root and dovecot-imapd; BENCH_DIR and
BENCH_IMAP as for bench/imap.py. Target: the cost of a mailbox is the same within 1.3 times from 100 to 10,000.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
KIT = ROOT / "bench" / "sync"
sys.path.insert(0, str(ROOT / "src"))

from reconcile.mail.endpoint import Endpoint  # noqa: E402
from reconcile.mail.imap.inbox import ImapInbox  # noqa: E402
from reconcile.mail.sign_in.password import PasswordSignIn  # noqa: E402
from reconcile.model.cursor import Cursor  # noqa: E402
from reconcile.model.secret import Secret  # noqa: E402

PORT = int(os.environ.get("BENCH_IMAP", "14143"))
BASE = Path(os.environ.setdefault("BENCH_DIR", str(Path(tempfile.gettempdir()) / "syncbench")))
MESSAGE = b"Message-ID: <1@contoso.example>\r\nSubject: one\r\n\r\n" + b"text\r\n" * 60


def names(count: int) -> list[str]:
    return [f"p{number:05d}" for number in range(count)]


def inbox(user: str) -> ImapInbox:
    return ImapInbox(Endpoint(host="127.0.0.1", port=PORT, tls="none"), PasswordSignIn(user, Secret(b"pw")))


def make(count: int) -> None:
    """Mailboxes that are not there yet."""
    from pwd import getpwnam

    owner = getpwnam(os.environ.get("BENCH_USER", "nobody"))
    for user in names(count):
        folder = BASE / "mail" / user
        if folder.exists():
            continue
        for part in ("cur", "new", "tmp"):
            (folder / part).mkdir(parents=True)
        (folder / "cur" / f"1700000000.M1P1.bench,S={len(MESSAGE)}:2,").write_bytes(MESSAGE)
        for path in (folder, *folder.rglob("*")):
            os.chown(path, owner.pw_uid, owner.pw_gid)
    os.chown(BASE / "mail", owner.pw_uid, owner.pw_gid)


def estate(count: int) -> Path:
    return BASE / f"polls-{count}"


def sync(count: int) -> list[str]:
    folder = estate(count)
    command = [sys.executable, "-m", "reconcile.cli.main", "sync"]
    return [*command, "--state-dir", f"{folder}/state", "--secrets-dir", f"{folder}/secrets"]


def prepare(count: int) -> None:
    kept = BASE / f"cursors-{count}"
    cursors = {}
    for user in names(0 if kept.exists() else count):
        opened = inbox(user)
        opened.look(None)
        for batch in opened.read(None, since=None, retry=(), wanted=lambda _: False, accept=lambda _, __: None):
            cursors[user] = [batch.cursor.protocol, batch.cursor.value]
        opened.close()
    if cursors:
        kept.write_text(json.dumps(cursors))
    for number in (1, count):
        listed = BASE / f"users-polls-{number}"
        listed.write_text("\n".join(names(number)))
        subprocess.run(["rm", "-rf", str(estate(number))], check=True)
        subprocess.run([sys.executable, "prepare_ours.py", str(estate(number)), f"@{listed}"], cwd=KIT, check=True)
        subprocess.run(sync(number), check=True, stdout=subprocess.DEVNULL)


def talk(count: int, runs: int) -> None:
    cursors = {user: Cursor(*found) for user, found in json.loads((BASE / f"cursors-{count}").read_text()).items()}
    for _ in range(runs):
        begun, used = time.perf_counter(), time.process_time()
        for user, cursor in cursors.items():
            one = inbox(user)
            assert not one.look(cursor).news
            one.close()
        wall, cpu = time.perf_counter() - begun, time.process_time() - used
        print(f"{count} mailboxes, the conversation: {cpu / count * 1000:.3f} ms CPU each, {wall:.2f} s", flush=True)


def process(count: int) -> tuple[float, float, float]:
    """Wall and CPU seconds of a sync, and its peak in MB."""
    begun = time.perf_counter()
    child = subprocess.Popen(sync(count), stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    assert child.returncode == 0, child.returncode
    return time.perf_counter() - begun, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def whole(count: int, runs: int) -> None:
    for _ in range(runs):
        _, one, _ = min((process(1) for _ in range(3)), key=lambda found: found[1])
        wall, cpu, peak = process(count)
        each = (cpu - one) / (count - 1) * 1000
        print(
            f"{count} mailboxes, `reconcile sync`: {each:.3f} ms CPU each beyond {one:.2f} s for one; {wall:.2f} s, {peak:.0f} MB",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("step", choices=["prepare", "talk", "sync"])
    parser.add_argument("mailboxes", type=int)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    os.environ["BENCH_POLLED"] = str(options.mailboxes)
    if options.step == "prepare":
        make(options.mailboxes)
    subprocess.run([sys.executable, "server.py", "start"], cwd=KIT, check=True)
    try:
        match options.step:
            case "prepare":
                prepare(options.mailboxes)
            case "talk":
                talk(options.mailboxes, options.runs)
            case _:
                whole(options.mailboxes, options.runs)
    finally:
        subprocess.run([sys.executable, "server.py", "stop"], cwd=KIT, check=True)


if __name__ == "__main__":
    main()
