"""What every sender keeps to that hands mail in to a mailbox (Exchange Web Services): a server does what it is asked and loses the
answer, and there is no second draft and no second mail."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any

import pytest

from reconcile.errors import AuthenticationRejected, PermissionDenied, Throttled
from reconcile.mail.ews.marks import EwsMarks
from reconcile.mail.ews.sender import EwsSender
from reconcile.mail.ews.sessions import Sessions
from reconcile.mail.sign_in.password import PasswordSignIn
from reconcile.model.mailbox_access import MailboxAccess
from reconcile.model.mailbox_test import MailboxTest
from reconcile.model.secret import Secret
from reconcile.ports.sender import Account, Broken, Delivery, Envelope, Refused, Session, Taken, Unanswered
from reconcile.ports.tls import Tls
from reconcile.sandbox.ews.faults import EwsFault, FaultKind
from reconcile.sync.mailbox_test import outgoing_test
from support.ews_accounts import account_of
from support.exchange_sandbox import OFFICE, SALES, SUPPORT, ExchangeSandbox, exchange_sandbox

CONTENT = (
    b"From: Sales <sales@contoso.example>\r\nTo: Support <support@contoso.example>\r\nCc: nobody-else@contoso.example\r\n"
    b"Date: Sun, 01 Mar 2026 08:00:00 +0000\r\nMessage-ID: <out-1@contoso.example>\r\nSubject: Offer\r\n\r\nHello.\r\n"
)
ENVELOPE = Envelope(sender=SALES, recipients=(SUPPORT, OFFICE), content=CONTENT)


@pytest.fixture
def exchange() -> Iterator[ExchangeSandbox]:
    with exchange_sandbox() as server:
        yield server


class Died(BaseException):
    """The process ends here."""


def account(exchange: ExchangeSandbox, *, password: str = "", mailbox: str = SALES, path: str = "") -> Account:
    reached = account_of(exchange, SALES, MailboxAccess.IMPERSONATION)
    name, word = exchange.service, password or exchange.service_password
    return Account(
        server=reached.endpoint.host,
        port=reached.endpoint.port,
        tls=Tls.NONE,
        clear_text=True,
        sign_in=PasswordSignIn(name, Secret(word.encode())),
        mailbox=mailbox,
        access=MailboxAccess.IMPERSONATION,
        path=path or reached.endpoint.path,
    )


def handed_in(exchange: ExchangeSandbox, *, password: str = "", begin: Any = None, envelope: Envelope = ENVELOPE, **more: Any) -> Delivery:
    with EwsSender(sessions=Sessions(), silence_timeout=2.0).open(account(exchange, password=password)) as session:
        return session.send(envelope, begin=begin or (lambda _: None), **more)


def tried(exchange: ExchangeSandbox, **more: str) -> MailboxTest:
    """As `test-mailbox` does it."""

    def opened() -> AbstractContextManager[Session]:
        return EwsSender(sessions=Sessions(), silence_timeout=2.0).open(account(exchange, **more))

    return outgoing_test("sales", "exchange.contoso.example:443", reach=(), open_session=opened, monotonic=lambda: 0.0)


def arrived(exchange: ExchangeSandbox) -> tuple[Sequence[str], ...]:
    """Drafts, Sent Items, and what its people have."""
    return (
        exchange.subjects("drafts", SALES),
        exchange.subjects("sentitems", SALES),
        exchange.subjects("inbox", SUPPORT),
        exchange.subjects("inbox", OFFICE),
    )


ONCE: tuple[Sequence[str], ...] = ([], ["Offer"], ["Offer"], ["Offer"])


def test_a_mail_goes_to_exactly_its_recipients_and_is_kept(exchange: ExchangeSandbox) -> None:
    """The header names somebody who must not get it (yet); whom it does not name gets a blind copy."""
    begun: list[tuple[str, ...]] = []
    delivery = handed_in(exchange, begin=lambda people: begun.append(tuple(people)))
    assert isinstance(delivery.end, Taken)
    assert begun == [(SUPPORT, OFFICE)]
    assert {address: reply.code for address, reply in delivery.recipients.items()} == {SUPPORT: 250, OFFICE: 250}
    assert arrived(exchange) == ONCE
    created = next(one for one in exchange.recorder.kept if one.operation == "CreateItem")
    assert b"nobody-else@contoso.example" not in created.request.partition(b"</t:MimeContent>")[2].partition(b"ExtendedProperty")[0]
    marks = EwsMarks(account_of(exchange, SALES), Sessions())
    (header,) = marks.sent("<out-1@contoso.example>") or ()
    assert header == CONTENT.partition(b"Subject")[0] + b"\r\n"
    assert marks.sent("<out-2@contoso.example>") == []


@pytest.mark.parametrize("kind", [FaultKind.ANSWER_LOST, FaultKind.CUT])
def test_a_draft_whose_answer_was_lost_is_found_and_sent_once(exchange: ExchangeSandbox, kind: FaultKind) -> None:
    exchange.faults.add(EwsFault(kind=kind, operation="CreateItem"))
    delivery = handed_in(exchange)
    assert isinstance(delivery.end, Taken)
    assert arrived(exchange) == ONCE
    assert [one.operation for one in exchange.recorder.kept].count("CreateItem") == 1


@pytest.mark.parametrize("kind", [FaultKind.ANSWER_LOST, FaultKind.CUT])
def test_a_mail_whose_answer_was_lost_is_looked_for_and_not_sent_again(exchange: ExchangeSandbox, kind: FaultKind) -> None:
    exchange.faults.add(EwsFault(kind=kind, operation="SendItem"))
    delivery = handed_in(exchange)
    assert isinstance(delivery.end, Taken)
    assert arrived(exchange) == ONCE
    assert [one.operation for one in exchange.recorder.kept].count("SendItem") == 1
    # Who tries it again all the same sends nothing.
    assert isinstance(handed_in(exchange).end, Taken)
    assert arrived(exchange) == ONCE


def test_what_nobody_can_tell_stays_unanswered(exchange: ExchangeSandbox) -> None:
    exchange.faults.add(EwsFault(kind=FaultKind.HANG, operation="SendItem", seconds=4.0))
    delivery = handed_in(exchange)
    assert isinstance(delivery.end, Unanswered)
    assert len(delivery.recipients) == 2
    assert arrived(exchange) == (["Offer"], [], [], [])


def test_who_died_before_it_began_leaves_one_draft_which_is_used(exchange: ExchangeSandbox) -> None:
    def die(_: object) -> None:
        raise Died

    for _ in range(3):
        with pytest.raises(Died):
            handed_in(exchange, begin=die)
    assert arrived(exchange) == (["Offer"], [], [], [])
    assert isinstance(handed_in(exchange).end, Taken)
    assert arrived(exchange) == ONCE
    assert [one.operation for one in exchange.recorder.kept].count("CreateItem") == 1


def test_nothing_leaves_when_the_last_look_says_no(exchange: ExchangeSandbox) -> None:
    def others_took_it() -> None:
        raise LookupError("others took it")

    with pytest.raises(LookupError):
        handed_in(exchange, ending=others_took_it)
    assert arrived(exchange)[1:] == ([], [], [])


@pytest.mark.parametrize("operation", ["FindItem", "CreateItem"])
def test_a_busy_server_is_left_alone_before_anything_begins(exchange: ExchangeSandbox, operation: str) -> None:
    exchange.faults.add(EwsFault(kind=FaultKind.FAULT, operation=operation, back_off_milliseconds=3000))
    with pytest.raises(Throttled) as caught:
        handed_in(exchange, begin=lambda _: pytest.fail("nothing may begin"))
    assert caught.value.retry_after == 3.0
    assert arrived(exchange) == ([], [], [], [])


@pytest.mark.parametrize(
    ("code", "permanent"),
    [
        ("ErrorServerBusy", False),
        ("ErrorQuotaExceeded", False),
        ("ErrorSendAsDenied", False),
        ("ErrorInvalidRecipients", True),
        ("ErrorMessageSizeExceeded", True),
    ],
)
def test_a_refused_sending_is_told_and_leaves_no_hopeless_draft(exchange: ExchangeSandbox, code: str, permanent: bool) -> None:
    exchange.faults.add(EwsFault(kind=FaultKind.ITEM, operation="SendItem", code=code))
    delivery = handed_in(exchange)
    assert isinstance(delivery.end, Refused)
    assert (delivery.end.permanent, code in delivery.end.why) == (permanent, True)
    assert arrived(exchange) == ([] if permanent else ["Offer"], [], [], [])


def test_a_connection_that_ends_before_the_draft_is_no_handing_over(exchange: ExchangeSandbox) -> None:
    exchange.faults.add(EwsFault(kind=FaultKind.HTTP, operation="CreateItem", status=502))
    delivery = handed_in(exchange, begin=lambda _: pytest.fail("nothing may begin"))
    assert isinstance(delivery.end, Broken)
    assert arrived(exchange) == ([], [], [], [])


def test_a_wrong_password_is_shown_once_and_never_repeated(exchange: ExchangeSandbox) -> None:
    with pytest.raises(AuthenticationRejected) as caught:
        handed_in(exchange, password="not the password")
    assert "not the password" not in caught.value.message + caught.value.hint


def test_an_account_that_may_not_act_for_the_mailbox_sends_nothing(exchange: ExchangeSandbox) -> None:
    exchange.organization.add_service(exchange.service, exchange.service_password)
    # About the mailbox, not about this mail: it waits until somebody has mended it.
    with pytest.raises(PermissionDenied, match="ErrorImpersonateUserDenied"):
        handed_in(exchange, begin=lambda _: pytest.fail("nothing may begin"))
    assert arrived(exchange) == ([], [], [], [])


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"password": "not the password"}, "refused the credentials"),
        ({"mailbox": "nobody@contoso.example"}, "ErrorNonExistentMailbox"),
        ({"path": "/EWS/Nothing.asmx"}, "no Exchange Web Services at this address"),
    ],
)
def test_a_test_of_sending_fails_where_no_mail_would_be_taken(exchange: ExchangeSandbox, more: dict[str, str], words: str) -> None:
    assert tried(exchange).ok
    found = tried(exchange, **more)
    assert (found.ok, found.steps[-1].name) == (False, "sign-in")
    assert words in found.steps[-1].words
    assert arrived(exchange) == ([], [], [], [])


@pytest.mark.parametrize("code", ["ErrorAccessDenied", "ErrorImpersonateUserDenied"])
def test_a_test_of_sending_tells_what_the_server_refuses(exchange: ExchangeSandbox, code: str) -> None:
    exchange.faults.add(EwsFault(kind=FaultKind.ITEM, operation="GetFolder", code=code))
    found = tried(exchange)
    assert not found.ok
    assert code in found.steps[-1].words
