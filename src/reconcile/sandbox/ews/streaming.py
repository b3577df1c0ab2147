"""GetStreamingEvents: one answer that stays open, an envelope a chunk, until its time is over or the subscription is gone."""

from __future__ import annotations

import time
from collections.abc import Iterator

from reconcile.sandbox.ews.call import Call, answer, failure, success
from reconcile.sandbox.ews.dispatch import written
from reconcile.sandbox.ews.node import Node
from reconcile.sandbox.ews.operations.notifications import events_since, notification, subscription
from reconcile.sandbox.ews.response_codes import EwsError
from reconcile.sandbox.ews.subscriptions import Subscription

#: Seconds between two looks, and between two signs of life where nothing happens.
LOOK = 0.05
SIGN_OF_LIFE = 20.0
_NAME = "GetStreamingEvents"


def envelopes(call: Call, *, minute: float = 60.0) -> Iterator[bytes | None]:
    """Envelopes to send as chunks; None where there is nothing to say yet. The lock is taken for each look only."""
    lock = call.organization.lock
    ids = [node.text for node in call.request.child("m:SubscriptionIds").children]
    try:
        with lock:
            call.faults.spoil_item(_NAME, call.acting_as, 0)
            found = [_streaming(call, id_) for id_ in ids]
    except EwsError as error:
        lost = Node("m:ErrorSubscriptionIds", children=[Node("m:SubscriptionId", id_) for id_ in ids])
        yield written(answer(_NAME, [failure(_NAME, error, (lost,))]))
        return
    yield written(answer(_NAME, [success(_NAME, Node("m:ConnectionStatus", "OK"))]))
    until = time.monotonic() + float(call.request.text_at("m:ConnectionTimeout", "1")) * minute
    quiet_since = time.monotonic()
    while time.monotonic() < until:
        with lock:
            gone = [one.id for one in found if one.id not in call.organization.subscriptions.found]
            notes = [note for one in found if one.id not in gone for note in _news(call, one)]
        if gone:
            lost = Node("m:ErrorSubscriptionIds", children=[Node("m:SubscriptionId", id_) for id_ in gone])
            yield written(answer(_NAME, [failure(_NAME, EwsError("ErrorSubscriptionNotFound"), (lost,))]))
            return
        if not notes and time.monotonic() - quiet_since > SIGN_OF_LIFE:
            with lock:
                notes = [note for one in found for note in _news(call, one, even_none=True)]
        if notes:
            quiet_since = time.monotonic()
            yield written(answer(_NAME, [success(_NAME, Node("m:Notifications", children=notes))]))
        yield None
    yield written(answer(_NAME, [success(_NAME, Node("m:ConnectionStatus", "Closed"))]))


def _streaming(call: Call, id_: str) -> Subscription:
    found = subscription(call, id_)
    if not found.streaming:
        raise EwsError("ErrorInvalidSubscription")
    return found


def _news(call: Call, found: Subscription, *, even_none: bool = False) -> list[Node]:
    mailbox = call.organization.mailbox_number(found.mailbox)
    if mailbox is None:
        return []
    events, _ = events_since(mailbox, found, found.watermark)
    if not events and not even_none:
        return []
    since, found.watermark = found.watermark, events[-1].at if events else found.watermark
    return [notification(mailbox, found, events, since)]
