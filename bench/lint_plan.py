#!/usr/bin/env python3
"""Lint and plan of a large estate: CPU seconds and peak memory, each measurement in a process of its own.

    python bench/lint_plan.py                 10,000 mailboxes in 10,000 files of 14 lines, from a folder
    python bench/lint_plan.py 1000 10000 100000   growth
    python bench/lint_plan.py --source git    from a commit instead

Prints one JSON object a line. Budget for 10,000: lint + plan cold at most 6 CPU seconds and 150 MB.
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
from collections.abc import Callable
from pathlib import Path

MAILBOX = """\
# Mailbox {number} of the benchmark
apiVersion: reconcile/v1alpha2
kind: Mailbox
metadata:
  name: mailbox-{number:06d}
spec:
  displayName: "Mailbox {number}"
  emailAddress: mailbox-{number:06d}@contoso.example
  type: {type}
  profile: profile-{profile}
  incoming: server-side
  outgoing: server-side
  processEmailFrom: 2026-01-01
  credentials: {{allowUse: true, username: m{number:06d}, password: "env:MAILBOX_PASSWORD"}}
"""

PROFILE = """\
apiVersion: reconcile/v1alpha2
kind: EmailServerProfile
metadata:
  name: profile-{number}
spec:
  displayName: Profile {number}
  serverType: imap-smtp
  incoming: {{protocol: imap, server: imap{number}.contoso.example, port: 993, tls: implicit, credentials: user-or-queue}}
  outgoing: {{protocol: smtp, server: smtp{number}.contoso.example, port: 587, tls: starttls, credentials: user-or-queue}}
"""

ENVIRONMENT = """\
apiVersion: reconcile/v1alpha2
kind: Environment
metadata:
  name: bench
spec:
  target: {type: engine}
  timeZone: Europe/Berlin
"""

LIST = """\
apiVersion: reconcile/v1alpha2
kind: MailboxList
metadata:
  name: all
spec:
  file: list.csv
  columns:
    Slug: metadata.name
    Name: displayName
    E-Mail: emailAddress
    Type: type
    Profile: profile
    User: credentials.username
    Consent: credentials.allowUse
    Password: credentials.password
  settings:
    incoming: server-side
    outgoing: server-side
    processEmailFrom: 2026-01-01
"""

PROFILES = 10


def write_estate(root: Path, mailboxes: int) -> None:
    """Files of 14 lines, 1,000 to a folder."""
    root.mkdir(parents=True)
    (root / "environment.yaml").write_text(ENVIRONMENT, encoding="utf-8")
    for number in range(PROFILES):
        (root / f"profile-{number}.yaml").write_text(PROFILE.format(number=number), encoding="utf-8")
    for number in range(mailboxes):
        folder = root / f"mailboxes-{number // 1000:03d}"
        folder.mkdir(exist_ok=True)
        text = MAILBOX.format(number=number, type="queue" if number % 2 else "user", profile=number % PROFILES)
        (folder / f"mailbox-{number:06d}.yaml").write_text(text, encoding="utf-8")


def commit(root: Path) -> None:
    """Packed, as a clone is."""
    for command in (
        ["init", "-q", "."],
        ["config", "gc.auto", "0"],
        ["add", "-A"],
        ["-c", "user.name=bench", "-c", "user.email=bench@contoso.example", "commit", "-q", "-m", "estate"],
        ["gc", "-q"],
    ):
        subprocess.run(["git", *command], cwd=root, check=True)


def step_load(root: Path, revision: str | None) -> dict[str, object]:
    """What `reconcile lint` does, without printing."""
    from reconcile.desired.load import load
    from reconcile.wiring.estate import open_source

    source = open_source(root, revision)
    listing = source.list()
    result = load(listing.files, listing.findings, source.read, environment=None, source=source.label, revision=source.revision, cache=None)
    assert result.desired is not None, result.findings[:3]
    assert not result.findings, result.findings[:3]
    return {"resources": len(result.desired.resources), "findings": len(result.findings)}


def step_plan(root: Path, revision: str | None) -> dict[str, object]:
    """All of `reconcile plan` without a cache of parsed files, against an equal observed state in an engine store."""
    with tempfile.TemporaryDirectory(prefix="reconcile-cache-") as cache:
        return _plan(root, revision, Path(cache))


def step_plan_again(root: Path, revision: str | None) -> dict[str, object]:
    """The same with the cache that an earlier run left (the first repetition fills it)."""
    return _plan(root, revision, root.with_name("cache"))


def step_one_changed(root: Path, revision: str | None) -> dict[str, object]:
    """The same after one file was changed (in a folder; a revision has no such thing)."""
    file = root / "mailboxes-000" / "mailbox-000001.yaml"
    file.write_text(file.read_text(encoding="utf-8").replace("displayName:", "owner: Somebody else\n  displayName:", 1), encoding="utf-8")
    try:
        return _plan(root, revision, root.with_name("cache"), expected=2 if revision is None else 0)
    finally:
        file.write_text(file.read_text(encoding="utf-8").replace("owner: Somebody else\n  ", "", 1), encoding="utf-8")


def step_table(root: Path, revision: str | None) -> dict[str, object]:
    """As many mailboxes from one CSV file: what `reconcile lint` does, without printing."""
    number = sum(1 for _ in root.glob("mailboxes-*/*.yaml"))
    table = root.with_name("table")
    table.mkdir(exist_ok=True)
    for file in root.glob("*.yaml"):
        (table / file.name).write_text(file.read_text(encoding="utf-8"), encoding="utf-8")
    (table / "list.yaml").write_text(LIST, encoding="utf-8")
    with (table / "list.csv").open("w", encoding="utf-8") as file:
        file.write("Slug,Name,E-Mail,Type,Profile,User,Consent,Password\n")
        for row in range(number):
            owner = "queue" if row % 2 else "user"
            words = f"Mailbox {row},mailbox-{row:06d}@contoso.example,{owner},profile-{row % PROFILES},m{row:06d},true,env:MAILBOX_PASSWORD"
            file.write(f"mailbox-{row:06d},{words}\n")
    started = time.process_time()
    numbers = step_load(table, None)
    return {**numbers, "loading_cpu_s": round(time.process_time() - started, 2)}


def _plan(root: Path, revision: str | None, cache: Path, *, expected: int = 0) -> dict[str, object]:
    import contextlib
    import io

    os.environ["RECONCILE_CACHE_DIR"] = str(cache)
    from reconcile.cli.main import run

    words = ["plan", "-C", str(root), "--state-dir", str(root.with_name("state")), "--detailed-exitcode", "--output", "json"]
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        code = run([*words, *(["--revision", revision] if revision else [])])
    plan = json.loads(printed.getvalue())
    assert code == expected, plan["summary"]
    return {"unchanged": plan["summary"]["unchanged"]}


def apply_once(root: Path, revision: str | None) -> None:
    """Make the observed state; not measured."""
    words = [
        "apply",
        "--yes",
        "-C",
        str(root),
        "--state-dir",
        str(root.with_name("state")),
        *(["--revision", revision] if revision else []),
    ]
    environment = {**os.environ, "MAILBOX_PASSWORD": "not a secret", "RECONCILE_CACHE_DIR": str(root.with_name("cache"))}
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "reconcile.cli.main", *words],
        env=environment,
        stdout=subprocess.DEVNULL,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    assert done.returncode == 0, done.returncode
    print(json.dumps({"step": "apply once, not measured", "wall_s": round(time.perf_counter() - started, 1)}), file=sys.stderr)


#: Name of a measurement → what is run in a fresh process: a step takes the estate's root and revision, runs, and returns
#: numbers to print beside time and memory.
STEPS: dict[str, Callable[[Path, str | None], dict[str, object]]] = {
    "load": step_load,
    "load from a table": step_table,
    "plan": step_plan,
    "plan again": step_plan_again,
    "plan, one file changed": step_one_changed,
}


def measure(step: str, root: Path, revision: str | None) -> dict[str, object]:
    """Runs in the child: import and all."""
    started = time.perf_counter()
    numbers = STEPS[step](root, revision)
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return {
        "step": step,
        **numbers,
        "wall_s": round(time.perf_counter() - started, 2),
        "cpu_s": round(own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime, 2),
        "peak_mb": round(own.ru_maxrss / 1024, 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("mailboxes", type=int, nargs="*", default=[10_000])
    parser.add_argument("--source", choices=["folder", "git"], default="folder")
    parser.add_argument("--repeat", type=int, default=1)
    parser.add_argument("--child", nargs=2, metavar=("STEP", "ROOT"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    revision = "HEAD" if options.source == "git" else None
    if options.child:
        print(json.dumps(measure(options.child[0], Path(options.child[1]), revision)))
        return
    for mailboxes in options.mailboxes:
        with tempfile.TemporaryDirectory(prefix="reconcile-bench-") as scratch:
            root = Path(scratch) / "estate"
            write_estate(root, mailboxes)
            if revision:
                commit(root)
            apply_once(root, revision)
            for step in STEPS:
                for _ in range(options.repeat):
                    command = [sys.executable, __file__, "--source", options.source, "--child", step, str(root)]
                    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
                    print(json.dumps({"mailboxes": mailboxes, "source": options.source, **json.loads(printed)}), flush=True)


if __name__ == "__main__":
    main()
