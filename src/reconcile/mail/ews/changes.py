"""What changed in a folder: one page of SyncFolderItems, with the state that stands behind it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from reconcile.errors import Unavailable
from reconcile.lazy_dataclass import dataclass
from reconcile.mail.ews.answers import M, T, id_of
from reconcile.mail.ews.link import Link
from reconcile.mail.ews.place import PROTOCOL
from reconcile.model.remote_id import RemoteId
from reconcile.ports.mail import Listed

#: Items that are no mail, whatever folder they lie in.
_NO_MAIL: Final = frozenset({f"{T}CalendarItem", f"{T}Contact", f"{T}DistributionList", f"{T}Task"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """`others` came that are no mail; `gone` left. Nothing is behind `state` when `last`."""

    state: str
    listed: tuple[Listed, ...]
    others: int
    gone: int
    changed: bool
    last: bool


def page_of(link: Link, folder: str, state: str, most: int, *, path: str = "") -> Page:
    """`folder` is its id as XML, `path` how it is declared ("" for the inbox). Raises CursorInvalid when the server refuses the state;
    else as `Link.one`."""
    message = link.one(link.requests.sync_items(folder, state, most)).element
    behind = message.findtext(f"{M}SyncState") or ""
    last = (message.findtext(f"{M}IncludesLastItemInRange") or "true").strip().lower() in ("true", "1")
    changes = message.find(f"{M}Changes")
    listed, others, gone, count = list[Listed](), 0, 0, 0
    for change in () if changes is None else changes:
        count += 1
        if change.tag == f"{T}Delete":
            gone += 1
        if change.tag != f"{T}Create":
            continue
        for item in change:
            found = None if item.tag in _NO_MAIL else listed_of(item, path)
            if found is None:
                others += 1
            else:
                listed.append(found)
    if not behind or (not last and behind == state):
        raise Unavailable(f"{link.where} lists the same part of a folder again and again")
    return Page(state=behind, listed=tuple(listed), others=others, gone=gone, changed=count > 0, last=last)


def listed_of(item: Any, path: str = "") -> Listed | None:
    """None where it has no id."""
    name, _ = id_of(item)
    size = (item.findtext(f"{T}Size") or "0").strip()
    received = moment_of(item.findtext(f"{T}DateTimeReceived"))
    return Listed(RemoteId(PROTOCOL, name), received, int(size) if size.isdigit() else 0, path) if name else None


def moment_of(text: str | None) -> datetime | None:
    """None where it is none."""
    try:
        found = datetime.fromisoformat((text or "").strip())
    except ValueError:
        return None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
