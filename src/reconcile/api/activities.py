"""GET /v1/activities, /v1/activities/ID, /v1/activities/ID/raw."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import UTC, datetime
from itertools import islice

from reconcile.api.problem import Problem, no_such
from reconcile.api.request import Answer, Request
from reconcile.api.service import Service
from reconcile.errors import ReconcileError
from reconcile.model.activity import Activity
from reconcile.model.activity_details import ActivityState
from reconcile.model.mail_address import same_mailbox
from reconcile.report.activities_json import FORMAT_VERSION, activity_json, text_json
from reconcile.sync.message_text import message_text

MOST = 1000
_NEXT = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)\.(\d{1,18})")


def activities(service: Service, request: Request) -> Answer:
    """Newest received first, `limit` of them; `next` goes on behind the last."""
    limit = request.number("limit", default=50, least=1, most=MOST)
    query, slugs = request.query, service.slugs()
    found = list(
        service.mail.activities(
            mailbox_id=_mailbox(service, query["mailbox"]) if "mailbox" in query else None,
            since=_instant(query["since"]) if "since" in query else None,
            limit=limit + 1,
            state=_state(query["state"]) if "state" in query else None,
            regarding=_regarding(query["regarding"]) if "regarding" in query else None,
            before=_before(query["next"]) if "next" in query else None,
            queue=query.get("queue"),
        )
    )
    shown = list(islice(found, limit))
    following = f"{shown[-1].received}.{shown[-1].id}" if len(found) > limit else None
    return Answer(document={"formatVersion": FORMAT_VERSION, "activities": [activity_json(one, slugs) for one in shown], "next": following})


def activity(service: Service, request: Request, number: int) -> Answer:
    """With text and attachment list, parsed when first read and kept then."""
    found = _one(service, number)
    text, fresh = message_text(service.mail, found)
    if fresh:
        with suppress(ReconcileError):  # it is parsed again next time
            service.mail.keep_text(number, text)
    return Answer(document={"formatVersion": FORMAT_VERSION, **activity_json(found, service.slugs()), **text_json(text)})


def raw(service: Service, request: Request, number: int) -> Answer:
    """The bytes as received, after they were checked against their digest."""
    found = _one(service, number)
    for _ in service.mail.raw(number):
        pass  # damaged bytes are told before anything is sent
    headers = {"Content-Disposition": f'attachment; filename="{number}.eml"'}
    return Answer(chunks=service.mail.raw(number), length=found.size, content_type="message/rfc822", headers=headers)


def _one(service: Service, number: int) -> Activity:
    found = service.mail.activity(number)
    if found is None:
        raise no_such(f"activity {number}", "GET /v1/activities lists them.")
    return found


def _mailbox(service: Service, word: str) -> str:
    for mailbox_id, (slug, address) in service.mailboxes().items():
        if word in (slug, mailbox_id) or same_mailbox(word, address):
            return mailbox_id
    raise Problem(400, "BadParameter", f"no mailbox {word[:200]!r} is applied", "Give the slug, address or id of an applied mailbox.")


def _instant(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        hint = "Write 2026-03-01, or 2026-03-01T08:00:00Z (a + is %2B in a query)."
        raise Problem(400, "BadParameter", f"since is {text[:60]!r}, no RFC 3339 date", hint) from None
    return max(moment, datetime(1970, 1, 1, tzinfo=UTC))


def _state(text: str) -> ActivityState:
    if text not in list(ActivityState):
        raise Problem(400, "BadParameter", f"state is {text[:60]!r}", f"Give one of {', '.join(ActivityState)}.")
    return ActivityState(text)


def _regarding(text: str) -> tuple[str, str]:
    type_, _, key = text.partition(":")
    if not type_ or not key:
        raise Problem(400, "BadParameter", f"regarding is {text[:60]!r}", "Write TYPE:ID, for example account:4711.")
    return type_, key


def _before(text: str) -> tuple[str, int]:
    found = _NEXT.fullmatch(text)
    if found is None:
        raise Problem(400, "BadParameter", f"next is {text[:60]!r}", "Pass `next` exactly as the list gave it.")
    return found[1], int(found[2])
