"""GetUserAvailability (when people are busy) and GetServerTimeZones."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Final

from reconcile.sandbox.ews.call import Call, answer, success
from reconcile.sandbox.ews.mailbox import Mailbox
from reconcile.sandbox.ews.node import Node
from reconcile.sandbox.ews.occurrences import view
from reconcile.sandbox.ews.response_codes import EwsError
from reconcile.sandbox.ews.time_zones import ZONES, changes, zone
from reconcile.sandbox.ews.times import moment

_DIGITS: Final = {"Free": "0", "Tentative": "1", "Busy": "2", "OOF": "3", "WorkingElsewhere": "4", "NoData": "4"}
_DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_LONGEST: Final = timedelta(days=62)
_RESPONSE: Final = "m:GetUserAvailabilityResponse"


def get_user_availability(call: Call) -> Node:
    """Free and busy times of mailboxes, in the zone the request describes (its bias of the year's standard and daylight time)."""
    request = call.request
    options = request.child("t:FreeBusyViewOptions")
    given = request.child("t:TimeZone")
    start = _from_local(options.text_at("t:TimeWindow/t:StartTime"), given)
    end = _from_local(options.text_at("t:TimeWindow/t:EndTime"), given)
    if end <= start:
        raise EwsError("ErrorInvalidTimeInterval", "The end of the time window is not after its start.")
    if end - start > _LONGEST:
        raise EwsError("ErrorTimeIntervalTooBig", "The time window is longer than 62 days.")
    minutes = int(options.text_at("t:MergedFreeBusyIntervalInMinutes", "30"))
    wanted = options.text_at("t:RequestedView", "MergedOnly")
    found = []
    for data in request.child("m:MailboxDataArray").children:
        mailbox = call.organization.mailbox(data.text_at("t:Email/t:Address"))
        if mailbox is None:
            found.append(Node("m:FreeBusyResponse", children=(_message("ErrorMailRecipientNotFound"), _view("None"))))
        else:
            found.append(_busy(mailbox, start, end, minutes, wanted, given))
    return Node(_RESPONSE, children=(Node("m:FreeBusyResponseArray", children=found),))


def get_server_time_zones(call: Call) -> Node:
    """Those of this server's table, or of it those asked for."""
    asked = [node.text for node in call.request.child("m:Ids").children]
    full = call.request.attributes.get("ReturnFullTimeZoneData", "true") == "true"
    year = call.organization.now().year
    found = [_definition(name, year, full=full) for name in ZONES if not asked or name in asked]
    return answer(call.operation, [success(call.operation, Node("m:TimeZoneDefinitions", children=found))])


def _busy(mailbox: Mailbox, start: datetime, end: datetime, minutes: int, wanted: str, given: Node) -> Node:
    calendar = mailbox.distinguished("calendar")
    events = []
    slots = ["0"] * max(int((end - start) / timedelta(minutes=minutes)), 1)
    for item in view(mailbox, calendar, start, end) if calendar is not None else ():
        begins, ends = moment(item.text("Start")), moment(item.text("End"))
        busy = item.text("LegacyFreeBusyStatus") or "Busy"
        first = max(int((begins - start) / timedelta(minutes=minutes)), 0)
        last = min(-int(-(ends - start) // timedelta(minutes=minutes)), len(slots))
        for slot in range(first, last):
            slots[slot] = max(slots[slot], _DIGITS.get(busy, "2"))
        times = (Node("t:StartTime", _to_local(begins, given)), Node("t:EndTime", _to_local(ends, given)), Node("t:BusyType", busy))
        events.append(Node("t:CalendarEvent", children=times))
    kind = "FreeBusyMerged" if wanted in ("FreeBusyMerged", "DetailedMerged") else wanted
    children = [] if wanted in ("FreeBusy", "Detailed") else [Node("t:MergedFreeBusy", "".join(slots))]
    if wanted != "MergedOnly" and events:
        children.append(Node("t:CalendarEventArray", children=events))
    return Node("m:FreeBusyResponse", children=(_message("NoError"), _view(kind, *children)))


def _message(code: str) -> Node:
    kind = "Success" if code == "NoError" else "Error"
    text = () if code == "NoError" else (Node("m:MessageText", "Unable to resolve the e-mail address."),)
    link = () if code == "NoError" else (Node("m:DescriptiveLinkKey", "0"),)
    return Node("m:ResponseMessage", children=(*text, Node("m:ResponseCode", code), *link), attributes={"ResponseClass": kind})


def _view(kind: str, *children: Node) -> Node:
    return Node("m:FreeBusyView", children=(Node("t:FreeBusyViewType", kind), *children))


def _from_local(text: str, given: Node) -> datetime:
    local = datetime.fromisoformat(text) if text else datetime(1970, 1, 1)  # noqa: DTZ001 - local time of the zone described
    if local.tzinfo is not None:
        return local.astimezone(UTC)
    return (local + timedelta(minutes=_bias(local, given))).replace(tzinfo=UTC)


def _to_local(then: datetime, given: Node) -> str:
    local = then.replace(tzinfo=None)
    return (local - timedelta(minutes=_bias(local, given))).isoformat(timespec="seconds")


def _bias(local: datetime, given: Node) -> int:
    """Minutes that local time is behind UTC, by the rules of a t:TimeZone."""
    standard, daylight = given.child("t:StandardTime"), given.child("t:DaylightTime")
    summer, winter = _change(local.year, daylight), _change(local.year, standard)
    base = int(given.text_at("t:Bias", "0"))
    if summer is None or winter is None or summer == winter:
        return base + int(standard.text_at("t:Bias", "0"))
    inside = summer <= local < winter if summer < winter else not winter <= local < summer
    return base + int((daylight if inside else standard).text_at("t:Bias", "0"))


def _change(year: int, rule: Node) -> datetime | None:
    """The moment of a year at which a rule begins: the n-th weekday of a month, 5 the last."""
    month, order, name = int(rule.text_at("t:Month", "0")), int(rule.text_at("t:DayOrder", "1")), rule.text_at("t:DayOfWeek")
    if not 1 <= month <= 12 or name not in _DAYS:
        return None
    first = datetime.fromisoformat(f"{year:04}-{month:02}-01T{rule.text_at('t:Time', '00:00:00')[:8]}")
    day = first + timedelta(days=(_DAYS.index(name) - first.weekday()) % 7 + 7 * (order - 1))
    return day if day.month == month else day - timedelta(days=7)


def _definition(name: str, year: int, *, full: bool) -> Node:
    of = zone(name) or UTC
    offset = datetime(year, 1, 1, tzinfo=UTC).astimezone(of).utcoffset() or timedelta()
    minutes = int(offset.total_seconds()) // 60
    sign = "-" if minutes < 0 else "+"
    attributes = {"Id": name, "Name": f"(UTC{sign}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}) {ZONES[name]}"}
    if not full:
        return Node("t:TimeZoneDefinition", attributes=attributes)
    found = changes(of, year)
    offsets = {after for _, _, after in found} or {offset}
    normal = min(offsets)
    periods = [
        Node("t:Period", attributes={"Bias": _duration(-one), "Name": _period(one, normal), "Id": _period_id(name, one, normal)})
        for one in sorted(offsets)
    ]
    steps = [_step(name, at, before, after, normal) for at, before, after in found]
    steps = steps or [Node("t:Transition", children=(Node("t:To", _period_id(name, normal, normal), attributes={"Kind": "Period"}),))]
    group = Node("t:TransitionsGroup", children=steps, attributes={"Id": "0"})
    start = Node("t:Transition", children=(Node("t:To", "0", attributes={"Kind": "Group"}),))
    children = (
        Node("t:Periods", children=periods),
        Node("t:TransitionsGroups", children=(group,)),
        Node("t:Transitions", children=(start,)),
    )
    return Node("t:TimeZoneDefinition", children=children, attributes=attributes)


def _step(name: str, at: datetime, before: timedelta, after: timedelta, normal: timedelta) -> Node:
    local = at.astimezone(timezone(before))
    place = -1 if (local + timedelta(days=7)).month != local.month else (local.day - 1) // 7 + 1
    return Node(
        "t:RecurringDayTransition",
        children=(
            Node("t:To", _period_id(name, after, normal), attributes={"Kind": "Period"}),
            Node("t:TimeOffset", _duration(timedelta(hours=local.hour, minutes=local.minute))),
            Node("t:Month", str(local.month)),
            Node("t:DayOfWeek", _DAYS[local.weekday()]),
            Node("t:Occurrence", str(place)),
        ),
    )


def _period(offset: timedelta, normal: timedelta) -> str:
    return "Standard" if offset == normal else "Daylight"


def _period_id(name: str, offset: timedelta, normal: timedelta) -> str:
    return f"trule:Microsoft/Registry/{name}/1-{_period(offset, normal)}"


def _duration(length: timedelta) -> str:
    minutes = int(abs(length).total_seconds()) // 60
    text = f"PT{minutes // 60}H" + (f"{minutes % 60}M" if minutes % 60 else "")
    return f"-{text}" if length < timedelta() else text
