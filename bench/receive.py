#!/usr/bin/env python3
"""Receiving mail beside mbsync and the physical limit, in one table (kit and explanation: bench/sync/README.md).

    python bench/receive.py initial     one mailbox, 10,000 messages, 364 MB: ours, mbsync, the raw reader
    python bench/receive.py headers     the same, but only mail to some users is tracked, 5 %: ours, the raw reader of everything
    python bench/receive.py incremental 100 mailboxes, 20 new messages each: ours, one mbsync process
    python bench/receive.py poll        1,000 mailboxes, nothing new, a login each: ours and one mbsync process
    python bench/receive.py pop3        one mailbox over POP3, 2,000 messages, 72 MB: ours, fetchmail, the raw reader

Needs root, dovecot-imapd, dovecot-pop3d, isync and fetchmail; about 1.5 GB in BENCH_DIR [a folder of the system's temporary
one]. Run it with the project's Python. Targets: initial at most 0.4 times mbsync's time, 4 times the raw reader's and 70 MB, 0.5 ms
CPU a message, nothing left out; headers at most twice the raw reader's time; incremental at most half of mbsync's; poll at most
0.40 times mbsync's and 1.2 ms CPU a mailbox; POP3 at most half of fetchmail's. What needs no peer is in bench/imap.py.
"""

from __future__ import annotations

import argparse
import compileall
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

KIT = Path(__file__).resolve().parent / "sync"
#: Scenario of the kit, and rows of the kit beside ours.
SCENARIOS = {
    "initial": ("initial", "mbsync,raw"),
    "headers": ("initial", "raw"),
    "incremental": ("incremental", "mbsync"),
    "poll": ("poll", "mbsync"),
    "pop3": ("pop3", "fetchmail,raw"),
}
#: Recipients of the corpus: q1 to q3000, three a message on average. So many are users whose mail is tracked: 5 % of the messages.
USERS = 50


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scenario", choices=[*SCENARIOS])
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--only", default="", help="rows of the kit beside ours")
    options = parser.parse_args()
    base = Path(os.environ.setdefault("BENCH_DIR", str(Path(tempfile.gettempdir()) / "syncbench")))
    os.environ["BENCH_PYTHON"] = sys.executable
    # As after an installation: compiling the sources is no part of a run.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    compileall.compile_dir(KIT.parents[1] / "src" / "reconcile", quiet=2)
    if not (base / "mail" / "big0").exists():
        call("server.py", "setup")
    call("server.py", "start")
    try:
        run(options, base)
    finally:
        call("server.py", "stop")


def call(script: str, *arguments: str) -> None:
    subprocess.run([sys.executable, script, *arguments], cwd=KIT, check=True)


def run(options: argparse.Namespace, base: Path) -> None:
    kind, beside = SCENARIOS[options.scenario]
    # As in the kit: BENCH_SIZES makes it smaller for a smoke test.
    _, _, small, incremental = (int(size) for size in os.environ.get("BENCH_SIZES", "10000,2000,1000,100").split(","))
    users = {
        "initial": ["big0"],
        "pop3": ["pop0"],
        "poll": [f"s{number:04d}" for number in range(small)],
        "incremental": [f"i{number:03d}" for number in range(incremental)],
    }[kind]
    if kind == "incremental":
        take_back(base / "mail")
    estate = base / f"estate-{options.scenario}"
    listed = base / f"users-{options.scenario}"
    listed.write_text("\n".join(users))
    shutil.rmtree(estate, ignore_errors=True)
    call("prepare_ours.py", str(estate), *OPTIONS.get(options.scenario, ()), f"@{listed}")
    if options.scenario == "headers":
        know_users(estate)
    # Applied before, as with `reconcile apply`; an initial sync starts from it, the others keep what the sync before it left.
    fresh = kind in ("initial", "pop3")
    begin = f'cp -r {estate}/. "$BENCH_OUT"/' if fresh else f'{{ [ -d "$BENCH_OUT/state" ] || cp -r {estate}/. "$BENCH_OUT"/; }}'
    # As people call it: `python -m` finds and reads its module by way of eight more milliseconds.
    command = Path(sys.executable).with_name("reconcile")
    sync = f'exec {command} sync --state-dir "$BENCH_OUT/state" --secrets-dir "$BENCH_OUT/secrets"'
    name = f"ours-{options.scenario}"
    call("bench.py", kind, "--runs", str(options.runs), "--only", options.only or beside, "--extra", f"{name}|{begin} && {sync}")
    with sqlite3.connect(base / "out" / name / "state" / "test" / "engine.db") as database:
        decided, activities = database.execute(
            "SELECT (SELECT count(*) FROM mail_locations), (SELECT count(*) FROM mail_activities)"
        ).fetchone()
    print(f"ours holds {decided} messages of the server as {activities} activities")


#: Of prepare_ours.py.
OPTIONS = {"pop3": ("--pop3",), "headers": ("--known-senders",)}


def take_back(mail: Path) -> None:
    """What an earlier incremental run delivered: numbers from 10,000 on."""
    for path in mail.glob("i[0-9]*/*/*"):
        found = re.match(r"\d+\.M(\d+)", path.name)
        if path.parent.name in ("new", "cur") and found is not None and int(found[1]) >= 10_000:
            path.unlink()


def know_users(estate: Path) -> None:
    rows = "".join(f"user;u{number};User {number};q{number}@cust.example;all\n" for number in range(1, USERS + 1))
    table = estate / "parties.csv"
    table.write_text("type;id;name;email1;filter\n" + rows)
    folders = ["--state-dir", str(estate / "state"), "--secrets-dir", str(estate / "secrets")]
    subprocess.run([sys.executable, "-m", "reconcile.cli.main", "parties", "import", str(table), *folders], check=True)


if __name__ == "__main__":
    main()
