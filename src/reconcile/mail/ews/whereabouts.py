"""Where items lie that left their folder: looked for by what they bear, in every folder, in the trash, among what can be recovered, and in
the mailbox's archive."""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from typing import Any, Final

from reconcile.errors import AuthenticationRejected, PermanentError, Throttled, TransientError, Unavailable
from reconcile.mail.ews.answers import M, T, items_of
from reconcile.mail.ews.collection_requests import TOKEN, TRACE, ItemRequests
from reconcile.mail.ews.faults import refusal
from reconcile.mail.ews.folder import folders_below, folders_in, opened
from reconcile.mail.ews.item_fields import own
from reconcile.mail.ews.link import Link
from reconcile.mail.ews.operations import folder_id
from reconcile.ports.collection import Bearing, Departure

_TRASH: Final = "deleteditems"
#: Where an item goes that is deleted for good, or whose trash is emptied, while it can be recovered (Exchange 2010 and later).
_RECOVERABLE: Final = "recoverableitemsdeletions"
#: Where policies of the server put what is old (Exchange 2010 SP1 and later).
_ARCHIVE: Final = "archivemsgfolderroot"
_FOLDERS: Final = 50
#: One restriction asks for so many, and a folder names at most so many that have one of them.
_AT_ONCE: Final = 25
_MOST: Final = 500
_TOKEN: Final = own(TOKEN)
_TAG: Final = int(TRACE[0], 16)


class Whereabouts:
    """The folders of one mailbox, listed once."""

    def __init__(self, link: Link, ask: ItemRequests) -> None:
        self._link = link
        self._ask = ask
        trash, _ = opened(link, _TRASH)
        self._trash = [trash, *(name for name, _ in folders_in(link, _TRASH))]
        self._kept = [name for name, _ in folders_below(link, deep=True) if name not in self._trash]
        self._archive: Sequence[str] | None = None

    def of(self, bearings: Sequence[Bearing]) -> Iterator[Departure]:
        """See `Collection.whereabouts`."""
        for start in range(0, len(bearings), _AT_ONCE):
            part = bearings[start : start + _AT_ONCE]
            kept = self._among(self._kept, part, doubtful=_all(part))
            left = [one for one in part if not _is_in(one, kept)]
            gone = self._among(self._trash, left) | self._recoverable(left) if left else set[str]()
            lost = [one for one in left if not _is_in(one, gone)]
            kept |= self._archived(lost) if lost else set()
            for one in part:
                deleted = Departure.DELETED if _is_in(one, gone) else Departure.UNKNOWN
                yield Departure.MOVED if _is_in(one, kept) else deleted

    def _among(self, folders: Sequence[str], bearings: Sequence[Bearing], *, doubtful: Set[str] = frozenset()) -> set[str]:
        """Tokens and traces of items in these folders; `doubtful` besides where there are too many items to see them all."""
        found = set[str]()
        for start in range(0, len(folders), _FOLDERS):
            part = folders[start : start + _FOLDERS]
            found |= self._asked("".join(map(folder_id, part)), len(part), bearings, doubtful)
        return found

    def _recoverable(self, bearings: Sequence[Bearing]) -> set[str]:
        """Where an administrator keeps nothing to be recovered, or shows it to nobody, there is nothing."""
        try:
            return self._asked(self._link.requests.folder(_RECOVERABLE), 1, bearings, frozenset())
        except AuthenticationRejected:
            raise
        except PermanentError:
            return set()

    def _archived(self, bearings: Sequence[Bearing]) -> set[str]:
        """An archive is the mailbox's, too. Few have one; where it cannot be looked into, all of them may lie there."""
        try:
            if self._archive is None:
                self._archive = [name for name, _ in folders_in(self._link, _ARCHIVE)]
        except (AuthenticationRejected, Throttled):
            raise
        except PermanentError:
            return set()
        except TransientError:
            return _all(bearings)
        try:
            return self._among(self._archive, bearings, doubtful=_all(bearings))
        except (AuthenticationRejected, Throttled):
            raise
        except (PermanentError, TransientError):
            return _all(bearings)

    def _asked(self, folders: str, count: int, bearings: Sequence[Bearing], doubtful: Set[str]) -> set[str]:
        found = set[str]()
        answers = self._link.ask(self._ask.bearing(folders, bearings, _MOST))
        if len(answers) != count:
            raise Unavailable(f"{self._link.where} gives {len(answers)} answers about {count} folders")
        for answer in answers:
            if not answer.done:
                raise refusal(answer, self._link.where)
            root = answer.element.find(f"{M}RootFolder")
            if root is not None and root.get("IncludesLastItemInRange") == "false":
                found |= doubtful
            for item in items_of(answer):
                bears = borne(item)
                found |= {bears.token, bears.trace} - {""}
        return found


def borne(item: Any) -> Bearing:
    """What an item that was listed or found bears."""
    return Bearing(token=str(_TOKEN.read(item) or ""), trace=next(_traces(item), ""))


def _traces(item: Any) -> Iterator[str]:
    for one in item.findall(f"{T}ExtendedProperty"):
        path = one.find(f"{T}ExtendedFieldURI")
        tag = "" if path is None else path.get("PropertyTag") or ""
        # Servers write a tag in hex or in decimal.
        if tag and _number(tag) == _TAG and (value := (one.findtext(f"{T}Value") or "").strip()):
            yield value


def _number(tag: str) -> int:
    try:
        return int(tag, 16 if tag.lower().startswith("0x") else 10)
    except ValueError:
        return 0


def _all(bearings: Sequence[Bearing]) -> set[str]:
    return {name for one in bearings for name in (one.token, one.trace)} - {""}


def _is_in(bearing: Bearing, found: set[str]) -> bool:
    return not _all([bearing]).isdisjoint(found)
