"""Items that no calendar can work with are refused here and set aside there, and cost no time; what goes out in files ends no line."""

from __future__ import annotations

import csv
import time
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconcile.model.item import Appointment, Attendee, Contact, Item, ItemKind
from reconcile.model.item_bounds import beyond_bounds
from reconcile.model.item_json import ItemFormatError, checked
from reconcile.model.item_record import ItemState, Record
from reconcile.model.recurrence import (
    Daily,
    EndsOn,
    Monthly,
    MonthlyNth,
    NoEnd,
    Numbered,
    Pattern,
    Recurrence,
    Weekday,
    Weekly,
    Yearly,
    YearlyNth,
    goes_on,
    starts,
)
from reconcile.report.item_files import csv_file, icalendar, vcard
from reconcile.store.memory.items import MemoryItemStore
from reconcile.sync.decide.two_way_invite import is_past
from reconcile.sync.decide.two_way_rules import TRACKED
from support.items import ADDRESS, NOW, ItemWorld

HOSTILE = [
    {"scheduledstart": datetime(1, 1, 1, tzinfo=UTC)},
    {"scheduledend": datetime(9999, 12, 31, 23, 59, tzinfo=UTC)},
    {"timezone": "Nowhere/Land"},
    {"timezone": "../../etc/passwd"},
    {"recurrence": Recurrence(pattern=Daily(), range=EndsOn(date(9999, 12, 31)))},
    {"recurrence": Recurrence(pattern=Daily(), range=Numbered(100_000))},
    {"recurrence": Recurrence(pattern=Daily(interval=0), range=NoEnd())},
    {"recurrence": Recurrence(pattern=Weekly(days=()), range=NoEnd())},
]


def appointment(**more: object) -> Appointment:
    base: dict[str, object] = {"scheduledstart": NOW, "scheduledend": NOW, "organizer": ADDRESS, "globalobjectid": "g", "subject": "x"}
    return Appointment(**(base | more))  # type: ignore[arg-type]


@pytest.mark.parametrize("more", HOSTILE)
def test_an_appointment_beyond_all_bounds_is_refused_and_set_aside(more: dict[str, object]) -> None:
    with pytest.raises(ItemFormatError):
        checked(appointment(**more))
    world = ItemWorld(store=MemoryItemStore())
    world.server.put(ItemKind.APPOINTMENT, appointment(**more), categories=frozenset({TRACKED}))
    world.server.put(ItemKind.APPOINTMENT, appointment(subject="Good", globalobjectid="h"), categories=frozenset({TRACKED}))
    counts = world.look(ItemKind.APPOINTMENT)
    assert (counts.imported, len(counts.failed)) == (1, 1)
    (aside,) = world.store.asides()
    assert aside.why.split(":")[0] in ("scheduledstart", "scheduledend", "timezone", "recurrence")


def test_bounds_leave_alone_what_calendars_have() -> None:
    for start in (datetime(1601, 1, 2, tzinfo=UTC), datetime(2026, 3, 29, 1, tzinfo=UTC), datetime(4499, 12, 31, tzinfo=UTC)):
        assert beyond_bounds(appointment(scheduledstart=start, scheduledend=start, timezone="Pacific/Apia")) is None


@pytest.mark.parametrize(
    "pattern", [Daily(), Weekly(days=(Weekday.MO,)), Monthly(day=31), MonthlyNth(nth=-1, days=(Weekday.FR,)), Yearly(month=2, day=29)]
)
def test_a_series_of_centuries_costs_no_time(pattern: Pattern) -> None:
    old = datetime(1601, 1, 2, tzinfo=UTC)
    bomb = appointment(
        scheduledstart=old,
        scheduledend=old,
        timezone="Europe/Berlin",
        recurrence=Recurrence(pattern=pattern, range=EndsOn(date(4499, 1, 1))),
    )
    began = time.process_time()
    for _ in range(100):
        assert not is_past(bomb, NOW)
    assert time.process_time() - began < 1


PATTERNS = st.one_of(
    st.builds(Daily, interval=st.integers(1, 40)),
    st.builds(
        Weekly,
        days=st.sets(st.sampled_from(Weekday), min_size=1).map(lambda found: tuple(sorted(found))),
        interval=st.integers(1, 5),
        firstdayofweek=st.sampled_from(Weekday),
    ),
    st.builds(Monthly, day=st.integers(1, 31), interval=st.integers(1, 14)),
    st.builds(MonthlyNth, nth=st.sampled_from([1, 4, -1]), days=st.just((Weekday.TU,)), interval=st.integers(1, 14)),
    st.builds(Yearly, month=st.integers(1, 12), day=st.integers(1, 31)),
    st.builds(YearlyNth, month=st.integers(1, 12), nth=st.sampled_from([2, -1]), days=st.just((Weekday.SU, Weekday.WE))),
)


@settings(max_examples=150, deadline=None)
@given(PATTERNS, st.integers(0, 3000), st.integers(-40, 3000), st.sampled_from(["UTC", "Pacific/Apia", "Europe/Berlin"]))
def test_going_on_is_what_going_through_all_would_say(pattern: Pattern, last: int, now: int, place: str) -> None:
    first = datetime(2020, 1, 15, 23, 30, tzinfo=UTC)
    series = Recurrence(pattern=pattern, range=EndsOn((first + timedelta(days=last)).date()))
    moment = first + timedelta(days=now, minutes=7)
    assert goes_on(series, first, place, moment) == any(start >= moment for start in starts(series, first, place))


def test_a_meeting_of_ten_thousand_is_looked_at_in_no_time() -> None:
    world = ItemWorld(store=MemoryItemStore())
    people = tuple(Attendee(address=f"a{number}@contoso.example") for number in range(10_000))
    number = world.server.put(ItemKind.APPOINTMENT, appointment(requiredattendees=people), categories=frozenset({TRACKED}))
    began = time.process_time()
    world.look(ItemKind.APPOINTMENT)
    world.server.touch(number, appointment(requiredattendees=people[1:], subject="y"))
    assert world.look(ItemKind.APPOINTMENT).taken == 1
    assert time.process_time() - began < 2


ENDS = ["a\r\nATTENDEE:mailto:x@y.example", "a\u2028BEGIN:VEVENT", "a\x85X-EVIL:1", "a\nX:1", "a\x0bX:1", "a\x0cX:1", "a\rX:1"]


def record(item: Item) -> Record:
    return Record(id=1, item=item, owner=ADDRESS, state=ItemState.OPEN, version=1, created_at=_AT, edited_at=_AT, edited_by="x")


_AT = "2026-03-10T12:00:00+00:00"


@pytest.mark.parametrize("text", ENDS)
def test_no_text_ends_a_line_of_a_calendar_or_card(text: str) -> None:
    people = (Attendee(address=f"b@c.example{text}", name=text),)
    meeting = appointment(subject=text, description=text, location=text, requiredattendees=people, organizer=f"o@c.example{text}")
    calendar = "".join(icalendar([record(meeting)]))
    plain = "".join(icalendar([record(appointment(subject="a", description="a", location="a", requiredattendees=people[:1]))]))
    unfolded = calendar.replace("\r\n ", "")
    assert {line.split(":")[0].split(";")[0] for line in unfolded.splitlines()} <= {
        line.split(":")[0].split(";")[0] for line in plain.replace("\r\n ", "").splitlines()
    } | {"ORGANIZER", "DESCRIPTION", "LOCATION"}
    card = "".join(vcard([record(Contact(fullname=text, firstname=text, websiteurl=text, emailaddress1=text, description=text))]))
    assert card.replace("\r\n ", "").splitlines() == card.replace("\r\n ", "").split("\r\n")[:-1]


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1", "|x"])
def test_no_cell_is_a_formula(text: str) -> None:
    octets = csv_file(ItemKind.CONTACT, [record(Contact(fullname=text, description=text))]).decode("utf-8-sig")
    cells = [cell for row in csv.reader(octets.splitlines(keepends=True)) for cell in row]
    assert not [cell for cell in cells if cell[:1] in "=+-@\t\r" and cell]
