"""The other functions of the sandbox's Exchange, as exchangelib uses them, and its wire: keep-alive, sign-in, faults, limits."""

from __future__ import annotations

import http.client
import ssl
import threading
import time
from base64 import b64encode
from collections.abc import Iterator
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from exchangelib import Account, CalendarItem, EWSDateTime, EWSTimeZone, FileAttachment, ItemAttachment, Message
from exchangelib.errors import (
    ErrorDeleteDistinguishedFolder,
    ErrorFolderExists,
    ErrorItemNotFound,
    ErrorServerBusy,
    ErrorSubscriptionNotFound,
)
from exchangelib.folders import Messages
from exchangelib.properties import DelegateUser, UserId
from exchangelib.settings import OofSettings

from reconcile.sandbox.ews.faults import EwsFault, FaultKind
from reconcile.sandbox.ews.node import Node
from support.exchange_sandbox import PASSWORD, SALES, SUPPORT, ExchangeSandbox, exchange_account, exchange_sandbox, letter

pytestmark = pytest.mark.slow

BERLIN = EWSTimeZone("Europe/Berlin")
GET_INBOX = (
    b'<?xml version="1.0"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" '
    b'xmlns:t="http://schemas.microsoft.com/exchange/services/2006/types" '
    b'xmlns:m="http://schemas.microsoft.com/exchange/services/2006/messages"><s:Body><m:GetFolder><m:FolderShape><t:BaseShape>Default'
    b'</t:BaseShape></m:FolderShape><m:FolderIds><t:DistinguishedFolderId Id="inbox"/></m:FolderIds></m:GetFolder></s:Body></s:Envelope>'
)
BASIC = {"Authorization": "Basic " + b64encode(f"{SALES}:{PASSWORD}".encode()).decode()}


@pytest.fixture
def sandbox() -> Iterator[ExchangeSandbox]:
    with exchange_sandbox() as found:
        yield found


@pytest.fixture
def mine(sandbox: ExchangeSandbox) -> Account:
    return exchange_account(sandbox)


def test_attachments_are_made_read_and_removed(mine: Account) -> None:
    draft = Message(account=mine, folder=mine.drafts, subject="With files", body="x", to_recipients=[SUPPORT])
    draft.attach(FileAttachment(name="offer.pdf", content=b"%PDF"))
    draft.attach(ItemAttachment(name="inner", item=Message(account=mine, subject="Inner", body="y")))
    draft.save()
    found = mine.drafts.get(subject="With files")
    assert [(one.name, getattr(one, "content", None)) for one in found.attachments if isinstance(one, FileAttachment)] == [
        ("offer.pdf", b"%PDF")
    ]
    assert [one.item.subject for one in found.attachments if isinstance(one, ItemAttachment)] == ["Inner"]
    found.detach(found.attachments[0])
    assert len(mine.drafts.get(subject="With files").attachments) == 1


def test_attachments_of_mail_that_came_as_mime_are_listed(sandbox: ExchangeSandbox, mine: Account) -> None:
    boundary = "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\ntext\r\n--b\r\n"
    raw = letter("File").replace(
        b"\r\n\r\nGood morning.", f"\r\n{boundary}".encode() + b"Content-Disposition: attachment; filename=a.txt\r\n\r\nAAA"
    )
    sandbox.deliver(raw + b"--b--\r\n")
    found = mine.inbox.all()[0]
    assert found.has_attachments
    assert [(one.name, one.content.strip()) for one in found.attachments] == [("a.txt", b"AAA")]


def test_folders_are_made_renamed_moved_emptied_and_deleted(mine: Account) -> None:
    projects = Messages(parent=mine.inbox, name="Projects").save()
    with pytest.raises(ErrorFolderExists):
        Messages(parent=mine.inbox, name="projects").save()
    projects.name = "Archive"
    projects.save()
    projects.move(mine.msg_folder_root)
    Message(account=mine, folder=projects, subject="Old", body="x").save()
    mine.root.clear_cache()
    assert (mine.msg_folder_root / "Archive").total_count == 1
    projects.empty()
    projects.refresh()
    assert projects.total_count == 0
    projects.delete()
    mine.root.clear_cache()
    with pytest.raises(Exception, match="Archive"):
        _ = mine.msg_folder_root / "Archive"
    with pytest.raises(ErrorDeleteDistinguishedFolder):
        mine.inbox.delete()


def test_paging_ends_and_counts(sandbox: ExchangeSandbox, mine: Account) -> None:
    sandbox.letters(250)
    found = [item.subject for item in mine.inbox.all().only("subject").order_by("subject")]
    assert found == sorted(f"Letter {number}" for number in range(1, 251))
    assert mine.inbox.filter(subject__startswith="Letter 1").count() == 111
    assert mine.inbox.exclude(subject="Letter 7").count() == 249
    assert sandbox.recorder.counts["FindItem"] >= 3


def test_who_is_absent_answers_a_sender_once(sandbox: ExchangeSandbox, mine: Account) -> None:
    theirs = exchange_account(sandbox, SUPPORT)
    now = EWSDateTime.now(tz=BERLIN).replace(microsecond=0)
    for times in (1, 2):  # set anew, everybody is answered anew
        mine.oof_settings = OofSettings(
            state="Scheduled",
            external_audience="All",
            start=now - timedelta(days=1),
            end=now + timedelta(days=7),
            internal_reply="Away.",
            external_reply="Gone.",
        )
        for subject in ("First", "Second"):
            Message(account=theirs, subject=subject, body="x", to_recipients=[SALES]).send()
        assert sandbox.subjects(address=SUPPORT) == ["Automatic reply: First"] * times
    answered = theirs.inbox.all().order_by("-datetime_received")[0]
    assert (answered.sender.email_address, answered.text_body.strip()) == (SALES, "Away.")
    assert {header.name: header.value for header in answered.headers}["Auto-Submitted"] == "auto-replied"


def test_absence_names_and_delegates(sandbox: ExchangeSandbox, mine: Account) -> None:
    assert mine.oof_settings.state == "Disabled"
    start = EWSDateTime.now(tz=BERLIN).replace(microsecond=0)
    end = start + timedelta(days=7)
    mine.oof_settings = OofSettings(
        state="Scheduled", external_audience="All", start=start, end=end, internal_reply="In", external_reply="Out"
    )
    assert (mine.oof_settings.state, mine.oof_settings.start, mine.oof_settings.external_reply) == ("Scheduled", start, "Out")
    assert [found.email_address for found in mine.protocol.resolve_names(["suppo"], search_scope="ActiveDirectory")] == [SUPPORT]
    assert list(mine.delegates) == []
    with sandbox.organization.lock:
        user = Node("t:UserId", children=(Node("t:PrimarySmtpAddress", SUPPORT),))
        rights = Node("t:DelegatePermissions", children=(Node("t:CalendarFolderPermissionLevel", "Reviewer"),))
        sandbox.mailbox().delegates[SUPPORT] = Node("t:DelegateUser", children=(user, rights))
    [found] = mine.delegates
    assert isinstance(found, DelegateUser)
    assert (found.user_id, found.delegate_permissions.calendar_folder_permission_level) == (
        UserId(primary_smtp_address=SUPPORT, display_name="support"),
        "Reviewer",
    )


def test_free_and_busy(mine: Account) -> None:
    start = EWSDateTime(2026, 7, 6, 9, tzinfo=BERLIN)
    CalendarItem(account=mine, folder=mine.calendar, subject="Busy", start=start, end=start + timedelta(hours=1)).save()
    day = EWSDateTime(2026, 7, 6, tzinfo=BERLIN)
    accounts = [(mine, "Organizer", False)]
    [view] = mine.protocol.get_free_busy_info(accounts=accounts, start=day, end=day + timedelta(days=1), merged_free_busy_interval=60)
    assert [(event.start, event.busy_type) for event in view.calendar_events] == [(start, "Busy")]


def test_a_stream_tells_of_new_mail_at_once_and_ends_when_the_subscription_is_lost(sandbox: ExchangeSandbox, mine: Account) -> None:
    subscription = mine.inbox.subscribe_to_streaming()
    threading.Timer(0.3, lambda: sandbox.deliver(letter("News"))).start()
    began = time.monotonic()
    for notification in mine.inbox.get_streaming_events(subscription, connection_timeout=1, max_notifications_returned=1):
        kinds = [type(event).__name__ for event in notification.events]
        assert kinds == ["CreatedEvent", "NewMailEvent"]
    assert time.monotonic() - began < 5
    with sandbox.organization.lock:
        sandbox.organization.subscriptions.lose()
    with pytest.raises(ErrorSubscriptionNotFound):
        mine.inbox.unsubscribe(subscription)


def test_pulled_events_are_the_same_when_asked_again(sandbox: ExchangeSandbox, mine: Account) -> None:
    subscription, watermark = mine.inbox.subscribe_to_pull()
    sandbox.letters(2)

    def ids() -> list[str]:
        found = [event for note in mine.inbox.get_events(subscription, watermark) for event in note.events]
        return [event.item_id.id for event in found if type(event).__name__ == "NewMailEvent"]

    assert len(ids()) == 2
    assert ids() == ids()


def connection(sandbox: ExchangeSandbox) -> http.client.HTTPConnection:
    parts = urlsplit(sandbox.url)
    assert parts.hostname is not None
    if parts.scheme == "http":
        return http.client.HTTPConnection(parts.hostname, parts.port, timeout=5)
    trust = ssl.create_default_context(cadata=(sandbox.certificate or b"").decode())
    return http.client.HTTPSConnection(parts.hostname, parts.port, timeout=5, context=trust)


def ask(client: http.client.HTTPConnection, headers: dict[str, str], body: bytes = GET_INBOX, method: str = "POST") -> tuple[int, bytes]:
    client.request(method, "/EWS/Exchange.asmx", body, {"Content-Type": "text/xml; charset=utf-8", **headers})
    answer = client.getresponse()
    return answer.status, answer.read()


def test_one_connection_is_challenged_refused_and_served_by_password_and_by_token() -> None:
    with exchange_sandbox(tls=True) as sandbox:
        client = connection(sandbox)
        assert ask(client, {}, b"", "GET")[0] == 401
        channel = client.sock
        wrong = "Basic " + b64encode(f"{SALES}:wrong".encode()).decode()
        assert [ask(client, headers)[0] for headers in ({}, {"Authorization": wrong}, {"Authorization": "Bearer nonsense"}, BASIC)] == [
            401,
            401,
            401,
            200,
        ]
        sandbox.organization.accept_token("a-token", SALES)
        assert ask(client, {"Authorization": "Bearer a-token"})[0] == 200
        sandbox.organization.revoke_token("a-token")
        assert ask(client, {"Authorization": "Bearer a-token"})[0] == 401
        assert ask(client, BASIC, b"", "GET")[0] == 200
        assert client.sock is channel
        client.close()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\x00\xff\xfe",
        b"<not><closed>",
        b'<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>',
        b"<a/>",
        b"<a>" * 100 + b"</a>" * 100,
        GET_INBOX.replace(b"GetFolder", b"GetEverything"),
        GET_INBOX.replace(b'Id="inbox"', b'Id="nowhere"'),
    ],
)
def test_what_is_no_request_gets_a_fault_or_an_error_and_the_next_one_is_served(sandbox: ExchangeSandbox, body: bytes) -> None:
    client = connection(sandbox)
    status, answer = ask(client, BASIC, body)
    assert (status == 500 and b"soap:Fault" in answer) or b"ErrorFolderNotFound" in answer
    assert b"&x;" not in answer
    assert ask(client, BASIC)[0] == 200
    client.close()


def test_a_large_body_is_read_only_from_somebody_known(sandbox: ExchangeSandbox) -> None:
    large = GET_INBOX.replace(b"<s:Body>", b"<!--" + b"x" * (3 << 20) + b"--><s:Body>")
    client = connection(sandbox)
    client.putrequest("POST", "/EWS/Exchange.asmx")
    client.putheader("Content-Length", str(len(large)))
    client.endheaders()
    answer = client.getresponse()
    assert (answer.status, answer.getheader("Connection")) == (401, "close")
    client.close()
    assert ask(client, BASIC, large)[0] == 200
    client.close()


def test_what_the_switchboard_does_on_the_wire(sandbox: ExchangeSandbox) -> None:
    client = connection(sandbox)
    sandbox.faults.add(EwsFault(kind=FaultKind.HTTP, status=503, retry_after=7))
    client.request("POST", "/EWS/Exchange.asmx", GET_INBOX, BASIC)
    answer = client.getresponse()
    assert (answer.status, answer.getheader("Retry-After"), answer.read() != b"") == (503, "7", True)
    sandbox.faults.add(EwsFault(kind=FaultKind.HTTP, status=401))
    assert ask(client, BASIC)[0] == 401
    sandbox.faults.add(EwsFault(kind=FaultKind.QUIET))
    status, text = ask(client, BASIC)
    assert (status, b"ErrorInternalServerError" in text, b'Name="InnerErrorResponseCode">ErrorServerBusy' in text) == (200, True, True)
    sandbox.faults.add(EwsFault(kind=FaultKind.CUT, octets=50))
    with pytest.raises(http.client.IncompleteRead):
        ask(client, BASIC)
    client.close()
    sandbox.faults.add(EwsFault(kind=FaultKind.HANG, seconds=0.3))
    with pytest.raises((http.client.HTTPException, OSError)):
        ask(client, BASIC)
    client.close()
    assert ask(client, BASIC)[0] == 200
    client.close()


def test_an_answer_that_is_lost_was_carried_out(sandbox: ExchangeSandbox, mine: Account) -> None:
    draft = Message(account=mine, folder=mine.drafts, subject="Once", body="x", to_recipients=[SUPPORT])
    assert mine.drafts.total_count == 0
    sandbox.faults.lose_answer("CreateItem")
    with pytest.raises(Exception, match=r"(?i)connection|closed|abort"):
        draft.save()
    assert sandbox.subjects("drafts") == ["Once"]


def test_one_busy_item_of_a_batch_leaves_the_others_done(sandbox: ExchangeSandbox, mine: Account) -> None:
    drafts = [Message(account=mine, folder=mine.drafts, subject=f"{n}", body="x", to_recipients=[SUPPORT]) for n in range(3)]
    assert mine.drafts.total_count == 0
    sandbox.faults.refuse("ErrorServerBusy", "CreateItem", index=1)
    with pytest.raises(ErrorServerBusy):
        mine.bulk_create(mine.drafts, drafts)
    assert sandbox.subjects("drafts") == ["0", "2"]


def test_only_who_was_given_a_right_opens_anothers_folder(sandbox: ExchangeSandbox) -> None:
    other = GET_INBOX.replace(
        b'Id="inbox"/>', f'Id="inbox"><t:Mailbox><t:EmailAddress>{SUPPORT}</t:EmailAddress></t:Mailbox></t:DistinguishedFolderId>'.encode()
    )
    client = connection(sandbox)
    assert b"ErrorAccessDenied" in ask(client, BASIC, other)[1]
    with sandbox.organization.lock:
        rights = Node("t:DelegatePermissions", children=(Node("t:InboxFolderPermissionLevel", "Reviewer"),))
        sandbox.mailbox(SUPPORT).delegates[SALES] = Node("t:DelegateUser", children=(rights,))
    assert b"NoError" in ask(client, BASIC, other)[1]
    client.close()


def test_a_vanished_item_is_said_by_its_own_id(sandbox: ExchangeSandbox, mine: Account) -> None:
    sandbox.letters(1)
    found = mine.inbox.all()[0]
    found.delete()
    with pytest.raises(ErrorItemNotFound):
        mine.inbox.get(id=found.id or "AAMkc2J4AAAAAAEAAAAAAAAAFgAAAAAAAAAA")
