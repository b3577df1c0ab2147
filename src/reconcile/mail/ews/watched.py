"""Which folders of a mailbox are watched over one stream, and what an event in one of them is news of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field
from typing import Any, Final

from reconcile.errors import PermanentError
from reconcile.lazy_dataclass import dataclass
from reconcile.mail.ews.answers import M, T, id_of
from reconcile.mail.ews.folder import below_inbox
from reconcile.mail.ews.item_fields import FOLDERS
from reconcile.mail.ews.link import Link
from reconcile.mail.ews.operations import folder_id
from reconcile.model.item import ItemKind
from reconcile.model.tracked_folder import comparable_path

#: Mail that comes into a folder.
_ARRIVALS: Final = ("NewMailEvent", "CreatedEvent", "MovedEvent", "CopiedEvent")
#: Items are edited and deleted, too.
_CHANGES: Final = ("ModifiedEvent", "DeletedEvent")


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """`mail`: something arrived in the inbox or in a tracked folder; `kinds` are those of the items that changed."""

    mail: bool = False
    kinds: frozenset[ItemKind] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """`subscription` is the server's name of it; `kinds` has the kind of items by the id of its folder."""

    subscription: str
    kinds: Mapping[str, ItemKind] = field(default_factory=dict)

    def news(self, events: Iterable[Any]) -> News:
        """Of the elements of a notification."""
        mail, kinds = False, set[ItemKind]()
        for event in events:
            if not isinstance(event.tag, str) or not event.tag.endswith("Event"):
                continue
            places = {found.get("Id") or "" for found in (*event.iter(f"{T}ParentFolderId"), *event.iter(f"{T}OldParentFolderId"))}
            of = {self.kinds[place] for place in places if place in self.kinds}
            kinds |= of
            # An item that goes to the deleted ones is no mail that comes.
            mail = mail or (not of and event.tag.removeprefix(T) in _ARRIVALS)
        return News(mail=mail, kinds=frozenset(kinds))


def subscribed(link: Link, paths: Sequence[str], *, items: bool) -> Watched:
    """One subscription for the inbox, the tracked folders below it that are there (`paths`), and where `items` are kept in step, the
    folders for them. Where the server refuses the others, the inbox alone is watched. Raises as `Link.one`."""
    try:
        kinds = _item_folders(link) if items else {}
        others = [folder_id(name) for name in (*_tracked(link, paths), *kinds)]
        return _asked(link, others, kinds)
    except PermanentError as error:
        # What is refused to the account is not asked for again: that may lock it.
        if error.about != "mailbox" or not (paths or items):
            raise
        return _asked(link, (), {})


def _asked(link: Link, others: Sequence[str], kinds: Mapping[str, ItemKind]) -> Watched:
    folders = link.requests.folder("inbox") + "".join(others)
    answer = link.one(link.requests.subscribe(folders, (*_ARRIVALS, *(_CHANGES if kinds else ()))))
    return Watched(subscription=answer.element.findtext(f"{M}SubscriptionId") or "", kinds=kinds)


def _tracked(link: Link, paths: Sequence[str]) -> list[str]:
    """Ids of those that are there; a look says what the others lack."""
    if not paths:
        return []
    wanted = {comparable_path(path) for path in paths}
    return [folder.folder for folder in below_inbox(link) if comparable_path(folder.path) in wanted]


def _item_folders(link: Link) -> dict[str, ItemKind]:
    """Kind by the id of its folder; a folder that is refused is not watched."""
    found = {}
    for kind, answer in zip(FOLDERS, link.ask(link.requests.get_folder(*FOLDERS.values())), strict=False):
        folder = next((each for container in answer.element.iter(f"{M}Folders") for each in container), None) if answer.done else None
        if folder is not None:
            found[id_of(folder)[0]] = kind
    return found
