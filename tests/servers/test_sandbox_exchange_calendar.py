"""Appointments, contacts and tasks in the sandbox's Exchange, as exchangelib handles them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from exchangelib import Account, CalendarItem, Contact, EWSDateTime, EWSTimeZone, Task
from exchangelib.errors import ErrorItemNotFound
from exchangelib.folders import Calendar
from exchangelib.indexed_properties import EmailAddress, PhoneNumber, PhysicalAddress
from exchangelib.items import MeetingRequest
from exchangelib.recurrence import Recurrence, WeeklyPattern

from support.exchange_sandbox import SALES, SUPPORT, ExchangeSandbox, exchange_account, exchange_sandbox

pytestmark = pytest.mark.slow

BERLIN = EWSTimeZone("Europe/Berlin")


@pytest.fixture
def sandbox() -> Iterator[ExchangeSandbox]:
    with exchange_sandbox() as found:
        yield found


@pytest.fixture
def mine(sandbox: ExchangeSandbox) -> Account:
    return exchange_account(sandbox)


def at(day: int, hour: int, month: int = 3) -> EWSDateTime:
    return EWSDateTime(2026, month, day, hour, tzinfo=BERLIN)


def series(account: Account) -> CalendarItem:
    """Weekly on Monday at 10:00 in Berlin, over the change of clocks on 2026-03-29."""
    item = CalendarItem(
        account=account,
        folder=account.calendar,
        subject="Jour fixe",
        start=at(9, 10),
        end=at(9, 11),
        recurrence=Recurrence(pattern=WeeklyPattern(interval=1, weekdays=["Monday"]), start=date(2026, 3, 9), number=5),
    )
    item.save()
    return item


def starts(calendar: Calendar) -> list[tuple[datetime, str]]:
    found = calendar.view(start=at(1, 0), end=at(30, 0, 4))
    return sorted((datetime.fromtimestamp(item.start.timestamp(), ZoneInfo("Europe/Berlin")), item.subject) for item in found)


def test_a_series_keeps_its_clock_time_over_the_change_of_clocks(mine: Account) -> None:
    series(mine)
    berlin = [start for start, _ in starts(mine.calendar)]
    assert [(moment.date(), moment.hour) for moment in berlin] == [(date(2026, 3, 9) + timedelta(weeks=n), 10) for n in range(5)]


def test_an_occurrence_is_moved_and_another_dropped(mine: Account) -> None:
    item = series(mine)
    found = mine.calendar.get(id=item.id)
    assert found.first_occurrence.start == at(9, 10)
    assert found.last_occurrence.start == at(6, 10, 4)
    moved = next(one for one in mine.calendar.view(start=at(16, 0), end=at(17, 0)))
    assert (moved.type, moved.subject) == ("Occurrence", "Jour fixe")
    moved.start, moved.end, moved.subject = at(17, 14), at(17, 15), "Jour fixe, moved"
    moved.save(update_fields=["start", "end", "subject"])
    item.occurrence(index=3).delete()
    assert [subject for _, subject in starts(mine.calendar)] == ["Jour fixe", "Jour fixe, moved", "Jour fixe", "Jour fixe"]
    found = mine.calendar.get(id=item.id)
    assert [one.original_start for one in found.modified_occurrences] == [at(16, 10)]
    assert [one.start for one in found.deleted_occurrences] == [at(23, 10)]
    with pytest.raises(Exception, match="deleted"):
        item.occurrence(index=3).refresh()


def test_invitations_are_sent_only_when_asked_and_answers_come_back(sandbox: ExchangeSandbox, mine: Account) -> None:
    guests = [SUPPORT, "guest@elsewhere.example"]
    meeting = CalendarItem(
        account=mine,
        folder=mine.calendar,
        subject="Review",
        start=at(10, 14),
        end=at(10, 15),
        required_attendees=guests,
    )
    meeting.save(send_meeting_invitations="SendToNone")
    assert (sandbox.subjects(address=SUPPORT), sandbox.post_office.outside()) == ([], ())
    meeting.delete(send_meeting_cancellations="SendToNone")
    meeting = CalendarItem(
        account=mine, folder=mine.calendar, subject="Review", start=at(10, 14), end=at(10, 15), required_attendees=guests
    )
    meeting.save(send_meeting_invitations="SendToAllAndSaveCopy")
    assert [mail.recipients for mail in sandbox.post_office.outside()] == [("guest@elsewhere.example",)]
    assert b"BEGIN:VCALENDAR" in sandbox.post_office.outside()[0].raw
    theirs = exchange_account(sandbox, SUPPORT)
    request = theirs.inbox.all()[0]
    assert isinstance(request, MeetingRequest)
    assert (request.subject, request.organizer.email_address, request.start) == ("Review", SALES, at(10, 14))
    tentative = theirs.calendar.all()[0]
    assert (tentative.subject, tentative.my_response_type, tentative.legacy_free_busy_status) == (
        "Review",
        "NoResponseReceived",
        "Tentative",
    )
    request.accept(body="I will be there.")
    accepted = theirs.calendar.all()[0]
    assert (accepted.my_response_type, accepted.legacy_free_busy_status) == ("Accept", "Busy")
    assert [item.subject for item in mine.inbox.all()] == ["Accepted: Review"]
    people = {person.mailbox.email_address: person.response_type for person in mine.calendar.all()[0].required_attendees}
    assert people == {SUPPORT: "Accept", "guest@elsewhere.example": "Unknown"}


def test_a_changed_and_a_cancelled_meeting_reach_the_attendee(sandbox: ExchangeSandbox, mine: Account) -> None:
    meeting = CalendarItem(
        account=mine, folder=mine.calendar, subject="Review", start=at(10, 14), end=at(10, 15), required_attendees=[SUPPORT]
    )
    meeting.save(send_meeting_invitations="SendOnlyToAll")
    meeting.start, meeting.end = at(11, 9), at(11, 10)
    meeting.save(update_fields=["start", "end"], send_meeting_invitations="SendOnlyToAll")
    theirs = exchange_account(sandbox, SUPPORT)
    assert [item.start for item in theirs.calendar.all()] == [at(11, 9)]
    meeting.delete(send_meeting_cancellations="SendOnlyToAll")
    gone = theirs.calendar.all()[0]
    assert (gone.subject, gone.is_cancelled) == ("Canceled: Review", True)
    assert sandbox.subjects(address=SUPPORT) == ["Review", "Review", "Canceled: Review"]
    assert [item.item_class for item in theirs.inbox.all()][-1] == "IPM.Schedule.Meeting.Request"


def test_a_contact_keeps_addresses_by_kind(mine: Account) -> None:
    contact = Contact(
        account=mine,
        folder=mine.contacts,
        display_name="Role Account",
        given_name="Role",
        surname="Account",
        email_addresses=[EmailAddress(label="EmailAddress1", email="role@contoso.example")],
        phone_numbers=[PhoneNumber(label="BusinessPhone", phone_number="+49 30 1")],
        physical_addresses=[PhysicalAddress(label="Business", street="Street 1", city="Berlin", country="Germany", zipcode="10115")],
        categories=["Tracked to CRM"],
    )
    contact.save()
    contact.phone_numbers = [
        PhoneNumber(label="BusinessPhone", phone_number="+49 30 2"),
        PhoneNumber(label="MobilePhone", phone_number="+49 170 1"),
    ]
    contact.save(update_fields=["phone_numbers"])
    found = mine.contacts.filter(categories__contains="Tracked to CRM")[0]
    assert (found.display_name, found.file_as) == ("Role Account", "Account, Role")
    assert {entry.label: entry.phone_number for entry in found.phone_numbers} == {"BusinessPhone": "+49 30 2", "MobilePhone": "+49 170 1"}
    assert [(entry.city, entry.zipcode) for entry in found.physical_addresses] == [("Berlin", "10115")]
    assert [entry.email for entry in found.email_addresses] == ["role@contoso.example"]


def test_a_task_that_is_complete_says_so_in_all_its_fields(mine: Account) -> None:
    task = Task(account=mine, folder=mine.tasks, subject="Call back", due_date=date(2026, 3, 20))
    task.save()
    task.status = "Completed"
    task.save(update_fields=["status"])
    found = mine.tasks.all()[0]
    assert (found.is_complete, found.percent_complete, found.complete_date is not None) == (True, 100, True)
    found.percent_complete = Decimal(50)
    found.save(update_fields=["percent_complete"])
    again = mine.tasks.all()[0]
    assert (again.status, again.is_complete, again.complete_date) == ("InProgress", False, None)
    found.delete()
    with pytest.raises(ErrorItemNotFound):
        task.refresh()
