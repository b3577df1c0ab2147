"""The project's own files, for tests that read them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
PACKAGE: Final = ROOT / "src" / "reconcile"

_LEFT_OUT: Final = frozenset({".git", ".venv", ".reconcile", "__pycache__", "dist"})


def files() -> Iterator[Path]:
    """Every file of the checkout except what git, tools and installs put there (see .gitignore)."""
    for folder, names, found in os.walk(ROOT):
        names[:] = [
            name for name in names if name not in _LEFT_OUT and not name.endswith(("_cache", ".egg-info")) and name != ".hypothesis"
        ]
        yield from (Path(folder) / name for name in found)


def texts() -> Iterator[tuple[str, str]]:
    """Path from the root and content of every file that is UTF-8 text."""
    for path in files():
        try:
            yield path.relative_to(ROOT).as_posix(), path.read_text("utf-8")
        except UnicodeDecodeError:
            continue


def modules() -> Iterator[Path]:
    """Every Python file of the package."""
    return PACKAGE.rglob("*.py")
