"""Subscribe, GetEvents, Unsubscribe; how events are written. Push subscriptions are refused: this server calls nobody."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence

from reconcile.sandbox.ews.call import Call, answer, failure, success
from reconcile.sandbox.ews.ids import FOLDER, Id, change_key
from reconcile.sandbox.ews.mailbox import Event, Mailbox
from reconcile.sandbox.ews.node import Node
from reconcile.sandbox.ews.response_codes import EwsError
from reconcile.sandbox.ews.subscriptions import Subscription
from reconcile.sandbox.ews.times import stamp

_PAGE = 1000


def subscribe(call: Call) -> Node:
    """For pull or streaming, to folders or to all of the mailbox."""
    given = call.request.children[0]
    name = call.operation
    try:
        call.faults.spoil_item(name, call.acting_as, 0)
        if given.local == "PushSubscriptionRequest":
            raise EwsError("ErrorInvalidRequest", "Push subscriptions are not supported by this server.")
        folders = [call.folder(node) for node in given.child("t:FolderIds").children]
        mailbox = folders[0][0] if folders else call.own_mailbox()
        found = Subscription(
            id=call.organization.subscriptions.next_id(),
            owner=call.caller.username,
            mailbox=mailbox.number,
            kinds=frozenset(child.text for child in given.child("t:EventTypes").children),
            folders=frozenset(folder.number for _, folder in folders),
            watermark=mailbox.told,
            streaming=given.local == "StreamingSubscriptionRequest",
        )
        if watermark := given.text_at("t:Watermark"):
            found.watermark = _position(watermark)
        call.organization.subscriptions.found[found.id] = found
    except EwsError as error:
        return answer(name, [failure(name, error)])
    contents = [Node("m:SubscriptionId", found.id)]
    if not found.streaming:
        contents.append(Node("m:Watermark", watermark_of(found.watermark)))
    return answer(name, [success(name, *contents)])


def get_events(call: Call) -> Node:
    """What happened since a watermark; asking again with the same one gives the same."""
    name = call.operation
    try:
        call.faults.spoil_item(name, call.acting_as, 0)
        found = subscription(call, call.request.text_at("m:SubscriptionId"))
        mailbox = call.organization.mailbox_number(found.mailbox)
        if mailbox is None or found.streaming:
            raise EwsError("ErrorInvalidSubscription")
        since = _position(call.request.text_at("m:Watermark"))
        if since > mailbox.told or (mailbox.events and since + 1 < mailbox.events[0].at):
            raise EwsError("ErrorEventNotFound")
    except EwsError as error:
        return answer(name, [failure(name, error)])
    events, more = events_since(mailbox, found, since)
    return answer(name, [success(name, notification(mailbox, found, events, since, more=more))])


def unsubscribe(call: Call) -> Node:
    """The end of one."""

    def act(wanted: Node) -> Sequence[Node]:
        found = subscription(call, wanted.text)
        del call.organization.subscriptions.found[found.id]
        return ()

    return call.batch([call.request.child("m:SubscriptionId")], act)


def subscription(call: Call, id_: str) -> Subscription:
    """Raises EwsError ErrorSubscriptionNotFound, ErrorSubscriptionAccessDenied."""
    found = call.organization.subscriptions.found.get(id_)
    if found is None:
        raise EwsError("ErrorSubscriptionNotFound")
    if found.owner != call.caller.username:
        raise EwsError("ErrorSubscriptionAccessDenied", "Access to the subscription is denied.")
    return found


def events_since(mailbox: Mailbox, found: Subscription, since: int) -> tuple[list[Event], bool]:
    """The events it asked for, oldest first, and whether more wait."""
    fitting = []
    for event in reversed(mailbox.events):
        if event.at <= since:
            break
        if event.kind in found.kinds and (not found.folders or {event.folder, event.old_folder} & found.folders):
            fitting.append(event)
    fitting.reverse()
    return fitting[:_PAGE], len(fitting) > _PAGE


def notification(mailbox: Mailbox, found: Subscription, events: Sequence[Event], since: int, *, more: bool = False) -> Node:
    """m:Notification; a status event where nothing happened, so that there is a watermark to go on from."""
    children = [Node("t:SubscriptionId", found.id)]
    if not found.streaming:
        children += [Node("t:PreviousWatermark", watermark_of(since)), Node("t:MoreEvents", "true" if more else "false")]
    children += [_event(mailbox, event, streaming=found.streaming) for event in events]
    if not events:
        mark = () if found.streaming else (Node("t:Watermark", watermark_of(mailbox.told)),)
        children.append(Node("t:StatusEvent", children=mark))
    return Node("m:Notification", children=children)


def watermark_of(position: int) -> str:
    """A watermark as clients see it."""
    return base64.b64encode(b"at %020d" % position).decode()


def _position(text: str) -> int:
    try:
        return int(base64.b64decode(text, validate=True).removeprefix(b"at "))
    except (binascii.Error, ValueError):
        raise EwsError("ErrorInvalidWatermark", "The watermark is invalid.") from None


def _event(mailbox: Mailbox, event: Event, *, streaming: bool) -> Node:
    children = [] if streaming else [Node("t:Watermark", watermark_of(event.at))]
    children.append(Node("t:TimeStamp", stamp(event.moment)))
    children.append(_id(mailbox, event.id, ""))
    children.append(_folder(mailbox, event.folder, "t:ParentFolderId"))
    if event.old_id is not None:
        children.append(_id(mailbox, event.old_id, "Old"))
        children.append(_folder(mailbox, event.old_folder, "t:OldParentFolderId"))
    return Node(f"t:{event.kind}", children=children)


def _id(mailbox: Mailbox, id_: Id, prefix: str) -> Node:
    kind = "FolderId" if id_.kind == FOLDER else "ItemId"
    there = mailbox.folders.get(id_.number) if id_.kind == FOLDER else mailbox.items.get(id_.number)
    key = change_key(there.version if there is not None else 0)
    return Node(f"t:{prefix}{kind}", attributes={"Id": str(id_), "ChangeKey": key})


def _folder(mailbox: Mailbox, number: int, element: str) -> Node:
    if number in mailbox.folders:
        return mailbox.folder_node(number, element)
    return Node(element, attributes={"Id": str(Id(FOLDER, mailbox.number, number)), "ChangeKey": change_key(0)})
