"""The table of response codes: complete, each in one class, and a rule for what it does not know."""

from __future__ import annotations

from collections import Counter

import pytest

from reconcile.errors import (
    AuthenticationRejected,
    BlockedByTenant,
    CursorInvalid,
    MailboxRefused,
    PermanentError,
    PermissionDenied,
    ReconcileError,
    Throttled,
    Unavailable,
    Unsupported,
)
from reconcile.mail.ews.answers import Answer
from reconcile.mail.ews.codes import _TABLE, AMBIGUOUS, BUSY, GONE, KINDS, Kind, kind_of
from reconcile.mail.ews.faults import refusal, retry_after, status_refusal
from support.ews_schema import response_codes


def test_every_code_of_the_schema_is_in_exactly_one_class() -> None:
    assert KINDS.keys() == response_codes()


def test_no_code_stands_twice_and_special_ones_are_in_the_table() -> None:
    names = Counter(name for names in _TABLE.values() for name in names.split())
    assert [name for name, count in names.items() if count > 1] == []
    assert len(names) + 1 == len(KINDS) == 529
    assert KINDS.keys() >= BUSY | GONE | AMBIGUOUS
    assert {KINDS[code] for code in BUSY | AMBIGUOUS} == {Kind.TRANSIENT}


@pytest.mark.parametrize(
    ("code", "fault", "expected"),
    [
        ("ErrorSomethingBusyAgain", False, Kind.TRANSIENT),
        ("ErrorNewTransientThing", True, Kind.TRANSIENT),
        ("ErrorOfTomorrow", False, Kind.ITEM),
        ("ErrorOfTomorrow", True, Kind.TRANSIENT),
        ("ErrorMailboxOfTomorrowDenied", True, Kind.MAILBOX),
        ("", True, Kind.TRANSIENT),
    ],
)
def test_a_code_nobody_knows_is_classified_by_rule(code: str, fault: bool, expected: Kind) -> None:
    assert kind_of(code, fault=fault) is expected


@pytest.mark.parametrize(
    ("code", "expected", "about"),
    [
        ("ErrorServerBusy", Throttled, "account"),
        ("ErrorExceededConnectionCount", Throttled, "account"),
        ("ErrorInvalidSyncStateData", CursorInvalid, "mailbox"),
        ("ErrorMailboxStoreUnavailable", Unavailable, "mailbox"),
        ("ErrorServiceUnavailable", Unavailable, "server"),
        ("ErrorImpersonateUserDenied", PermissionDenied, "mailbox"),
        ("ErrorAccountDisabled", AuthenticationRejected, "account"),
        ("ErrorOrganizationAccessBlocked", BlockedByTenant, "profile"),
        ("ErrorInvalidServerVersion", Unsupported, "mailbox"),
        ("ErrorNonExistentMailbox", MailboxRefused, "mailbox"),
        ("ErrorAccessDenied", PermissionDenied, "mailbox"),
        ("ErrorSchemaValidation", PermanentError, "mailbox"),
        ("ErrorItemNotFound", PermanentError, "mailbox"),
        ("ErrorOfTomorrow", Unavailable, "mailbox"),
    ],
)
def test_what_a_refusal_means_for_who_asks(code: str, expected: type[ReconcileError], about: str) -> None:
    found = refusal(Answer(code, "No.", None, None), "exchange.contoso.example:443", fault=True)
    assert (type(found), found.about) == (expected, about)
    assert found.hint or isinstance(found, Throttled)


def test_a_pause_is_kept_whatever_the_code() -> None:
    busy = refusal(Answer("ErrorServerBusy", "", 7.5, None), "there")
    quiet = refusal(Answer("ErrorInternalServerError", "", 3.0, None), "there")
    unnamed = refusal(Answer("ErrorServerBusy", "", None, None), "there")
    assert [one.retry_after for one in (busy, quiet, unnamed) if isinstance(one, Throttled)] == [7.5, 3.0, 60.0]


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120.0),
        ("0", 1.0),
        ("999999999", 86400.0),
        ("Tue, 10 Mar 2026 12:00:30 GMT", 30.0),
        ("soon", None),
        ("", None),
        ("-5", None),
    ],
)
def test_retry_after_is_read_both_ways(value: str, seconds: float | None) -> None:
    assert retry_after(value, "Tue, 10 Mar 2026 12:00:00 GMT") == seconds


@pytest.mark.parametrize(
    ("status", "headers", "host", "expected", "about"),
    [
        (503, {"retry-after": "30"}, "exchange.contoso.example", Throttled, "server"),
        (503, {}, "exchange.contoso.example", Unavailable, "server"),
        (429, {}, "exchange.contoso.example", Throttled, "account"),
        (403, {}, "exchange.contoso.example", PermissionDenied, "mailbox"),
        (403, {}, "outlook.office365.com", BlockedByTenant, "profile"),
        (302, {"location": "https://elsewhere.example/?secret=1"}, "exchange.contoso.example", PermanentError, "profile"),
        (302, {"location": "/ews/genericerrorpage.htm"}, "exchange.contoso.example", Unavailable, "server"),
        (404, {}, "exchange.contoso.example", PermanentError, "profile"),
        (413, {}, "exchange.contoso.example", PermanentError, "mailbox"),
        (502, {}, "exchange.contoso.example", Unavailable, "server"),
        (418, {}, "exchange.contoso.example", PermanentError, "profile"),
    ],
)
def test_http_statuses(status: int, headers: dict[str, str], host: str, expected: type[ReconcileError], about: str) -> None:
    found = status_refusal(status, headers, f"{host}:443", host=host)
    assert (type(found), found.about) == (expected, about)
    assert "secret" not in found.message


def test_blocked_by_the_tenant_says_when_it_ends_and_who_can_help() -> None:
    found = status_refusal(403, {}, "outlook.office365.com:443", host="outlook.office365.com")
    assert "2027-04-01" in found.message
    assert "EWSAllowedAppIDs" in found.hint
