"""Folders: the well-known ones, and those beside the inbox that have a name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from reconcile.errors import Unavailable
from reconcile.lazy_dataclass import dataclass
from reconcile.mail.ews.answers import M, T, id_of
from reconcile.mail.ews.faults import refusal
from reconcile.mail.ews.link import Link

_ROOT: Final = "msgfolderroot"
_PAGE: Final = 500
#: Folders of a mailbox that are looked at.
_MOST: Final = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderBelow:
    """`path` are the names from the inbox down to it with / between them, `messages` how many items it holds."""

    folder: str
    path: str
    messages: int


def opened(link: Link, name: str) -> tuple[str, int]:
    """Id of a well-known folder, and how many items it holds. Raises as `Link.one`."""
    answer = link.one(link.requests.get_folder(name))
    folder = next(iter(_folders(answer.element)), None)
    if folder is None:
        raise Unavailable(f"{link.where} names no folder {name}")
    return id_of(folder)[0], _count(folder)


def folders_below(link: Link, *, deep: bool) -> Iterator[tuple[str, str]]:
    """Id and name of each folder of the mailbox, of the first level or of all."""
    return _named(link, _ROOT, deep=deep)


def folders_in(link: Link, name: str) -> Iterator[tuple[str, str]]:
    """Id and name of each folder below a well-known one, of all levels."""
    return _named(link, name, deep=True)


def _named(link: Link, parent: str, *, deep: bool) -> Iterator[tuple[str, str]]:
    for folder in _listed(link, parent, deep=deep, fields=("folder:DisplayName",)):
        yield id_of(folder)[0], folder.findtext(f"{T}DisplayName") or ""


def below_inbox(link: Link) -> list[FolderBelow]:
    """All of them, in one request or a few. Raises as `Link.one`."""
    fields = ("folder:ParentFolderId", "folder:DisplayName", "folder:TotalCount")
    found = {id_of(folder)[0]: folder for folder in _listed(link, "inbox", deep=True, fields=fields)}
    return [FolderBelow(folder=name, path=_path(name, found), messages=_count(folder)) for name, folder in found.items() if name]


def _path(name: str, found: Mapping[str, Any]) -> str:
    """A folder whose parents go round in a circle has the path of one turn, which nobody declares."""
    names, seen = list[str](), set[str]()
    while name in found and name not in seen:
        seen.add(name)
        folder = found[name]
        names.append((folder.findtext(f"{T}DisplayName") or "").strip())
        parent = folder.find(f"{T}ParentFolderId")
        name = "" if parent is None else parent.get("Id") or ""
    return "/".join(reversed(names))


def _listed(link: Link, parent: str, *, deep: bool, fields: Sequence[str]) -> Iterator[Any]:
    offset = 0
    while offset < _MOST:
        answer = link.one(link.requests.find_folders(parent, deep=deep, offset=offset, most=_PAGE, fields=fields))
        root = answer.element.find(f"{M}RootFolder")
        found = [*_folders(answer.element)]
        yield from found
        # A server that forgets to say which page is the last, or gives the same one again, must not keep anybody for ever.
        if root is None or root.get("IncludesLastItemInRange") != "false" or not found:
            return
        offset += len(found)


def _count(folder: Any) -> int:
    count = (folder.findtext(f"{T}TotalCount") or "0").strip()
    return int(count) if count.isdigit() else 0


def beside_inbox(link: Link, name: str) -> str:
    """Id of a folder with that name, which is made where it lacks. Made twice at the same time it is one folder: a name is taken once."""
    return _found(link, name) or _made(link, name)


def _found(link: Link, name: str) -> str:
    return next((folder for folder, known in folders_below(link, deep=False) if known.casefold() == name.casefold()), "")


def _made(link: Link, name: str) -> str:
    (answer,) = link.ask(link.requests.create_folder(_ROOT, name), again=False) or (None,)
    if answer is not None and answer.done:
        made = next(iter(_folders(answer.element)), None)
        return id_of(made)[0] if made is not None else _found(link, name)
    if answer is not None and answer.code == "ErrorFolderExists" and (there := _found(link, name)):
        return there
    if answer is None:
        raise Unavailable(f"{link.where} does not say whether it made a folder")
    raise refusal(answer, link.where)


def _folders(message: Any) -> Iterator[Any]:
    for container in message.iter(f"{M}Folders", f"{T}Folders"):
        yield from container
