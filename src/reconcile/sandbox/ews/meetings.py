"""Meetings between the sandbox's mailboxes: who is invited, told of changes, told that it is off; whose calendar shows what.

A request for somebody outside is held as an iMIP message (RFC 6047), like all mail that would leave the sandbox.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final

from reconcile.sandbox.ews.calendar_values import ATTENDEES, is_meeting, is_organizer
from reconcile.sandbox.ews.compose import compose
from reconcile.sandbox.ews.icalendar import calendar_of
from reconcile.sandbox.ews.mailbox import Mailbox
from reconcile.sandbox.ews.mime_view import mailbox as mailbox_node
from reconcile.sandbox.ews.node import Node
from reconcile.sandbox.ews.occurrences import keep_exception, occurrence_at
from reconcile.sandbox.ews.organization import Organization
from reconcile.sandbox.ews.response_codes import EwsError
from reconcile.sandbox.ews.stored import Item
from reconcile.sandbox.ews.times import stamp

SILENT: Final = "SendToNone"
#: What an attendee's appointment and a request take over from the organizer's.
_SHARED: Final = (
    "Subject",
    "Body",
    "Importance",
    "Sensitivity",
    "UID",
    "Start",
    "End",
    "IsAllDayEvent",
    "Location",
    "RequiredAttendees",
    "OptionalAttendees",
    "Resources",
    "Recurrence",
    "StartTimeZone",
    "EndTimeZone",
    "MeetingTimeZone",
    "AppointmentSequenceNumber",
    "RecurrenceId",
    "OriginalStart",
)
_MOVES: Final = frozenset(("Start", "End", "Recurrence", "IsAllDayEvent"))


def attendees(item: Item) -> list[str]:
    """Addresses of all who are invited, each once."""
    nodes = [node for name in ATTENDEES for node in item.properties.get(name, Node("")).children]
    return list(dict.fromkeys(node.text_at("t:Mailbox/t:EmailAddress") for node in nodes))


def born(mailbox: Mailbox, item: Item) -> None:
    """What every new appointment gets."""
    seed = f"{mailbox.address} {item.number} {item.created.timestamp()}".encode()
    item.properties.setdefault("UID", Node("t:UID", hashlib.sha256(seed).hexdigest().upper()[:56]))
    item.properties.setdefault("DateTimeStamp", Node("t:DateTimeStamp", stamp(item.created)))
    if not item.text("Start"):
        item.properties["Start"] = Node("t:Start", stamp(item.created))
    if not item.text("End"):
        item.properties["End"] = Node("t:End", item.text("Start"))
    if item.text("End") < item.text("Start"):
        raise EwsError("ErrorCalendarEndDateIsEarlierThanStartDate", "EndDate is earlier than StartDate.")


def created(organization: Organization, mailbox: Mailbox, item: Item, invitations: str) -> None:
    """A new appointment: invite whom the request wants invited."""
    if invitations != SILENT and is_meeting(item):
        _invite(organization, mailbox, item, attendees(item))


def changed(organization: Organization, mailbox: Mailbox, item: Item, touched: Sequence[str], updates: str, before: Sequence[str]) -> None:
    """A changed appointment: tell whom the request wants told. `before` are those who were invited already."""
    if _MOVES & set(touched):
        if item.series is None and {"Start", "Recurrence"} & set(touched):
            item.exceptions = {}
        if is_meeting(item):
            number = int(item.text("AppointmentSequenceNumber") or "0") + 1
            item.properties["AppointmentSequenceNumber"] = Node("t:AppointmentSequenceNumber", str(number))
    if updates == SILENT or not is_organizer(mailbox, item) or not (is_meeting(item) or before):
        return
    now = attendees(item)
    gone = [address for address in before if address not in now]
    fresh = [address for address in now if address not in before]
    _cancel(organization, mailbox, item, gone)
    _invite(organization, mailbox, item, fresh if "Changed" in updates and fresh else now)


def deleted(organization: Organization, mailbox: Mailbox, item: Item, cancellations: str) -> None:
    """An appointment that goes: tell whom the request wants told."""
    if cancellations != SILENT and is_meeting(item) and is_organizer(mailbox, item):
        _cancel(organization, mailbox, item, attendees(item))


def answered(organization: Organization, mailbox: Mailbox, item: Item, answer: str, note: Node | None, *, told: bool) -> None:
    """The owner of `mailbox` answers (Accept, Tentative, Decline); `told` sends the organizer a response."""
    moment = stamp(mailbox.now())
    item.properties["MyResponseType"] = Node("t:MyResponseType", answer)
    item.properties["AppointmentReplyTime"] = Node("t:AppointmentReplyTime", moment)
    busy = {"Accept": item.text("IntendedFreeBusyStatus") or "Busy", "Tentative": "Tentative"}.get(answer, "Free")
    item.properties["LegacyFreeBusyStatus"] = Node("t:LegacyFreeBusyStatus", busy)
    organizer = item.properties.get("Organizer", Node("")).text_at("t:Mailbox/t:EmailAddress")
    if not told or not organizer:
        return
    word = {"Accept": "Accepted", "Tentative": "Tentative", "Decline": "Declined"}[answer]
    response = _letter(mailbox, item, "MeetingResponse", f"{word}: {item.text('Subject')}", [organizer])
    response.properties["ResponseType"] = Node("t:ResponseType", answer)
    suffix = {"Accept": "Pos", "Tentative": "Tent"}.get(answer, "Neg")
    response.properties["ItemClass"] = Node("t:ItemClass", f"IPM.Schedule.Meeting.Resp.{suffix}")
    if note is not None:
        response.properties["Body"] = Node("t:Body", note.text, attributes=note.attributes)
    octets = calendar_of(mailbox, item, "REPLY", attendee=(mailbox.address, answer))
    there = organization.mailbox(organizer)
    if there is None:
        organization.deliver(mailbox.address, [organizer], compose(mailbox, response, calendar=("REPLY", octets)))
        return
    theirs = _by_uid(there, item)
    if theirs is not None:
        for name in ATTENDEES:
            if (people := theirs.properties.get(name)) is not None:
                answers = [_with_answer(node, mailbox.address, answer, moment) for node in people.children]
                theirs.properties[name] = Node(people.name, children=answers)
        _saved(there, theirs)
    _drop(mailbox, there, response, theirs, ("REPLY", octets))


def _invite(organization: Organization, mailbox: Mailbox, item: Item, to: Sequence[str]) -> None:
    item.properties["MeetingRequestWasSent"] = Node("t:MeetingRequestWasSent", "true")
    item.properties["AppointmentState"] = Node("t:AppointmentState", "1")
    item.written.clear()
    octets = calendar_of(mailbox, item, "REQUEST")
    for address in to:
        if address.lower() == mailbox.address.lower():
            continue
        request = _letter(mailbox, item, "MeetingRequest", item.text("Subject"), to)
        request.properties["ResponseType"] = Node("t:ResponseType", "NoResponseReceived")
        request.properties["MyResponseType"] = Node("t:MyResponseType", "NoResponseReceived")
        there = organization.mailbox(address)
        if there is None:
            organization.deliver(mailbox.address, [address], compose(mailbox, request, calendar=("REQUEST", octets)))
            continue
        theirs = _by_uid(there, item)
        kind = "NewMeetingRequest" if theirs is None else "FullUpdate"
        request.properties["MeetingRequestType"] = Node("t:MeetingRequestType", kind)
        theirs = _in_calendar(mailbox, there, item, theirs)
        _drop(mailbox, there, request, theirs, ("REQUEST", octets))


def _cancel(organization: Organization, mailbox: Mailbox, item: Item, to: Sequence[str]) -> None:
    octets = calendar_of(mailbox, item, "CANCEL")
    for address in to:
        if address.lower() == mailbox.address.lower():
            continue
        notice = _letter(mailbox, item, "MeetingCancellation", f"Canceled: {item.text('Subject')}", to)
        there = organization.mailbox(address)
        if there is None:
            organization.deliver(mailbox.address, [address], compose(mailbox, notice, calendar=("CANCEL", octets)))
            continue
        theirs = _by_uid(there, item)
        if theirs is not None:
            theirs.properties["Subject"] = Node("t:Subject", f"Canceled: {item.text('Subject')}")
            theirs.properties["IsCancelled"] = Node("t:IsCancelled", "true")
            theirs.properties["AppointmentState"] = Node("t:AppointmentState", "7")
            theirs.properties["LegacyFreeBusyStatus"] = Node("t:LegacyFreeBusyStatus", "Free")
            _saved(there, theirs)
        _drop(mailbox, there, notice, theirs, ("CANCEL", octets))


def _letter(mailbox: Mailbox, item: Item, kind: str, subject: str, to: Sequence[str]) -> Item:
    own = mailbox_node(mailbox.name, mailbox.address)
    letter = Item(number=0, mailbox=0, folder=0, kind=kind, created=mailbox.now(), modified=mailbox.now(), sent=True)
    shared = _SHARED if kind == "MeetingRequest" else ("Body", "UID", "Start", "End", "Location", "RecurrenceId", "Recurrence")
    letter.properties = {name: item.properties[name] for name in shared if name in item.properties}
    letter.properties["Subject"] = Node("t:Subject", subject)
    letter.properties["From"] = Node("t:From", children=(own,))
    letter.properties["Sender"] = Node("t:Sender", children=(own,))
    letter.properties["ToRecipients"] = Node("t:ToRecipients", children=[mailbox_node("", address) for address in to])
    letter.properties["IsRead"] = Node("t:IsRead", "false")
    letter.properties["IsOutOfDate"] = Node("t:IsOutOfDate", "false")
    letter.properties["IsDelegated"] = Node("t:IsDelegated", "false")
    letter.properties["HasBeenProcessed"] = Node("t:HasBeenProcessed", "false")
    seed = f"{kind} {mailbox.address} {item.text('UID')} {mailbox.version} {','.join(to)}".encode()
    identity = f"<{hashlib.sha256(seed).hexdigest()[:32]}@{mailbox.address.partition('@')[2]}>"
    letter.properties["InternetMessageId"] = Node("t:InternetMessageId", identity)
    if kind == "MeetingRequest":
        letter.properties["Organizer"] = Node("t:Organizer", children=(own,))
        letter.properties["IntendedFreeBusyStatus"] = Node("t:IntendedFreeBusyStatus", item.text("LegacyFreeBusyStatus") or "Busy")
    return letter


def _drop(mailbox: Mailbox, there: Mailbox, letter: Item, about: Item | None, calendar: tuple[str, bytes]) -> None:
    """Into the inbox over there, and with iMIP octets into IMAP's."""
    inbox = there.distinguished("inbox")
    if inbox is None:
        return
    if about is not None:
        id_ = {"Id": str(there.item_id(about))}
        letter.properties["AssociatedCalendarItemId"] = Node("t:AssociatedCalendarItemId", attributes=id_)
    letter.replace_raw(compose(mailbox, letter, calendar=calendar))
    letter.mime_attachments_read = True
    letter.number, letter.mailbox, letter.folder = there.next_number(), there.number, inbox.number
    there.put(letter)
    there.new_mail(letter)


def _in_calendar(mailbox: Mailbox, there: Mailbox, item: Item, theirs: Item | None) -> Item:
    """The attendee's own appointment, as the request says, not answered yet."""
    calendar = there.distinguished("calendar")
    assert calendar is not None  # every mailbox is born with one
    fresh = theirs is None
    if theirs is None:
        now = there.now()
        theirs = Item(
            number=there.next_number(), mailbox=there.number, folder=calendar.number, kind="CalendarItem", created=now, modified=now
        )
    for name in _SHARED:
        theirs.properties.pop(name, None)
        if name in item.properties:
            theirs.properties[name] = item.properties[name]
    texts = {"MyResponseType": "NoResponseReceived", "LegacyFreeBusyStatus": "Tentative", "AppointmentState": "3"}
    texts["IntendedFreeBusyStatus"] = item.text("LegacyFreeBusyStatus") or "Busy"
    texts["DateTimeStamp"] = stamp(there.now())
    for name, text in texts.items():
        theirs.properties[name] = Node(f"t:{name}", text)
    theirs.properties["Organizer"] = Node("t:Organizer", children=(mailbox_node(mailbox.name, mailbox.address),))
    theirs.properties.pop("IsCancelled", None)
    if fresh:
        return there.put(theirs)
    if item.series is None:
        theirs.exceptions = {start: None for start, changed in item.exceptions.items() if changed is None}
    _saved(there, theirs)
    return theirs


def _by_uid(there: Mailbox, item: Item) -> Item | None:
    """Their copy of the appointment, or of that occurrence of it."""
    calendar = there.distinguished("calendar")
    uid = item.text("UID")
    for found in calendar.items.values() if calendar is not None else ():
        if found.text("UID") == uid and uid:
            if item.series is None:
                return found
            try:
                return occurrence_at(there, found, item.original_start)
            except EwsError:
                return None
    return None


def _saved(there: Mailbox, item: Item) -> None:
    if item.series is not None:
        keep_exception(there, item)
    else:
        there.touch(item)


def _with_answer(node: Node, address: str, answer: str, moment: str) -> Node:
    if node.text_at("t:Mailbox/t:EmailAddress").lower() != address.lower():
        return node
    return Node("t:Attendee", children=(node.child("t:Mailbox"), Node("t:ResponseType", answer), Node("t:LastResponseTime", moment)))
