"""GET /v1/items, /v1/items/ID, /v1/items/ID/attachments/DIGEST, POST /v1/items/edits: appointments, contacts and tasks.

The same code as the commands."""

from __future__ import annotations

from reconcile.api.intake import answered, lines
from reconcile.api.problem import Problem, no_such
from reconcile.api.request import Answer, Request
from reconcile.api.service import Service
from reconcile.errors import PermanentError
from reconcile.model.item import Appointment, ItemKind
from reconcile.report.item_fate import link_json
from reconcile.report.items import FORMAT_VERSION, item_json

MOST = 1000


def items(service: Service, request: Request) -> Answer:
    """By id, `limit` of them behind `after`."""
    limit = request.number("limit", default=50, least=1, most=MOST)
    after = request.number("after", default=0, least=0, most=(1 << 63) - 1)
    kind = request.query.get("kind")
    if kind is not None and kind not in tuple(ItemKind):
        raise Problem(400, "BadQuery", "kind is none of appointment, contact, task", "Leave it out for all of them.")
    found = service.items.edits.items(
        kinds=(ItemKind(kind),) if kind else tuple(ItemKind), owner=request.query.get("owner", "").lower(), after=after, limit=limit + 1
    )
    shown = list(found)
    following = shown[limit - 1].id if len(shown) > limit else None
    return Answer(document={"formatVersion": FORMAT_VERSION, "items": [item_json(one) for one in shown[:limit]], "next": following})


def item(service: Service, request: Request, number: int) -> Answer:
    """With the mailboxes it is in."""
    found = service.items.edits.item(number)
    if found is None:
        raise no_such("such item", "GET /v1/items lists them.")
    links = [link_json(link, service.mailboxes()) for link in service.items.edits.links_of(number)]
    return Answer(document={"formatVersion": FORMAT_VERSION, **item_json(found), "mailboxes": links})


def attachment(service: Service, request: Request, number: int, digest: str) -> Answer:
    """The bytes of one of its files."""
    found = service.items.edits.item(number)
    files = found.item.attachments if found is not None and isinstance(found.item, Appointment) else ()
    if all(one.digest != digest for one in files):
        raise no_such("such attachment", f"GET /v1/items/{number} lists them, if there are any.")
    try:
        content = service.items.edits.blob(digest)
    except KeyError:
        raise PermanentError("the bytes of the attachment are missing in the store", hint="Restore a backup.") from None
    # What a stranger calls it is no name for a header, and what it says it is, nothing to be opened by a browser.
    headers = {"Content-Disposition": f'attachment; filename="{digest[:12]}.bin"'}
    return Answer(chunks=(content,), length=len(content), content_type="application/octet-stream", headers=headers)


def edits(service: Service, request: Request) -> Answer:
    """Add, change, delete."""
    return answered(service.items.take(lines(request)))
