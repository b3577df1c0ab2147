"""A folder below the inbox whose mail is tracked, as a mailbox declares it in one line.

    FOLDER [= TYPE:ID[:NAME]]        Projects/Fabrikam = account:4711:Fabrikam Ltd

FOLDER are the names of folders below the inbox with / between them, the rest is the record that mail in it is about
(table MailboxTrackingFolder: exchangefoldername, regardingobjectid).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from reconcile.lazy_dataclass import dataclass
from reconcile.model.activity_details import Regarding

#: What the product allows, and what a mailbox may have at most where nobody says less (maxfolderbasedtrackingmappings).
MOST_FOLDERS: Final = 25
_RECORD: Final = re.compile(r"(?P<type>[A-Za-z][A-Za-z0-9_]{0,99}):(?P<id>[^\s:]{1,200})(?::(?P<name>\S.{0,199}))?")
_SEPARATOR: Final = " = "
_EXAMPLE: Final = "Projects/Fabrikam = account:4711:Fabrikam"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackedFolder:
    """`path` as it is declared; names are compared without case."""

    path: str
    regarding: Regarding | None = None

    @property
    def comparable(self) -> str:
        """Equal for two ways to write the same folder."""
        return comparable_path(self.path)

    def __str__(self) -> str:
        about = self.regarding
        return self.path if about is None else f"{self.path} ({about.type} {about.name or about.id})"


def comparable_path(path: str) -> str:
    """Folders of a server and declared ones in the same words."""
    return path.casefold()


def read_folder(text: str) -> TrackedFolder:
    """Raises ValueError."""
    path, separator, record = text.partition(_SEPARATOR)
    path = path.strip()
    if any(not name.strip() for name in path.split("/")):
        raise ValueError(f"{path!r} is no folder: write the names below the inbox with / between them, for example Projects/Fabrikam")
    if not separator:
        return TrackedFolder(path=path)
    found = _RECORD.fullmatch(record.strip())
    if found is None:
        raise ValueError(f"{record.strip()!r} is no record: write FOLDER = TYPE:ID or FOLDER = TYPE:ID:NAME, for example {_EXAMPLE}")
    return TrackedFolder(path=path, regarding=Regarding(type=found["type"], id=found["id"], name=found["name"] or ""))


def read_folders(lines: object) -> tuple[TrackedFolder, ...]:
    """As they stand in an applied spec, sorted by path; () for none. Raises ValueError."""
    folders = [read_folder(line) for line in lines] if isinstance(lines, tuple) else []
    return tuple(sorted(folders, key=lambda one: one.comparable))


def named_twice(lines: Iterable[str]) -> str:
    """The first folder that two of them name, "" where there is none."""
    seen: set[str] = set()
    for line in lines:
        folder = read_folder(line)
        if folder.comparable in seen:
            return folder.path
        seen.add(folder.comparable)
    return ""
