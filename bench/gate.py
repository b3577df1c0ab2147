#!/usr/bin/env python3
"""reconcile ci on a large estate: CPU seconds and peak memory of one change, with a cold and with a warm cache.

    python bench/gate.py                 10,000 mailboxes; the change edits one profile and ten mailboxes
    python bench/gate.py 1000 10000      growth

`floor` is git reading every object of base and change, in the same minute. Prints one JSON object a line.
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

from lint_plan import write_estate


def git(root: Path, *words: str) -> None:
    variables = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull, "PATH": os.environ["PATH"]}
    names = ("-c", "user.name=bench", "-c", "user.email=bench@contoso.example")
    subprocess.run(["git", *names, *words], cwd=root, env=variables, check=True, capture_output=True)


def change(root: Path, mailboxes: int) -> None:
    """main, and a branch with one commit more."""
    write_estate(root / "estate", mailboxes)
    git(root, "init", "-q", "-b", "main")
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", "base")
    git(root, "checkout", "-q", "-b", "change")
    files = sorted(file for file in (root / "estate").rglob("*.yaml") if "kind: Mailbox\n" in file.read_text())
    for file in files[:10]:
        file.write_text(file.read_text().replace("outgoing: server-side", "outgoing: none"))
    git(root, "commit", "-q", "-a", "-m", "change")


def measured(name: str, mailboxes: int, command: list[str], root: Path, cache: Path, codes: tuple[int, ...]) -> None:
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    watched = ["/usr/bin/env", "python3", "-c", WATCHED, *command]
    done = subprocess.run(
        watched, cwd=root, env={**os.environ, "RECONCILE_CACHE_DIR": str(cache)}, capture_output=True, text=True, check=False
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    code, peak = done.stdout.rsplit("\n", 2)[-2].split()
    if int(code) not in codes:
        sys.exit(done.stderr)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    figures = {"cpu_s": round(cpu, 2), "wall_s": round(time.perf_counter() - start, 2), "peak_mb": int(peak) // 1024}
    print(json.dumps({"step": name, "mailboxes": mailboxes, **figures}))


#: Runs a command and says its code and its peak memory.
WATCHED = """
import resource, subprocess, sys
code = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL).returncode
print(code, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("mailboxes", nargs="*", type=int, default=[10_000])
    for number in parser.parse_args().mailboxes:
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder) / "repository"
            change(root, number)
            floor = ["bash", "-c", "for at in main change; do git ls-tree -r --object-only $at | git cat-file --batch; done"]
            measured("floor", number, floor, root, root, (0,))
            gate = [sys.executable, "-m", "reconcile.cli.main", "ci", "--base", "main", "-C", "estate", "--out", f"{folder}/out"]
            for name in ("cold", "warm"):
                measured(name, number, gate, root, Path(folder) / "cache", (0, 3, 4))


if __name__ == "__main__":
    main()
