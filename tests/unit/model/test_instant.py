"""Instants: what is read, what is refused, and what the canonical text is."""

from __future__ import annotations

import pytest

from reconcile.model import instant

GOOD = [
    ("2026-03-01T08:00:00+01:00", "UTC", "2026-03-01T07:00:00Z"),
    ("2026-03-01t08:00:00z", "Europe/Berlin", "2026-03-01T08:00:00Z"),
    ("2026-03-01T08:00:00.250Z", "UTC", "2026-03-01T08:00:00.250000Z"),
    ("2026-03-01 08:00:00Z", "UTC", "2026-03-01T08:00:00Z"),
    ("2026-03-01T08:00-05:30", "UTC", "2026-03-01T13:30:00Z"),
    ("2026-03-01T08:00", "Europe/Berlin", "2026-03-01T07:00:00Z"),
    ("2026-07-01", "Europe/Berlin", "2026-06-30T22:00:00Z"),
    ("2026-07-01", "UTC", "2026-07-01T00:00:00Z"),
    ("1900-01-02", "UTC", "1900-01-02T00:00:00Z"),
    # The hour before and after the clocks change are as good as any.
    ("2026-03-29T01:59:59", "Europe/Berlin", "2026-03-29T00:59:59Z"),
    ("2026-03-29T03:00:00", "Europe/Berlin", "2026-03-29T01:00:00Z"),
    ("2026-10-25T02:30:00+02:00", "Europe/Berlin", "2026-10-25T00:30:00Z"),
    ("2026-10-25T02:30:00+01:00", "Europe/Berlin", "2026-10-25T01:30:00Z"),
]

BAD = [
    ("2026-03-29T02:30:00", "Europe/Berlin", "does not exist in Europe/Berlin: the clocks skip it"),
    ("2026-10-25T02:30:00", "Europe/Berlin", "happens twice in Europe/Berlin"),
    # In São Paulo the clocks once went forward at midnight, so that day has no first hour.
    ("2018-11-04", "America/Sao_Paulo", "does not exist in America/Sao_Paulo"),
    ("2026-02-30", "UTC", "no date of the calendar"),
    ("2026-03-01T24:00:01Z", "UTC", "no date of the calendar"),
    ("2026-03-01T08:00:60Z", "UTC", "no date of the calendar"),
    ("1900-01-01", "UTC", "1900-01-01 where no date is set"),
    ("0001-01-01T00:00:00+14:00", "UTC", "outside the years"),
    ("9999-12-31T23:59:59-14:00", "UTC", "outside the years"),
    ("tomorrow", "UTC", "no RFC 3339 instant"),
    ("2026-W10-1", "UTC", "no RFC 3339 instant"),
    ("20260301", "UTC", "no RFC 3339 instant"),
    ("2026-03-01T08:00:00+0100", "UTC", "no RFC 3339 instant"),
    ("2026-03-01\n", "UTC", "no RFC 3339 instant"),
    ("", "UTC", "no RFC 3339 instant"),
    ("٢٠٢٦-03-01", "UTC", "no RFC 3339 instant"),
    ("2026-03-01", "Mars/Olympus", "no time zone of the IANA database"),
    ("2026-03-01", "../etc/passwd", "no time zone of the IANA database"),
]


@pytest.mark.parametrize(("written", "zone", "canonical"), GOOD)
def test_reads(written: str, zone: str, canonical: str) -> None:
    assert instant.text(instant.parse(written, zone)) == canonical


@pytest.mark.parametrize(("written", "zone", "message"), BAD)
def test_refuses(written: str, zone: str, message: str) -> None:
    with pytest.raises(ValueError) as caught:
        instant.parse(written, zone)
    assert message in str(caught.value)


def test_a_repeated_hour_names_both_ways_to_write_it() -> None:
    with pytest.raises(ValueError) as caught:
        instant.parse("2026-10-25T02:30:00", "Europe/Berlin")
    assert "2026-10-25T02:30:00+02:00 or 2026-10-25T02:30:00+01:00" in str(caught.value)


@pytest.mark.parametrize(("_", "__", "canonical"), GOOD)
def test_canonical_text_reads_as_itself(_: str, __: str, canonical: str) -> None:
    assert instant.text(instant.parse(canonical, "Europe/Berlin")) == canonical


@pytest.mark.parametrize(
    ("written", "zone", "said"),
    [
        ("2027-03-31", "UTC", "2027-03-31"),
        ("2027-03-31", "Europe/Berlin", "2027-03-30 22:00 UTC"),
        ("2027-03-31", "America/New_York", "2027-03-31 04:00 UTC"),
        ("2027-03-31T00:00:00+02:00", "UTC", "2027-03-30 22:00 UTC"),
    ],
)
def test_a_day_of_another_zone_is_never_said_as_another_day(written: str, zone: str, said: str) -> None:
    assert instant.day(instant.parse(written, zone)) == said


def test_what_begins_a_day_in_its_own_zone_is_said_as_that_day() -> None:
    assert instant.day(instant.parse("2027-03-31", "Europe/Berlin").astimezone(instant.zone("Europe/Berlin"))) == "2027-03-31"
    assert instant.day(instant.parse("2027-03-31T00:00:00Z", "UTC").astimezone(instant.zone("Europe/Berlin"))) == "2027-03-31"
    assert instant.day(instant.parse("2027-03-31T09:00:00Z", "UTC").astimezone(instant.zone("Europe/Berlin"))) == "2027-03-31 09:00 UTC"


@pytest.mark.parametrize(
    ("written", "zone", "shown"),
    [
        ("2027-06-01", "Europe/Berlin", "2027-06-01"),
        ("2027-06-01", "UTC", "2027-06-01"),
        ("2027-06-01T00:00:00Z", "Europe/Berlin", "2027-06-01T02:00:00+02:00"),
        ("2027-06-01T08:30:00", "America/New_York", "2027-06-01T08:30:00-04:00"),
        ("2027-06-01T08:30:00", "UTC", "2027-06-01T08:30:00Z"),
    ],
)
def test_an_instant_is_shown_as_it_would_be_written_there(written: str, zone: str, shown: str) -> None:
    assert instant.local(instant.text(instant.parse(written, zone)), zone) == shown
