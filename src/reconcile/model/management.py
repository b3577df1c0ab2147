"""How a declared thing is treated, as opposed to what it is: whose it is, what its removal means, what is owned elsewhere."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from fnmatch import fnmatchcase

from reconcile.lazy_dataclass import dataclass

#: A path of a spec, with * for any characters. No brackets and question marks, which `fnmatch` would take for more.
FIELD_PATTERN = r"^[A-Za-z*][A-Za-z0-9_.*-]*$"


class OnRemoval(StrEnum):
    """What follows when the document leaves git: the row is made inactive, only forgotten, or deleted."""

    DISABLE = "disable"
    FORGET = "forget"
    DELETE = "delete"


@dataclass(frozen=True, slots=True, kw_only=True)
class Management:
    """The `management` part of a document.

    `on_removal` None takes the default: disable for adopted rows, delete for rows we made. `protected` rows are neither deleted,
    disabled nor forgotten, also when their document is gone. `ignored` are paths ("incoming.port") or patterns of paths
    ("incoming.*") that are owned elsewhere: set on create, not compared later. `moved_from` is the slug the resource had before.
    """

    on_removal: OnRemoval | None = None
    protected: bool = False
    ignored: tuple[str, ...] = ()
    moved_from: str | None = None


UNMANAGED = Management()


def on_removal(wanted: OnRemoval | None, *, adopted: bool, kind: str) -> OnRemoval:
    """What follows for a row. What has no state cannot be made inactive: it is forgotten."""
    if wanted is None:
        wanted = OnRemoval.DISABLE if adopted else OnRemoval.DELETE
    return OnRemoval.FORGET if wanted is OnRemoval.DISABLE and kind not in ("Mailbox", "EmailServerProfile") else wanted


def covers(patterns: Iterable[str], path: str) -> bool:
    """Whether a path ("incoming.port", also a leaf of a secret, "credentials.password.ref") is among what `ignored` names."""
    return any(path == pattern or path.startswith(f"{pattern}.") or fnmatchcase(path, pattern) for pattern in patterns)
