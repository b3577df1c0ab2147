#!/usr/bin/env python3
"""Receiving mail beside mbsync and the physical limit, in one table (kit and explanation: bench/sync/README.md).

    python bench/receive.py initial     one mailbox, 10,000 messages, 364 MB: ours, mbsync, the raw reader
    python bench/receive.py poll        1,000 mailboxes, nothing new, a login each: ours and one mbsync process
    python bench/receive.py pop3        one mailbox over POP3, 2,000 messages, 72 MB: ours, fetchmail, the raw reader

Needs root, dovecot-imapd, dovecot-pop3d, isync and fetchmail; about 1.5 GB in BENCH_DIR [a folder of the system's temporary one]. Run it with the project's
Python. Targets: initial at least 2 times mbsync's messages a second, at most 6 times the raw reader's time and 80 MB, nothing left
out; poll at most half of mbsync's time; POP3 at most half of fetchmail's.
"""

from __future__ import annotations

import argparse
import compileall
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

KIT = Path(__file__).resolve().parent / "sync"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scenario", choices=["initial", "poll", "pop3"])
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
    initial = options.scenario != "poll"
    # As in the kit: BENCH_SIZES makes it smaller for a smoke test.
    small = int(os.environ.get("BENCH_SIZES", "10000,2000,1000,100").split(",")[2])
    users = {"initial": ["big0"], "pop3": ["pop0"], "poll": [f"s{number:04d}" for number in range(small)]}[options.scenario]
    estate = base / f"estate-{options.scenario}"
    listed = base / f"users-{options.scenario}"
    listed.write_text("\n".join(users))
    shutil.rmtree(estate, ignore_errors=True)
    call("prepare_ours.py", str(estate), *(["--pop3"] if options.scenario == "pop3" else []), f"@{listed}")
    # Applied before, as with `reconcile apply`; an initial sync starts from it, a poll keeps what the sync before it left.
    begin = f'cp -r {estate}/. "$BENCH_OUT"/' if initial else f'{{ [ -d "$BENCH_OUT/state" ] || cp -r {estate}/. "$BENCH_OUT"/; }}'
    sync = f'exec {sys.executable} -m reconcile.cli.main sync --state-dir "$BENCH_OUT/state" --secrets-dir "$BENCH_OUT/secrets"'
    name = f"ours-{options.scenario}"
    only = options.only or {"initial": "mbsync,raw", "poll": "mbsync", "pop3": "fetchmail,raw"}[options.scenario]
    call("bench.py", options.scenario, "--runs", str(options.runs), "--only", only, "--extra", f"{name}|{begin} && {sync}")
    with sqlite3.connect(base / "out" / name / "state" / "test" / "engine.db") as database:
        decided, activities = database.execute(
            "SELECT (SELECT count(*) FROM mail_locations), (SELECT count(*) FROM mail_activities)"
        ).fetchone()
    print(f"ours holds {decided} messages of the server as {activities} activities")


if __name__ == "__main__":
    main()
