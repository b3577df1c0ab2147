"""The commits behind a plan: one walk of the log against `git log` itself, over the same repository in the same minute.

python bench/history.py [files] [commits]
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median

from reconcile.source.history import GitHistory

ROUNDS = 5


def git(root: Path, *words: str) -> None:
    identity = ["-c", "user.name=bench", "-c", "user.email=bench@contoso.example", "-c", "commit.gpgsign=false", "-c", "gc.auto=0"]
    subprocess.run(["git", *identity, *words], cwd=root, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def lay(root: Path, files: int, commits: int) -> list[str]:
    """`files` mailboxes, each changed once more by one of `commits`."""
    names = [f"mailboxes/m{number:06}.yaml" for number in range(files)]
    (root / "mailboxes").mkdir()
    for name in names:
        (root / name).write_text(f"name: {name}\n" + "field: value\n" * 13)
    git(root, "init", "-q", ".")
    git(root, "add", ".")
    git(root, "commit", "-q", "-m", "first")
    for commit in range(commits):
        part = names[commit * files // commits : (commit + 1) * files // commits]
        for name in part:
            (root / name).write_text(f"name: {name}\n" + "field: other\n" * 13)
        git(root, "add", "mailboxes")
        git(root, "commit", "-q", "-m", f"change {commit}")
    git(root, "gc", "-q")
    return names


def cost(work: Callable[[], object]) -> float:
    """CPU seconds, those of children included."""
    before = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    work()
    after = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(late.ru_utime + late.ru_stime - early.ru_utime - early.ru_stime for early, late in zip(before, after, strict=True))


def main() -> None:
    files, commits = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000, int(sys.argv[2]) if len(sys.argv) > 2 else 500
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        names = lay(root, files, commits)
        log = ["git", "log", "--raw", "--no-abbrev", "--no-renames", "-c", "--format=%H"]
        floor, ours = [], []
        for _ in range(ROUNDS):
            floor.append(cost(lambda: subprocess.run(log, cwd=root, check=True, stdout=subprocess.DEVNULL)))
            ours.append(cost(lambda: GitHistory(root, None).last_commits(names)))
        found = GitHistory(root, None).last_commits(names).found
        one = cost(lambda: GitHistory(root, None).last_commits(names[-1:]))
    assert len(found) == files
    ratio = median(ours) / median(floor)
    print(
        f"{files} files, {commits} commits: {median(ours):.2f} CPU s, git log {median(floor):.2f} ({ratio:.2f} times); one file {one:.2f}"
    )


if __name__ == "__main__":
    main()
