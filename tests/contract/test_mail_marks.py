"""What everything keeps to that may change mail at a server: the memory twin, our sandbox's Exchange, Dovecot over IMAP (with and without
MOVE), and over POP3 what that can."""

from __future__ import annotations

import imaplib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import pytest

from reconcile.errors import Unavailable
from reconcile.mail.endpoint import Endpoint
from reconcile.mail.ews.inbox import EwsInbox
from reconcile.mail.ews.marks import EwsMarks
from reconcile.mail.ews.sessions import Sessions
from reconcile.mail.imap.inbox import ImapInbox
from reconcile.mail.imap.marks import ImapMarks
from reconcile.mail.memory_inbox import MemoryInbox, MemoryMailbox
from reconcile.mail.memory_marks import MemoryMarks
from reconcile.mail.pop3.inbox import Pop3Inbox
from reconcile.mail.pop3.marks import Pop3Marks
from reconcile.mail.sign_in.password import PasswordSignIn
from reconcile.model.cursor import Cursor
from reconcile.model.remote_id import RemoteId
from reconcile.model.secret import Secret
from reconcile.ports.mail import Inbox
from reconcile.ports.mail_marks import MailMarks
from support.dovecot import PASSWORD, Dovecot, running
from support.ews_accounts import account_of, bodies, categories, restore
from support.exchange_sandbox import exchange_sandbox

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
USERS = [f"desk{number}@contoso.example" for number in range(20)]


@dataclass
class Desk:
    """A mailbox behind one implementation, and what stands in it as somebody else sees it."""

    marks: Callable[[], MailMarks]
    inbox: Callable[[], Inbox]
    deliver: Callable[[bytes], None]
    renumber: Callable[[], None]
    bodies: Callable[[], list[bytes]]
    keywords: Callable[[int], set[str]]
    folder: Callable[[str], list[bytes]]
    sent: Callable[[], list[bytes]]


def of_memory() -> Desk:
    server = MemoryMailbox(sent=[])
    return Desk(
        marks=lambda: MemoryMarks(server),
        inbox=lambda: MemoryInbox(server),
        deliver=lambda raw: server.deliver(raw, NOW) and None,
        renumber=lambda: server.renumber(server.validity + 1),
        bodies=lambda: [raw for raw, _ in server.messages.values()],
        keywords=lambda number: server.keywords.get(number, set()),
        folder=lambda name: server.folders.get(name, []),
        sent=lambda: server.sent or [],
    )


@contextmanager
def of_exchange() -> Iterator[Desk]:
    with exchange_sandbox((USERS[0],), now=NOW) as exchange:
        sessions = Sessions()
        yield Desk(
            marks=lambda: EwsMarks(account_of(exchange, USERS[0]), sessions),
            inbox=lambda: EwsInbox(account_of(exchange, USERS[0]), sessions),
            deliver=lambda raw: exchange.deliver(raw, USERS[0]),
            renumber=lambda: restore(exchange, USERS[0]),
            bodies=lambda: bodies(exchange, "inbox", USERS[0]),
            keywords=lambda number: {*categories(exchange, USERS[0])[number - 1]},
            folder=lambda name: bodies(exchange, name, USERS[0]),
            sent=lambda: bodies(exchange, "sentitems", USERS[0]),
        )


SENT = "namespace inbox {\n mailbox Sent {\n special_use = \\Sent\n auto = create\n }\n}\n"
#: As servers that have no MOVE: the messages are copied, then deleted.
WITHOUT_MOVE = "protocol imap {\n imap_capability = IMAP4rev1 UIDPLUS SPECIAL-USE LITERAL+\n}\n"


def of_dovecot(dovecot: Dovecot, *, pop3: bool = False) -> Desk:
    user = next(dovecot.fresh)
    dovecot.deliver_all(user, [])
    endpoint = Endpoint(host="localhost", port=dovecot.imap, tls="starttls", authority=dovecot.authority)
    account = PasswordSignIn(user, Secret(PASSWORD.encode()))
    validity = iter(range(5, 100))
    over_pop3 = replace(endpoint, port=dovecot.pop3)

    def keywords(number: int) -> set[str]:
        client = dovecot.client(user)
        client.select("INBOX", readonly=True)
        _, found = client.uid("FETCH", str(number), "(FLAGS)")
        client.shutdown()
        return {flag.decode() for flag in imaplib.ParseFlags(found[0])}

    def folder(name: str) -> list[bytes]:
        from imapclient.imap_utf7 import encode

        client = dovecot.client(user)
        kind, _ = client.select(b'"' + encode(name) + b'"', readonly=True)
        found = client.uid("FETCH", "1:*", "(BODY.PEEK[])")[1] if kind == "OK" else []
        client.shutdown()
        return [one[1] for one in found if isinstance(one, tuple)]

    return Desk(
        marks=lambda: Pop3Marks(over_pop3, account) if pop3 else ImapMarks(endpoint, account),
        inbox=lambda: Pop3Inbox(over_pop3, account) if pop3 else ImapInbox(endpoint, account),
        deliver=lambda raw: dovecot.deliver(user, raw),
        renumber=lambda: dovecot.renew_uidvalidity(user, next(validity)),
        bodies=lambda: [*dovecot.messages(user).values()],
        keywords=keywords,
        folder=folder,
        sent=lambda: folder("Sent"),
    )


@pytest.fixture(scope="module")
def dovecot() -> Iterator[Dovecot]:
    with running(users=dict.fromkeys(USERS, PASSWORD), extra=SENT, fresh=iter(USERS)) as server:
        yield server


@pytest.fixture(scope="module")
def dovecot_without_move() -> Iterator[Dovecot]:
    with running(users=dict.fromkeys(USERS, PASSWORD), extra=SENT + WITHOUT_MOVE, fresh=iter(USERS)) as server:
        yield server


@pytest.fixture
def exchange_desk() -> Iterator[Desk]:
    with of_exchange() as found:
        yield found


@pytest.fixture(params=["memory", "exchange", "dovecot", "dovecot without MOVE"])
def desk(request: pytest.FixtureRequest) -> Desk:
    match request.param:
        case "memory":
            return of_memory()
        case "exchange":
            found: Desk = request.getfixturevalue("exchange_desk")
            return found
        case "dovecot":
            return of_dovecot(request.getfixturevalue("dovecot"))
        case _:
            return of_dovecot(request.getfixturevalue("dovecot_without_move"))


@pytest.fixture(params=["memory", "exchange", "dovecot", "dovecot without MOVE", "dovecot pop3"])
def deleting(request: pytest.FixtureRequest) -> Desk:
    """All of them: over POP3 deleting is all that can be done."""
    match request.param:
        case "memory":
            return of_memory()
        case "exchange":
            found: Desk = request.getfixturevalue("exchange_desk")
            return found
        case "dovecot without MOVE":
            return of_dovecot(request.getfixturevalue("dovecot_without_move"))
        case "dovecot pop3":
            return of_dovecot(request.getfixturevalue("dovecot"), pop3=True)
        case _:
            return of_dovecot(request.getfixturevalue("dovecot"))


def message(number: int) -> bytes:
    return b"Message-ID: <%d@contoso.example>\r\nSubject: %d\r\n\r\nbody %d\r\n" % (number, number, number)


def read(desk: Desk) -> tuple[list[RemoteId], Cursor]:
    """Everything in the inbox, and the cursor behind it."""
    inbox = desk.inbox()
    try:
        inbox.look(None)
        batches = list(inbox.read(None, since=None, retry=(), wanted=lambda _: True, accept=lambda _, chunks: [*chunks] and None))
    finally:
        inbox.close()
    return [listed.remote_id for batch in batches for listed in batch.read], batches[-1].cursor


def filled(desk: Desk, count: int = 4) -> tuple[list[RemoteId], Cursor]:
    for number in range(1, count + 1):
        desk.deliver(message(number))
    return read(desk)


@pytest.fixture
def marks(desk: Desk) -> Iterator[MailMarks]:
    opened = desk.marks()
    yield opened
    opened.close()
    opened.close()  # twice does no harm


def test_only_these_are_deleted_and_again_does_nothing(deleting: Desk) -> None:
    ids, cursor = filled(deleting)
    marks = deleting.marks()
    assert {*marks.delete([ids[0], ids[2]], cursor=cursor)} == {ids[0], ids[2]}
    assert deleting.bodies() == [message(2), message(4)]
    assert {*marks.delete([ids[0], ids[2]], cursor=cursor)} == {ids[0], ids[2]}
    assert deleting.bodies() == [message(2), message(4)]
    marks.close()


def test_nothing_asked_is_nothing_done(deleting: Desk) -> None:
    _, cursor = filled(deleting)
    marks = deleting.marks()
    assert not marks.delete([], cursor=cursor)
    assert not marks.mark([], "Tracked", cursor=cursor)
    assert not marks.move([], "Undeliverable", cursor=cursor)
    assert len(deleting.bodies()) == 4
    marks.close()


def test_nothing_of_another_history_is_deleted(deleting: Desk) -> None:
    ids, cursor = filled(deleting)
    deleting.renumber()
    marks = deleting.marks()
    assert not marks.delete(ids, cursor=cursor)
    marks.close()
    assert sorted(deleting.bodies()) == [message(number) for number in range(1, 5)]


def test_ids_of_another_history_are_left_alone(desk: Desk) -> None:
    ids, cursor = filled(desk)
    desk.renumber()
    marks = desk.marks()
    assert not marks.delete(ids, cursor=cursor)
    assert not marks.mark(ids, "Tracked", cursor=cursor)
    assert not marks.move(ids, "Undeliverable", cursor=cursor)
    marks.close()
    assert sorted(desk.bodies()) == [message(number) for number in range(1, 5)]
    assert desk.folder("Undeliverable") == []


def test_ids_and_cursors_of_another_protocol_are_left_alone(desk: Desk, marks: MailMarks) -> None:
    ids, cursor = filled(desk)
    foreign = [RemoteId("pop3", remote.value) for remote in ids]
    assert not marks.delete(foreign, cursor=cursor)
    assert not marks.delete(ids, cursor=Cursor("pop3", cursor.value))
    assert len(desk.bodies()) == 4


def test_a_keyword_is_set_and_again_does_nothing(desk: Desk, marks: MailMarks) -> None:
    ids, cursor = filled(desk)
    for _ in range(2):
        assert {*marks.mark(ids[:2], "Tracked", cursor=cursor)} == {*ids[:2]}
    assert ["Tracked" in desk.keywords(number) for number in (1, 2, 3)] == [True, True, False]


def test_what_is_gone_counts_as_marked(desk: Desk, marks: MailMarks) -> None:
    ids, cursor = filled(desk)
    marks.delete([ids[1]], cursor=cursor)
    assert {*marks.mark(ids, "Tracked", cursor=cursor)} == {*ids}


def test_moved_to_a_folder_that_is_made_once(desk: Desk, marks: MailMarks) -> None:
    ids, cursor = filled(desk)
    assert {*marks.move([ids[1]], "Nicht zustellbar – Ä", cursor=cursor)} == {ids[1]}
    assert {*marks.move([ids[1], ids[3]], "Nicht zustellbar – Ä", cursor=cursor)} == {ids[1], ids[3]}
    assert desk.bodies() == [message(1), message(3)]
    assert desk.folder("Nicht zustellbar – Ä") == [message(2), message(4)]


def test_a_sent_copy_is_kept_once(desk: Desk, marks: MailMarks) -> None:
    assert marks.sent("<1@contoso.example>") == []
    for _ in range(2):
        assert marks.keep_sent(message(1), message_id="<1@contoso.example>", at=NOW) is True
    (held,) = marks.sent("<1@contoso.example>") or ()
    assert b"<1@contoso.example>" in held
    assert desk.sent() == [message(1)]


def test_a_message_id_is_compared_as_a_whole(desk: Desk, marks: MailMarks) -> None:
    marks.keep_sent(message(11), message_id="<11@contoso.example>", at=NOW)
    assert marks.sent("<1@contoso.example>") == []
    assert marks.sent("1@contoso") == []
    assert marks.sent('<"\\"@contoso.example>') == []


def test_inbox_and_sent_take_turns(desk: Desk, marks: MailMarks) -> None:
    ids, cursor = filled(desk)
    marks.mark([ids[0]], "Tracked", cursor=cursor)
    marks.keep_sent(message(9), message_id="<9@contoso.example>", at=NOW)
    marks.delete([ids[0]], cursor=cursor)
    assert desk.bodies() == [message(2), message(3), message(4)]
    assert desk.sent() == [message(9)]


def test_a_closed_connection_is_not_used(deleting: Desk) -> None:
    ids, cursor = filled(deleting)
    marks = deleting.marks()
    marks.close()
    with pytest.raises(Unavailable):
        marks.delete(ids, cursor=cursor)
    assert len(deleting.bodies()) == 4
