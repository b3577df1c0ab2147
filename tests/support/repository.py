"""Small git repositories, made as their authors would."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Repository:
    """A work tree. Commits are an hour apart, so that their order never depends on the clock of the machine."""

    root: Path

    def git(self, *words: str, **variables: str) -> str:
        """What git prints. Nothing of the machine's configuration has a say."""
        closed = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull, "PATH": os.environ["PATH"], "HOME": os.devnull}
        done = subprocess.run(["git", *words], cwd=self.root, env={**closed, **variables}, check=True, capture_output=True)
        return done.stdout.decode("utf-8", "replace").strip()

    def write(self, files: Mapping[str, str | None]) -> None:
        """Texts by path; None removes the file."""
        for path, text in files.items():
            target = self.root / path
            if text is None:
                target.unlink()
            else:
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_text(text, encoding="utf-8")

    def commit(
        self, message: str, files: Mapping[str, str | None] | None = None, *, author: str = "Mail Team <mail@contoso.example>"
    ) -> str:
        """Write, add everything, commit; the full id."""
        self.write(files or {})
        self.git("add", "-A", "-f")
        return self.record(message, author=author)

    def record(self, message: str, *words: str, author: str = "Mail Team <mail@contoso.example>") -> str:
        """Commit what is added already."""
        name, _, address = author.rpartition(" <")
        count = self.git("rev-list", "--all", "--count")
        at = f"{1_767_225_600 + 3600 * int(count)} +0000"  # from 2026-01-01
        variables = {"GIT_AUTHOR_NAME": name, "GIT_AUTHOR_EMAIL": address.rstrip(">"), "GIT_AUTHOR_DATE": at}
        variables |= {"GIT_COMMITTER_NAME": "Committer", "GIT_COMMITTER_EMAIL": "committer@contoso.example", "GIT_COMMITTER_DATE": at}
        self.git("-c", "commit.gpgsign=false", "commit", "-q", "--allow-empty", "-m", message, *words, **variables)
        return self.git("rev-parse", "HEAD")


def new_repository(root: Path) -> Repository:
    """On branch main, without a commit."""
    root.mkdir(parents=True, exist_ok=True)
    repository = Repository(root)
    repository.git("init", "-q", "-b", "main", ".")
    return repository
