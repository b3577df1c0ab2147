"""The example estate and the JSON Schemas as files: carried by the package, or in the repository for an editable install."""

from __future__ import annotations

import shutil
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from reconcile.errors import SettingsError

_REPOSITORY = Path(__file__).parents[3]


def estate() -> Traversable:
    """The folder desired-state of this version."""
    return _find(resources.files("reconcile.sandbox") / "estate", _REPOSITORY / "desired-state")


def schemas() -> Traversable:
    """The folder of JSON Schemas of this version."""
    return _find(resources.files("reconcile") / "schemas", _REPOSITORY / "schemas")


def copy(tree: Traversable, destination: Path) -> None:
    """All files below, without hidden ones (state and secrets of whoever works in the repository)."""
    with resources.as_file(tree) as folder:
        shutil.copytree(folder, destination, ignore=shutil.ignore_patterns(".*"), dirs_exist_ok=True)


def _find(packaged: Traversable, in_repository: Path) -> Traversable:
    for place in (packaged, in_repository):
        if place.is_dir():
            return place
    raise SettingsError(
        f"this installation of reconcile lacks its folder {in_repository.name}", hint="Install the package again: `make install`."
    )
