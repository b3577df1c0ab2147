"""Folders: the well-known ones, and those beside the inbox that have a name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from reconcile.errors import Unavailable
from reconcile.mail.ews.answers import M, T, id_of
from reconcile.mail.ews.faults import refusal
from reconcile.mail.ews.link import Link

_ROOT: Final = "msgfolderroot"
_PAGE: Final = 500
#: Folders of a mailbox that are looked at.
_MOST: Final = 100_000


def opened(link: Link, name: str) -> tuple[str, int]:
    """Id of a well-known folder, and how many items it holds. Raises as `Link.one`."""
    answer = link.one(link.requests.get_folder(name))
    folder = next(iter(_folders(answer.element)), None)
    if folder is None:
        raise Unavailable(f"{link.where} names no folder {name}")
    count = (folder.findtext(f"{T}TotalCount") or "0").strip()
    return id_of(folder)[0], int(count) if count.isdigit() else 0


def folders_below(link: Link, *, deep: bool) -> Iterator[tuple[str, str]]:
    """Id and name of each folder of the mailbox, of the first level or of all."""
    offset = 0
    while offset < _MOST:
        answer = link.one(link.requests.find_folders(_ROOT, deep=deep, offset=offset, most=_PAGE))
        root = answer.element.find(f"{M}RootFolder")
        found = [*_folders(answer.element)]
        for folder in found:
            yield id_of(folder)[0], folder.findtext(f"{T}DisplayName") or ""
        # A server that forgets to say which page is the last, or gives the same one again, must not keep anybody for ever.
        if root is None or root.get("IncludesLastItemInRange") != "false" or not found:
            return
        offset += len(found)


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
