"""Attachments written into a folder: under names that are safe, over nothing, executable by nobody."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from reconcile.errors import UserError


def saved(folder: Path, files: Iterable[tuple[str, int, bytes | None]]) -> list[str]:
    """`files` are (name as a stranger wrote it, number, content; None: not to be written). Names of the files, "" for what is not written.
    Raises UserError for a folder that holds something."""
    from reconcile.model.file_name import safe_file_name

    if folder.exists() and any(folder.iterdir()):
        raise UserError(f"{folder} is not empty", hint="Name a new or empty folder.")
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    names: list[str] = []
    for name, number, content in files:
        plain = "" if content is None else safe_file_name(name, number=number, taken=names)
        if content is not None:
            # Never over something, never through a link, never executable.
            with (folder / plain).open("xb") as file:
                file.write(content)
            (folder / plain).chmod(0o600)
        names.append(plain)
    return names
