"""GET /v1/changes: the feed, and waiting for it."""

from __future__ import annotations

from reconcile.api.problem import Problem
from reconcile.api.request import Answer, Request
from reconcile.api.service import Service
from reconcile.model.feed import FeedCursor, FeedKind, FeedPage
from reconcile.report.feed_json import FORMAT_VERSION, change_json

MOST = 1000
LONGEST_WAIT = 60
#: Seconds between two looks: other processes write, and nobody tells us.
_LOOK = 0.1


def changes(service: Service, request: Request) -> Answer:
    """At most `limit` changes behind `after`; without any, an answer after `wait` seconds at the latest."""
    limit = request.number("limit", default=100, least=1, most=MOST)
    wait = request.number("wait", default=0, least=0, most=LONGEST_WAIT)
    kinds = _kinds(request.query.get("kinds"))
    place = FeedCursor.parse(request.query["after"]) if "after" in request.query else service.feed.beginning()
    page = service.feed.page(place, limit=limit, kinds=kinds)
    if wait and not page.entries and not page.more:
        page = _waited(service, page, limit, kinds, wait)
    slugs = service.slugs() if page.entries else {}
    return Answer(
        document={
            "formatVersion": FORMAT_VERSION,
            "changes": [change_json(entry, slugs) for entry in page.entries],
            "cursor": str(page.end),
            "more": page.more,
        }
    )


def _waited(service: Service, page: FeedPage, limit: int, kinds: frozenset[FeedKind], wait: int) -> FeedPage:
    if not service.waiters.acquire(blocking=False):
        raise Problem(503, "Busy", "too many requests wait for changes already", "Ask again without wait, or later.", {"Retry-After": "1"})
    try:
        deadline = service.clock.monotonic() + wait
        while not page.entries and not service.stopping.is_set() and service.clock.monotonic() < deadline:
            service.stopping.wait(_LOOK)
            page = service.feed.page(page.end, limit=limit, kinds=kinds)
        return page
    finally:
        service.waiters.release()


def _kinds(text: str | None) -> frozenset[FeedKind]:
    words = text.split(",") if text is not None else list(FeedKind)
    strange = [word for word in words if word not in list(FeedKind)]
    if strange:
        raise Problem(400, "BadParameter", f"kinds is {text!r}"[:100], f"Give some of {', '.join(FeedKind)}, with commas between.")
    return frozenset(map(FeedKind, words))
