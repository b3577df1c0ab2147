"""UpdateItem: set, append and delete fields, change keys enforced."""

from __future__ import annotations

from collections.abc import Sequence

from reconcile.sandbox.ews.assign import assign, clear_property, refuse_read_only
from reconcile.sandbox.ews.call import Call
from reconcile.sandbox.ews.dictionaries import set_entry
from reconcile.sandbox.ews.extended import extended_key
from reconcile.sandbox.ews.ids import parse_change_key
from reconcile.sandbox.ews.mailbox import Mailbox
from reconcile.sandbox.ews.meetings import attendees, changed
from reconcile.sandbox.ews.node import Node
from reconcile.sandbox.ews.operations.keeping import save, send_and_keep
from reconcile.sandbox.ews.response_codes import EwsError
from reconcile.sandbox.ews.shapes import ID_ONLY, element_of, entry_of, item_node
from reconcile.sandbox.ews.stored import Item
from reconcile.sandbox.ews.tags import touched_by
from reconcile.sandbox.ews.tasks import settle
from reconcile.sandbox.ews.time_zones import zone_of
from reconcile.sandbox.ews.values import value

_NO_CONFLICTS = Node("m:ConflictResults", children=(Node("t:Count", "0"),))


def update_item(call: Call) -> Node:
    """Each change of an item is made wholly or not at all."""

    def act(change: Node) -> Sequence[Node]:
        mailbox, item = call.item(change.children[0], write=True)
        fields = change.child("t:Updates").children
        touched = [_touched(field) for field in fields]
        _check(call, change.children[0], item, touched)
        invited = attendees(item)
        before = (dict(item.properties), dict(item.extended), item.raw)
        try:
            for field in fields:
                _apply(mailbox, item, field, call.header)
        except EwsError:
            item.properties, item.extended = before[0], before[1]
            item.replace_raw(before[2])
            raise
        if item.kind == "Task":
            settle(item, touched)
        if item.kind == "CalendarItem":
            updates = call.request.attributes.get("SendMeetingInvitationsOrCancellations")
            if updates is None:
                raise EwsError("ErrorSendMeetingInvitationsOrCancellationsRequired")
            changed(call.organization, mailbox, item, touched, updates, invited)
        save(mailbox, item, touched)
        if item.kind == "Message" and call.request.attributes.get("MessageDisposition") in ("SendOnly", "SendAndSaveCopy"):
            mailbox.remove(item)
            send_and_keep(call, mailbox, item, keep=call.request.attributes["MessageDisposition"] == "SendAndSaveCopy")
            return (Node("m:Items"), _NO_CONFLICTS)
        return (Node("m:Items", children=(item_node(mailbox, item, ID_ONLY),)), _NO_CONFLICTS)

    return call.batch(call.request.child("m:ItemChanges").children, act, empty=(Node("m:Items"),))


def _check(call: Call, wanted: Node, item: Item, touched: Sequence[str]) -> None:
    resolution = call.request.attributes.get("ConflictResolution", "AutoResolve")
    key = wanted.attributes.get("ChangeKey", "")
    if resolution == "AlwaysOverwrite" or (not key and "InstanceIndex" in wanted.attributes):
        return
    if not key:
        raise EwsError("ErrorChangeKeyRequired")
    known = parse_change_key(key)
    if known == item.version:
        return
    if resolution == "NeverOverwrite" or any(item.field_versions.get(name, 0) > known for name in touched):
        raise EwsError("ErrorIrresolvableConflict")


def _touched(field: Node) -> str:
    path = field.children[0]
    if path.local == "FieldURI":
        return element_of(path.attributes.get("FieldURI", ""))
    if path.local == "IndexedFieldURI":
        element, key, part = entry_of(path)
        return f"{element}/{key}/{part}"
    return touched_by(extended_key(path))


def _apply(mailbox: Mailbox, item: Item, field: Node, header: Node) -> None:
    path = field.children[0]
    given = field.children[1].children if len(field.children) > 1 else ()
    if field.local in ("SetItemField", "AppendToItemField") and len(given) != 1:
        raise EwsError("ErrorIncorrectUpdatePropertyCount", "The update of a property names one value.")
    if path.local == "FieldURI":
        name = element_of(path.attributes.get("FieldURI", ""))
        refuse_read_only(name)
        match field.local:
            case "SetItemField":
                if given[0].local != name:
                    raise EwsError("ErrorUpdatePropertyMismatch", "The property in the update is not the one its path names.")
                assign(mailbox, item, given[0], zone_of(item_zone(item, field.children[1]), header))
            case "AppendToItemField":
                _append(mailbox, item, name, given[0])
            case _:
                if name == "Body" and item.raw is not None:
                    item.properties[name] = Node("t:Body", attributes={"BodyType": "Text"})
                else:
                    item.properties.pop(name, None)
    elif path.local == "IndexedFieldURI":
        element, key, part = entry_of(path)
        set_entry(item, element, key, part, given[0] if given else None)
    elif field.local == "DeleteItemField":
        clear_property(item, extended_key(path))
    else:
        assign(mailbox, item, given[0])


def item_zone(item: Item, given: Node) -> Node:
    """The update itself where it names a zone, else the item's own zone."""
    own = [node for name in ("StartTimeZone", "MeetingTimeZone") if (node := item.properties.get(name)) is not None]
    return Node(given.name, children=[*given.children, *own])


def _append(mailbox: Mailbox, item: Item, name: str, given: Node) -> None:
    if name not in (
        "Body",
        "ToRecipients",
        "CcRecipients",
        "BccRecipients",
        "ReplyTo",
        "RequiredAttendees",
        "OptionalAttendees",
        "Resources",
    ):
        raise EwsError("ErrorInvalidPropertyAppend", "Append action is invalid for property.")
    old = value(mailbox, item, name, given.attributes.get("BodyType", "Best"))
    text = (old.text if old is not None else "") + given.text
    children = [*(old.children if old is not None else ()), *given.children]
    item.properties[name] = Node(f"t:{name}", text, children, given.attributes)
