"""Which endpoint answers what."""

from __future__ import annotations

import re
from collections.abc import Callable

from reconcile.api import activities, changes, intake, items
from reconcile.api.problem import Problem, no_such
from reconcile.api.request import Answer, Request
from reconcile.api.service import Service
from reconcile.lazy_dataclass import dataclass

FORMAT_VERSION = "1.0"


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """`pattern` matches the whole path; its groups are numbers and digests, given to `endpoint` after service and request."""

    method: str
    pattern: re.Pattern[str]
    endpoint: Callable[..., Answer]
    parameters: frozenset[str] = frozenset()


def health(service: Service, request: Request) -> Answer:
    """That the store can be read, and which one it is: the cursor of its beginning changes when it is restored."""
    beginning = str(service.feed.beginning())
    document = {
        "formatVersion": FORMAT_VERSION,
        "status": "ok",
        "environment": service.environment,
        "version": service.version,
        "beginning": beginning,
    }
    return Answer(document=document)


def _route(method: str, pattern: str, endpoint: Callable[..., Answer], *parameters: str) -> Route:
    return Route(method=method, pattern=re.compile(pattern), endpoint=endpoint, parameters=frozenset(parameters))


_ID = r"([1-9][0-9]{0,17})"
_DIGEST = r"([0-9a-f]{64})"
_DIGEST_LENGTH = 64
ROUTES = (
    _route("GET", "/v1/health", health),
    _route("GET", "/v1/activities", activities.activities, "mailbox", "since", "state", "regarding", "queue", "limit", "next"),
    _route("GET", f"/v1/activities/{_ID}", activities.activity),
    _route("GET", f"/v1/activities/{_ID}/raw", activities.raw),
    _route("POST", "/v1/activities/edits", intake.edits),
    _route("GET", "/v1/changes", changes.changes, "after", "limit", "wait", "kinds"),
    _route("POST", "/v1/outbox", intake.outbox),
    _route("GET", "/v1/items", items.items, "kind", "owner", "after", "limit"),
    _route("GET", f"/v1/items/{_ID}", items.item),
    _route("GET", f"/v1/items/{_ID}/attachments/{_DIGEST}", items.attachment),
    _route("POST", "/v1/items/edits", items.edits),
)


def route_of(method: str, path: str) -> tuple[Route, tuple[int | str, ...]]:
    """The route, and the numbers and digests in the path. HEAD is asked as GET. Raises Problem."""
    asked = "GET" if method == "HEAD" else method
    matching = [(route, found) for route in ROUTES if (found := route.pattern.fullmatch(path))]
    for route, found in matching:
        if route.method == asked:
            return route, tuple(one if len(one) == _DIGEST_LENGTH else int(one) for one in found.groups())
    if matching:
        allowed = ", ".join(sorted({route.method for route, _ in matching} | ({"HEAD"} if matching[0][0].method == "GET" else set())))
        raise Problem(405, "MethodNotAllowed", f"{method[:20]} is not for this path", f"Use {allowed}.", {"Allow": allowed})
    raise no_such("such path", "docs/api.md lists them; they begin with /v1/.")


def answer(service: Service, route: Route, numbers: tuple[int | str, ...], request: Request) -> Answer:
    """What the endpoint says. Raises Problem and ReconcileError."""
    return route.endpoint(service, request, *numbers)
