"""The real command line in a process of its own, on a folder and a state directory."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a command ended with."""

    code: int
    out: str
    err: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Commands:
    """Runs `reconcile` with one state directory."""

    state: Path
    cache: Path

    def arguments(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "reconcile.cli.main", *words]

    def environment(self, more: Mapping[str, str] | None = None) -> dict[str, str]:
        return {
            **{name: value for name, value in os.environ.items() if not name.startswith("RECONCILE_")},
            "RECONCILE_STATE_DIR": str(self.state),
            "RECONCILE_CACHE_DIR": str(self.cache),
            "RECONCILE_ACTOR": "tester@contoso.example",
            **(more or {}),
        }

    def run(self, *words: str, **variables: str) -> Result:
        """Run to the end, without a terminal."""
        done = subprocess.run(
            self.arguments(*words), env=self.environment(variables), capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=120
        )
        return Result(code=done.returncode, out=done.stdout, err=done.stderr)

    def start(self, *words: str, **variables: str) -> subprocess.Popen[bytes]:
        """Start and leave running; the caller ends it."""
        return subprocess.Popen(
            self.arguments(*words),
            env=self.environment(variables),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
