"""Items as people and programs write them: what is read, and what is refused with its place."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconcile.model.item import Appointment, Attendee, Contact, ItemKind, Task, TaskType
from reconcile.model.item_declared import ItemFilter, read_direction, read_filter
from reconcile.model.item_field import Direction
from reconcile.model.item_json import ItemFormatError, dumped, loaded, loaded_columns
from reconcile.model.item_normal import normal
from reconcile.model.item_record import ItemState
from reconcile.model.item_restored import restored
from reconcile.model.recurrence import (
    Daily,
    EndsOn,
    Monthly,
    MonthlyNth,
    NoEnd,
    Numbered,
    Recurrence,
    Weekday,
    Weekly,
    Yearly,
    YearlyNth,
    starts,
)
from reconcile.sync.decide.intake_line import LineError
from reconcile.sync.decide.item_line import item_line

START = {"scheduledstart": "2026-12-10T09:00:00+01:00", "scheduledend": "2026-12-10T10:00:00+01:00"}
TODAY = date(2026, 3, 10)

WRONG: list[tuple[str, ItemKind, dict[str, Any], str]] = [
    ("no such column", ItemKind.TASK, {"bogus": 1}, "bogus: there is no such column of tasks"),
    ("no times", ItemKind.APPOINTMENT, {}, "scheduledstart is missing"),
    ("no offset", ItemKind.APPOINTMENT, {**START, "scheduledstart": "2026-12-10T09:00:00"}, "scheduledstart: .* lacks its offset"),
    ("ends before", ItemKind.APPOINTMENT, {**START, "scheduledend": "2026-12-10T08:00:00+01:00"}, "scheduledend: it ends before it begins"),
    ("no midnight", ItemKind.APPOINTMENT, {**START, "isalldayevent": True}, "midnight in its timezone"),
    ("no zone", ItemKind.APPOINTMENT, {**START, "timezone": "Mars/Base"}, "timezone: 'Mars/Base' is no time zone"),
    ("a line break", ItemKind.CONTACT, {"jobtitle": "a\nb"}, "jobtitle: it has a line break"),
    ("half a surrogate", ItemKind.CONTACT, {"jobtitle": "\ud800"}, "jobtitle: it has characters that are no text"),
    ("too long", ItemKind.CONTACT, {"jobtitle": "x" * 5000}, "jobtitle: it has 5,000 characters"),
    ("no day", ItemKind.CONTACT, {"birthdate": "31.3.2026"}, "birthdate: .* is no day"),
    ("no attendee", ItemKind.APPOINTMENT, {**START, "requiredattendees": ["bob"]}, "requiredattendees.0.address: 'bob' is no address"),
    (
        "exceptions of no series",
        ItemKind.APPOINTMENT,
        {**START, "exceptions": [{"original": START["scheduledstart"], "deleted": True}]},
        "only a series",
    ),
    ("no pattern", ItemKind.APPOINTMENT, {**START, "recurrence": {"pattern": "hourly"}}, "recurrence.pattern: 'hourly' is none of"),
    ("no days", ItemKind.APPOINTMENT, {**START, "recurrence": {"pattern": "weekly"}}, "recurrence.days: is missing"),
    ("two ends", ItemKind.APPOINTMENT, {**START, "recurrence": {"pattern": "daily", "until": "2027-01-01", "occurrences": 3}}, "not both"),
    ("too often", ItemKind.APPOINTMENT, {**START, "recurrence": {"pattern": "daily", "occurrences": 1000}}, "1 to 999 occurrences"),
    ("too far apart", ItemKind.APPOINTMENT, {**START, "recurrence": {"pattern": "daily", "interval": 1001}}, "between 1 and 1000"),
    ("per cent", ItemKind.TASK, {"percentcomplete": 101}, "percentcomplete: 0 to 100"),
    ("truth is no number", ItemKind.TASK, {"percentcomplete": True}, "percentcomplete: a whole number"),
]


@pytest.mark.parametrize(("kind", "written", "words"), [one[1:] for one in WRONG], ids=[one[0] for one in WRONG])
def test_what_is_refused(kind: ItemKind, written: dict[str, Any], words: str) -> None:
    with pytest.raises(ItemFormatError, match=words) as caught:
        loaded(kind, written)
    assert caught.value.hint


@given(
    st.dictionaries(
        st.sampled_from(["subject", "description", "scheduledstart", "recurrence", "exceptions", "requiredattendees"]),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(max_size=5),
            lambda inner: (
                st.lists(inner, max_size=2)
                | st.dictionaries(st.sampled_from(["pattern", "address", "original", "days", "interval", "x"]), inner, max_size=3)
            ),
            max_leaves=6,
        ),
    )
)
def test_whatever_is_written_is_read_or_refused(written: dict[str, Any]) -> None:
    for kind in ItemKind:
        try:
            item = loaded(kind, written)
        except ItemFormatError:
            continue
        found = normal(item, today=TODAY)
        assert normal(found, today=TODAY) == found
        assert restored(kind, json.loads(json.dumps(dumped(found)))) == found


def test_null_is_the_empty_one() -> None:
    assert loaded_columns(ItemKind.TASK, {"subject": None, "scheduledend": None}) == {"subject": "", "scheduledend": None}


def test_the_normal_form_is_one() -> None:
    item = normal(
        Contact(firstname="Ada ", lastname="Byron", description="a \r\nb\r\n", jobtitle="a\x00b\tc"),
        today=TODAY,
    )
    assert isinstance(item, Contact)
    assert (item.fullname, item.description, item.jobtitle) == ("Ada Byron", "a\nb", "a b c")
    twice = Appointment(
        scheduledstart=datetime(2026, 1, 1, tzinfo=UTC),
        scheduledend=datetime(2026, 1, 1, tzinfo=UTC),
        requiredattendees=(Attendee(address="B@x.example"), Attendee(address="a@x.example"), Attendee(address="b@x.example")),
        optionalattendees=(Attendee(address="A@x.example"),),
    )
    once = normal(twice, today=TODAY)
    assert isinstance(once, Appointment)
    assert [one.address for one in once.requiredattendees] == ["a@x.example", "b@x.example"]
    assert not once.optionalattendees
    assert normal(Task(scheduledstart=TODAY), today=TODAY) == Task(scheduledstart=TODAY, scheduledend=TODAY)


MONDAY = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
SERIES = [
    (Recurrence(pattern=Daily(interval=2), range=Numbered(3)), ["03-02", "03-04", "03-06"]),
    (Recurrence(pattern=Weekly(days=(Weekday.MO, Weekday.TH)), range=Numbered(4)), ["03-02", "03-05", "03-09", "03-12"]),
    (
        Recurrence(pattern=Weekly(days=(Weekday.SU, Weekday.MO), interval=2, firstdayofweek=Weekday.SU), range=Numbered(3)),
        ["03-02", "03-15", "03-16"],
    ),
    (Recurrence(pattern=Monthly(day=31), range=Numbered(3)), ["03-31", "04-30", "05-31"]),
    (Recurrence(pattern=MonthlyNth(nth=-1, days=(Weekday.FR,)), range=Numbered(2)), ["03-27", "04-24"]),
    (Recurrence(pattern=MonthlyNth(nth=2, days=tuple(Weekday)[:5]), range=Numbered(2)), ["03-03", "04-02"]),
    (Recurrence(pattern=Yearly(month=2, day=29), range=Numbered(2)), ["02-28", "02-29"]),
    (Recurrence(pattern=YearlyNth(month=11, nth=4, days=(Weekday.TH,)), range=Numbered(1)), ["11-26"]),
    (Recurrence(pattern=Daily(), range=EndsOn(date(2026, 3, 3))), ["03-02", "03-03"]),
]


@pytest.mark.parametrize(("recurrence", "days"), SERIES, ids=lambda one: type(getattr(one, "pattern", None)).__name__)
def test_when_a_series_takes_place(recurrence: Recurrence, days: list[str]) -> None:
    assert [f"{one:%m-%d}" for one in starts(recurrence, MONDAY, "UTC")] == days


def test_a_series_keeps_its_hour_when_the_clocks_change() -> None:
    first = datetime(2026, 3, 28, 8, 0, tzinfo=UTC)  # nine in Berlin, the day before the clocks go forward
    found = list(starts(Recurrence(pattern=Daily(), range=Numbered(2)), first, "Europe/Berlin"))
    assert [one.hour for one in found] == [8, 7]
    endless = starts(Recurrence(pattern=Daily(), range=NoEnd()), first, "UTC", until=datetime(2026, 4, 1, tzinfo=UTC))
    assert len(list(endless)) == 4


def test_directions_and_filters() -> None:
    assert read_direction("contact.jobtitle=to-records") == (ItemKind.CONTACT, "jobtitle", Direction.TO_OURS)
    assert read_filter("task owner=any state=any regarding=account") == (
        ItemKind.TASK,
        ItemFilter(owned=False, states=frozenset(), regarding_type="account", type=TaskType.TASK),
    )
    assert read_filter("phonecall owner=any") == (
        ItemKind.TASK,
        ItemFilter(owned=False, states=frozenset({ItemState.OPEN}), type=TaskType.PHONE_CALL),
    )
    assert read_filter("contact") == (ItemKind.CONTACT, ItemFilter(states=frozenset({ItemState.OPEN})))
    for text in ("contact.jobtitle", "contact.fullname=none", "appointment.attachments=both", "x.y=both", "contact.jobtitle=up"):
        with pytest.raises(ValueError):
            read_direction(text)
    for text in ("", "mail", "task owner=me", "task state=inactive", "contact regarding=account", "task owner=any owner=any", "task x"):
        with pytest.raises(ValueError):
            read_filter(text)


LINES = [
    (b'{"kind":"task","set":{"subject":"x"}}', "owner", 1),
    (b'{"clientKey":"k","kind":"task","owner":"a@x.example","set":{"subject":1}}', "set.subject", 71),
    (b'{"clientKey":"k","id":1,"kind":"task"}', "set", 1),
    (b'{"clientKey":"k","delete":true}', "delete", 27),
    (b'{"clientKey":"k","kind":"mail"}', "kind", 25),
    (b'{"kind":"task","owner":"a@x.example"}', "clientKey", 1),
    (b"\xff", "", 1),
]


@pytest.mark.parametrize(("line", "field", "column"), LINES)
def test_a_line_is_refused_with_its_place(line: bytes, field: str, column: int) -> None:
    with pytest.raises(LineError) as caught:
        item_line(line)
    assert (caught.value.field, caught.value.column) == (field, column)


def test_years_have_four_digits() -> None:
    early = datetime(47, 3, 1, 9, 30, tzinfo=UTC)
    item = Appointment(subject="Ides", scheduledstart=early, scheduledend=early + timedelta(hours=1))
    written = dumped(item)
    assert written["scheduledstart"] == "0047-03-01T09:30:00Z"
    assert restored(ItemKind.APPOINTMENT, written) == item
    assert dumped(Task(subject="x", scheduledend=date(44, 3, 15)))["scheduledend"] == "0044-03-15"
