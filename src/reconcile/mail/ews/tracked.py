"""Tracked folders below an inbox: found by their names with each look, read by changes behind a state of their own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

from reconcile.errors import CursorInvalid, MailboxRefused, PermanentError, PermissionDenied, Unavailable
from reconcile.mail.ews.changes import Page, page_of
from reconcile.mail.ews.contents import AT_ONCE
from reconcile.mail.ews.folder import FolderBelow, below_inbox
from reconcile.mail.ews.link import Link
from reconcile.mail.ews.operations import folder_id
from reconcile.mail.ews.place import TrackedPlace
from reconcile.model.tracked_folder import comparable_path

#: What a refusal is that may be about a folder alone. The inbox was read right before.
_ABOUT_FOLDER: Final = (PermanentError, PermissionDenied, MailboxRefused)


class TrackedFolders:
    """`paths` as they are declared. A folder that is missing or may not be read keeps nobody from reading the others."""

    def __init__(self, link: Link, paths: Sequence[str]) -> None:
        self._link = link
        self._paths = paths
        #: The first page of each folder behind a state, as the look found it.
        self._held: dict[tuple[str, str], Page] = {}

    def look(self, before: Sequence[TrackedPlace]) -> tuple[tuple[TrackedPlace, ...], bool, tuple[str, ...]]:
        """Those that are there, each where it was left; whether one has news; and in words what the others lack.

        One request for all, and one for each. Raises as `Link.one`.
        """
        self._held.clear()
        if not self._paths:
            return (), False, ()
        below = dict[str, list[FolderBelow]]()
        try:
            for folder in below_inbox(self._link):
                below.setdefault(comparable_path(folder.path), []).append(folder)
        except PermanentError as error:
            return (), False, tuple(f"{path}: {_words(error)}" for path in self._paths)
        known = {place.folder: place for place in before}
        found, news, lacking = list[TrackedPlace](), False, list[str]()
        for path in self._paths:
            match below.get(comparable_path(path), []):
                case []:
                    lacking.append(f"{path}: there is no such folder below the inbox")
                case [folder]:
                    state = known[folder.folder].state if folder.folder in known else ""
                    place = TrackedPlace(folder=folder.folder, path=path, state=state, messages=folder.messages)
                    try:
                        place, page = self._asked(place, AT_ONCE)
                    except PermanentError as error:
                        lacking.append(f"{path}: {_words(error)}")
                        continue
                    self._held[place.folder, place.state] = page
                    found.append(place)
                    news = news or page.changed or not page.last
                case _:
                    lacking.append(f"{path}: several folders below the inbox have this name")
        return tuple(found), news, tuple(lacking)

    def pages(self, place: TrackedPlace, most: int) -> Iterator[tuple[TrackedPlace, Page]]:
        """Everything behind its state: each page, and the place behind it."""
        last = False
        while not last:
            held = self._held.pop((place.folder, place.state), None)
            if held is not None and len(held.listed) <= most:
                page = held
            else:
                place, page = self._asked(place, most)
            place = replace(place, state=page.state)
            yield place, page
            last = page.last

    def forget(self) -> None:
        """What was held."""
        self._held.clear()

    def _asked(self, place: TrackedPlace, most: int) -> tuple[TrackedPlace, Page]:
        """Where the server refuses a state, the folder is listed from its beginning: what is kept is left out by who reads."""
        where = folder_id(place.folder)
        try:
            return place, page_of(self._link, where, place.state, most, path=place.path)
        except CursorInvalid as error:
            if not place.state:
                raise Unavailable(error.message, hint="It is listed again with the next look.") from None
        place = replace(place, state="")
        return place, page_of(self._link, where, "", most, path=place.path)


def _words(error: PermanentError) -> str:
    """Of a refusal that is about the folder. Raises the others."""
    if error.about != "mailbox" or type(error) not in _ABOUT_FOLDER:
        raise error
    return error.message
