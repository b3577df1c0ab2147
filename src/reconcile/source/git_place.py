"""Whether a folder of a checkout can be somebody else's repository than the one around it: a change may hold links, and folders that git
would take for a bare repository with a history of their own.
"""

from __future__ import annotations

import os
from pathlib import Path

from reconcile.errors import DesiredStateError

_CHECKED_OUT = "check out the base, not the change, and name the change with --revision: docs/gate.md shows how"


def embedded(folder: Path) -> Path | None:
    """The bare repository that `folder` lies in, where that lies inside of a work tree: whoever wrote what is checked out there made it,
    with settings and revisions of their own."""
    try:
        start = folder.resolve(strict=True)
    except OSError:
        return None
    inner: Path | None = None
    for place in (start, *start.parents):
        if (place / ".git").exists():
            return inner
        if place.name == ".git":
            return None
        if inner is None and (place / "HEAD").is_file() and (place / "objects").is_dir():
            inner = place
    return None


def refuse_another(folder: Path) -> None:
    """Raises DesiredStateError where a change that is checked out could lead `folder` to another estate than the base has there: by a link,
    or as a submodule."""
    named = Path(os.path.abspath(folder))  # noqa: PTH100 - resolve() follows links
    link: Path | None = None
    for place in (named, *named.parents):
        if place.is_symlink():
            link = place
        elif (place / ".git").exists():
            break
    else:
        return
    if link is not None:
        raise DesiredStateError(f"{link} is a link, which may lead to another estate than the base has there", hint=_CHECKED_OUT)
    git = place / ".git"
    if git.is_file() and "/modules/" in git.read_text("utf-8", "replace"):
        raise DesiredStateError(f"{place} is a submodule, whose revisions are not those of the repository around it", hint=_CHECKED_OUT)
