"""Pages of what was found: IndexedPage and Fractional views. A page always says whether more follow, truthfully."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Generic, TypeVar

from reconcile.lazy_dataclass import dataclass
from reconcile.sandbox.ews.node import Node
from reconcile.sandbox.ews.response_codes import EwsError

T = TypeVar("T")
#: What FindItem and FindFolder answer at most in one call (EWS throttling page: EWSFindCountLimit).
FIND_LIMIT = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[T]):
    """`attributes` go on m:RootFolder."""

    things: Sequence[T]
    attributes: Mapping[str, str]


def page_of(found: Sequence[T], request: Node) -> Page[T]:
    """The page the request's view asks for; all of it up to FIND_LIMIT without a view. Raises EwsError for a nonsense offset."""
    view = next((child for child in request.children if child.local.endswith(("PageItemView", "PageFolderView"))), None)
    given = view.attributes if view is not None else {}
    wanted = _number(given.get("MaxEntriesReturned"), FIND_LIMIT)
    offset = _number(given.get("Offset"), 0)
    if given.get("BasePoint") == "End":
        start = max(len(found) - offset - min(wanted, FIND_LIMIT), 0)
        stop = max(len(found) - offset, 0)
        next_offset, last = len(found) - start, start == 0
    else:
        if view is not None and view.local.startswith("Fractional"):
            share = _number(given.get("Numerator"), 0) / max(_number(given.get("Denominator"), 1), 1)
            offset = int(len(found) * share)
        start = min(offset, len(found))
        stop = min(start + min(wanted, FIND_LIMIT), len(found))
        next_offset, last = stop, stop >= len(found)
    attributes = {"TotalItemsInView": str(len(found)), "IncludesLastItemInRange": "true" if last else "false"}
    if view is not None and view.local.startswith("Fractional"):
        attributes = {"NumeratorOffset": str(next_offset), "AbsoluteDenominator": str(max(len(found), 1)), **attributes}
    elif view is not None:
        attributes = {"IndexedPagingOffset": str(next_offset), **attributes}
    return Page(things=found[start:stop], attributes=attributes)


def _number(text: str | None, default: int) -> int:
    try:
        number = default if text is None else int(text)
    except ValueError:
        number = -1
    if number < 0:
        raise EwsError("ErrorInvalidPagingMaxRows" if default == FIND_LIMIT else "ErrorInvalidIndexedPagingParameters")
    return number
