"""Counting and finding mail at an Exchange server: one question, nothing is listed, nothing changes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from reconcile.errors import PermissionDenied
from reconcile.mail.ews.count import EwsCounter
from reconcile.mail.ews.finder import EwsFinder
from reconcile.mail.ews.inbox import EwsInbox
from reconcile.mail.ews.marks import EwsMarks
from reconcile.mail.ews.sessions import Sessions
from reconcile.model.mailbox_access import MailboxAccess
from reconcile.ports.mail import Listed
from support.ews_accounts import account_of
from support.exchange_folders import make_folder, move
from support.exchange_sandbox import SALES, SUPPORT, ExchangeSandbox, exchange_sandbox, letter

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)


@pytest.fixture
def exchange() -> Iterator[ExchangeSandbox]:
    with exchange_sandbox(now=NOW) as server:
        for hours in (1, 2, 3, 4):
            server.deliver(letter(f"{hours}", message_id=f"<{hours}@elsewhere.example>"), SALES, at=NOW - timedelta(hours=hours))
        yield server


def drop(_: Listed, chunks: Iterator[bytes]) -> None:
    for _chunk in chunks:
        pass


@pytest.mark.parametrize(("since", "before", "count"), [(None, None, 4), (3, None, 3), (None, 3, 1), (3, 1, 2), (1, 3, 0), (None, 0, 4)])
def test_counted_between_two_moments(exchange: ExchangeSandbox, since: int | None, before: int | None, count: int) -> None:
    counter = EwsCounter(account_of(exchange, SALES), Sessions())
    bounds = [None if hours is None else NOW - timedelta(hours=hours) for hours in (since, before)]
    assert counter.count(bounds[0], bounds[1]) == count
    assert len(exchange.recorder.kept) == 1


def test_tracked_folders_are_counted_with_the_inbox(exchange: ExchangeSandbox) -> None:
    for path in ("Projects", "Projects/Fabrikam", "Others"):
        make_folder(exchange, path)
    for number, path in (("1", "Projects"), ("2", "Projects/Fabrikam"), ("3", "Others")):
        move(exchange, number, path)
    account, sessions = account_of(exchange, SALES, MailboxAccess.IMPERSONATION), Sessions()
    tracked: tuple[tuple[str, ...], ...] = ((), ("projects",), ("Projects/Fabrikam", "Projects", "Nowhere"))
    counts = [
        EwsCounter(account, sessions, folders).count(since, None) for folders in tracked for since in (None, NOW - timedelta(hours=1))
    ]
    assert counts == [1, 0, 2, 1, 3, 1]


def test_a_message_is_found_in_whatever_folder_it_lies(exchange: ExchangeSandbox) -> None:
    account, sessions = account_of(exchange, SALES, MailboxAccess.IMPERSONATION), Sessions()
    finder = EwsFinder(account, sessions)
    assert finder.folders_of("<2@elsewhere.example>") == ["Inbox"]
    assert finder.folders_of("<9@elsewhere.example>") == []
    inbox = EwsInbox(account, sessions)
    inbox.look(None)
    (batch,) = inbox.read(None, since=None, retry=(), wanted=lambda _: True, accept=drop)
    marks = EwsMarks(account, sessions)
    marks.move([batch.read[1].remote_id], "Projects", cursor=batch.cursor)
    assert finder.folders_of("<2@elsewhere.example>") == ["Projects"]


def test_a_delegate_opens_only_what_it_was_given(exchange: ExchangeSandbox) -> None:
    """Full access to one mailbox, nothing of the other; no impersonation stands in the header."""
    exchange.organization.add_service(exchange.service, exchange.service_password, full_access=[SALES])
    assert EwsInbox(account_of(exchange, SALES, MailboxAccess.DELEGATION), Sessions()).look(None).messages == 4
    with pytest.raises(PermissionDenied):
        EwsInbox(account_of(exchange, SUPPORT, MailboxAccess.DELEGATION), Sessions()).look(None)
    assert not any(b"ExchangeImpersonation" in one.request for one in exchange.recorder.kept)
