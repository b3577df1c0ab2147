"""What every Inbox keeps to: the memory twin, our sandbox's IMAP server and Exchange, and Dovecot."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from reconcile.mail.endpoint import Endpoint
from reconcile.mail.ews.inbox import EwsInbox
from reconcile.mail.ews.sessions import Sessions
from reconcile.mail.imap.inbox import ImapInbox
from reconcile.mail.memory_inbox import MemoryInbox, MemoryMailbox
from reconcile.mail.pop3.inbox import Pop3Inbox
from reconcile.mail.sign_in.password import PasswordSignIn
from reconcile.model.cursor import Cursor
from reconcile.model.remote_id import RemoteId
from reconcile.model.secret import Secret
from reconcile.ports.mail import Batch, Examine, Inbox, Listed
from support.dovecot import PASSWORD, Dovecot, running
from support.ews_accounts import account_of, position, restore
from support.exchange_sandbox import exchange_sandbox
from support.hostile import HOSTILE

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
USER = "sales@contoso.example"


@dataclass
class Box:
    """A mailbox behind one implementation. `hollow` makes a message listed but without content; None where that cannot be arranged."""

    inbox: Callable[[], Inbox]
    deliver: Callable[[bytes, datetime], None]
    expunge: Callable[[int], None] | None
    renumber: Callable[[], None]
    hollow: Callable[[int], None] | None = None
    nul: bytes = b"\x00"  # what the server makes of it
    #: What a server that tells no dates writes before a message when it arrives. It is left out of everything below.
    trace: Callable[[datetime], bytes] = lambda _: b""
    number: Callable[[RemoteId], int] = lambda remote: int(remote.value)
    ended: bool = False  # a text over POP3 ends with a line end, whatever the message does

    def given(self, raw: bytes) -> bytes:
        """What the server makes of it."""
        raw = raw.replace(b"\x00", self.nul)
        return raw if not self.ended or raw.endswith(b"\r\n") else raw + b"\r\n"

    def without_trace(self, raw: bytes) -> bytes:
        return raw[len(self.trace(NOW)) :] if self.trace(NOW) and raw.startswith(b"Received: by test") else raw


@pytest.fixture(scope="module")
def dovecot() -> Iterator[Dovecot]:
    with running(users={f"box{number}@contoso.example": PASSWORD for number in range(100)}) as server:
        server.fresh = iter(server.users)
        yield server


@pytest.fixture(params=["memory", "sandbox", "exchange", "dovecot", "dovecot pop3"])
def box(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Box]:
    if request.param.startswith("dovecot"):
        server: Dovecot = request.getfixturevalue("dovecot")
        user = next(server.fresh)
        server.deliver_all(user, [])
        validity = iter(range(5, 100))
    match request.param:
        case "memory":
            memory = MemoryMailbox()
            yield Box(
                inbox=lambda: MemoryInbox(memory),
                deliver=lambda message, received: memory.deliver(message, received) and None,
                expunge=memory.expunge,
                renumber=lambda: memory.renumber(memory.validity + 1),
                hollow=memory.hollow.add,
            )
        case "sandbox":
            from reconcile.sandbox.world import Place, World

            place = Place(directory=tmp_path, secrets_directory=tmp_path / "secrets")
            with World(place=place, mailboxes={"sales": USER}, now=lambda: NOW) as world:
                endpoint = Endpoint(host="localhost", port=world.ports.imaps, tls="implicit", authority=world.authority_file.read_bytes())
                password = Secret(world.password_file("sales").read_bytes())
                yield Box(
                    inbox=lambda: ImapInbox(endpoint, PasswordSignIn(USER, password)),
                    deliver=lambda message, received: world.deliver(USER, message, internal_date=received) and None,
                    expunge=None,
                    renumber=lambda: world.change_uid_validity(USER) and None,
                    hollow=lambda number: world.omit_from_fetch(USER, number),
                )
        case "exchange":
            with exchange_sandbox((USER,), now=NOW) as exchange:
                sessions = Sessions()
                yield Box(
                    inbox=lambda: EwsInbox(account_of(exchange, USER), sessions),
                    deliver=lambda message, received: exchange.deliver(message, USER, at=received),
                    expunge=None,
                    renumber=lambda: restore(exchange, USER),
                    number=lambda remote: position(exchange, remote.value, USER),
                )
        case "dovecot pop3":
            over_pop3 = Endpoint(host="localhost", port=server.pop3, tls="starttls", authority=server.authority)

            def trace(received: datetime) -> bytes:
                return received.strftime("Received: by test; %a, %d %b %Y %H:%M:%S +0000\r\n").encode()

            yield Box(
                inbox=lambda: Pop3Inbox(over_pop3, PasswordSignIn(user, Secret(PASSWORD.encode()))),
                deliver=lambda message, received: server.deliver(user, message and trace(received) + message),
                expunge=lambda number: server.expunge(user, number),
                renumber=lambda: server.renew_uidvalidity(user, next(validity)),
                trace=trace,
                ended=True,
                number=lambda remote: int(remote.value.partition(":")[2][:8], 16),
            )
        case _:
            over_imap = Endpoint(host="localhost", port=server.imap, tls="starttls", authority=server.authority)
            yield Box(
                inbox=lambda: ImapInbox(over_imap, PasswordSignIn(user, Secret(PASSWORD.encode()))),
                deliver=lambda message, received: server.deliver(user, message, received=received.timestamp()),
                expunge=lambda number: server.expunge(user, number),
                renumber=lambda: server.renew_uidvalidity(user, next(validity)),
                nul=b"\x80",
            )


@dataclass
class Seen:
    news: bool
    restarted: bool
    bodies: dict[str, bytes]
    batches: list[Batch]
    order: list[Listed]

    @property
    def cursor(self) -> Cursor:
        return self.batches[-1].cursor


def visit(
    box: Box,
    cursor: Cursor | None = None,
    *,
    since: datetime | None = None,
    retry: Sequence[RemoteId] = (),
    wanted: Callable[[Listed], bool] = lambda _: True,
    examine: Examine | None = None,
    careful: bool = False,
) -> Seen:
    inbox = box.inbox()
    bodies: dict[str, bytes] = {}
    order: list[Listed] = []

    def accept(listed: Listed, chunks: Iterator[bytes]) -> None:
        bodies[listed.remote_id.value] = box.without_trace(b"".join(chunks))
        order.append(listed)

    def dated(listed: Listed) -> bool:
        # Where the server tells no dates it is asked once before and once after the date is known.
        return (listed.received is None and bool(box.trace(NOW))) or wanted(listed)

    def examined(listed: Listed, header: bytes) -> bool:
        assert examine is not None
        return examine(listed, box.without_trace(header))

    asked = examined if examine is not None else None
    try:
        look = inbox.look(cursor)
        start = None if look.restarted else cursor
        batches = list(inbox.read(start, since=since, retry=retry, wanted=dated, accept=accept, examine=asked, careful=careful))
    finally:
        inbox.close()
        inbox.close()  # twice does no harm
    assert [listed for batch in batches for listed in batch.read] == order
    return Seen(look.news, look.restarted, bodies, batches, order)


def look(box: Box, cursor: Cursor | None) -> tuple[int, bool, bool]:
    inbox = box.inbox()
    try:
        found = inbox.look(cursor)
    finally:
        inbox.close()
    return found.messages, found.news, found.restarted


def message(number: int) -> bytes:
    return b"Message-ID: <%d@contoso.example>\r\nSubject: %d\r\n\r\nbody %d\r\n" % (number, number, number)


def test_an_empty_inbox_leaves_a_cursor_behind(box: Box) -> None:
    assert look(box, None) == (0, True, True)
    seen = visit(box)
    assert (seen.bodies, seen.restarted) == ({}, True)
    assert look(box, seen.cursor) == (0, False, False)


def test_everything_once_in_order_then_only_what_is_new(box: Box) -> None:
    for number in range(7):
        box.deliver(message(number), NOW - timedelta(hours=7 - number))
    seen = visit(box)
    assert [*seen.bodies.values()] == [message(number) for number in range(7)]
    assert [listed.received for listed in seen.order] == [NOW - timedelta(hours=7 - number) for number in range(7)]
    assert [listed.size for listed in seen.order] == [len(box.trace(NOW) + message(number)) for number in range(7)]
    assert look(box, seen.cursor) == (7, False, False)
    box.deliver(message(8), NOW)
    assert look(box, seen.cursor) == (8, True, False)
    again = visit(box, seen.cursor)
    assert [*again.bodies.values()] == [message(8)]


def test_each_batch_stands_for_itself(box: Box) -> None:
    """After a crash behind any batch, its cursor brings exactly the rest."""
    for number in range(7):
        box.deliver(message(number), NOW)
    seen = visit(box, careful=True)
    assert len(seen.batches) >= 7
    for index, batch in enumerate(seen.batches):
        done = [listed.remote_id.value for earlier in seen.batches[: index + 1] for listed in earlier.read]
        rest = visit(box, batch.cursor)
        assert sorted([*done, *rest.bodies]) == sorted(seen.bodies)


def test_what_is_not_wanted_is_counted_and_passed(box: Box) -> None:
    for number in range(4):
        box.deliver(message(number), NOW - timedelta(days=10 * (4 - number)))
    limit = NOW - timedelta(days=25)
    seen = visit(box, wanted=lambda listed: listed.received >= limit)
    assert [*seen.bodies.values()] == [message(2), message(3)]
    assert sum(batch.declined for batch in seen.batches) == 2
    assert not look(box, seen.cursor)[1]


def test_since_leaves_nothing_out_that_is_wanted(box: Box) -> None:
    limit = NOW - timedelta(days=20)
    for hours in (-72, -1, 0, 1, 72):
        box.deliver(message(hours), limit + timedelta(hours=hours))
    seen = visit(box, since=limit, wanted=lambda listed: listed.received >= limit)
    assert [*seen.bodies.values()] == [message(hours) for hours in (0, 1, 72)]
    assert not look(box, seen.cursor)[1]


def test_deleted_messages_do_not_disturb(box: Box) -> None:
    if box.expunge is None:
        for number in range(3):
            box.deliver(message(number), NOW)
        assert len(visit(box).bodies) == 3
        return
    for number in range(5):
        box.deliver(message(number), NOW)
    first = visit(box)
    box.expunge(2)
    box.expunge(5)
    box.deliver(message(9), NOW)
    assert [*visit(box, first.cursor).bodies.values()] == [message(9)]


def test_another_numbering_is_told_and_everything_listed_again(box: Box) -> None:
    for number in range(3):
        box.deliver(message(number), NOW)
    before = visit(box)
    box.renumber()
    seen = visit(box, before.cursor)
    assert seen.restarted
    assert sorted(seen.bodies.values()) == sorted(before.bodies.values())
    assert not look(box, seen.cursor)[1]


def test_without_content_is_missing_and_found_when_asked_again(box: Box) -> None:
    for number in range(3):
        box.deliver(message(number), NOW)
    if box.hollow is None:
        # No way to make this server do it; then asking again for what is there, and for what is not, is all there is to hold.
        seen = visit(box)
        second = seen.order[1].remote_id
        unknown = RemoteId(second.protocol, "77")
        again = visit(box, seen.cursor, retry=(second, unknown))
        assert [*again.bodies.values()] == [message(1)]
        assert again.batches[-1].vanished == (unknown,)
        return
    box.hollow(2)
    seen = visit(box)
    assert [*seen.bodies.values()] == [message(0), message(2)]
    (missing,) = [listed for batch in seen.batches for listed in batch.missing]
    assert missing.remote_id.value == "2"
    again = visit(box, seen.cursor, retry=(missing.remote_id,))
    assert [listed.remote_id for batch in again.batches for listed in batch.missing] == [missing.remote_id]


def test_hostile_messages_come_through_byte_for_byte(box: Box) -> None:
    # Line ends are the server's: Dovecot hands out CRLF whatever lies in its Maildir.
    sent = [raw.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n") for _, raw in HOSTILE]
    for raw in sent:
        box.deliver(raw, NOW)
    assert [*visit(box).bodies.values()] == [box.given(raw) for raw in sent]


def test_a_large_message_comes_in_chunks(box: Box) -> None:
    raw = message(1) + b"0123456789abcde\r\n" * 600_000
    box.deliver(raw, NOW)
    box.deliver(message(2), NOW)
    largest = 0
    inbox = box.inbox()
    bodies = []

    def accept(_: Listed, chunks: Iterator[bytes]) -> None:
        nonlocal largest
        parts = []
        for chunk in chunks:
            largest = max(largest, len(chunk))
            parts.append(chunk)
        bodies.append(b"".join(parts))

    inbox.look(None)
    list(inbox.read(None, since=None, retry=(), wanted=lambda _: True, accept=accept))
    inbox.close()
    assert [*map(box.without_trace, bodies)] == [raw, message(2)]
    assert largest <= 4 << 20


def test_an_error_of_accept_passes_through(box: Box) -> None:
    box.deliver(message(1), NOW)

    def accept(_: Listed, __: Iterator[bytes]) -> None:
        raise LookupError("mine")

    inbox = box.inbox()
    inbox.look(None)
    with pytest.raises(LookupError, match="mine"):
        list(inbox.read(None, since=None, retry=(), wanted=lambda _: True, accept=accept))
    inbox.close()


def numbered(raw: bytes) -> int:
    return int(raw.split(b"Subject: ")[1].split(b"\r\n")[0])


@pytest.mark.parametrize("careful", [False, True])
def test_headers_decide_before_bodies_are_fetched(box: Box, careful: bool) -> None:
    for number in range(8):
        box.deliver(message(number), NOW)
    heard: list[bytes] = []

    def examine(listed: Listed, header: bytes) -> bool:
        heard.append(header)
        return numbered(header) in (2, 7)

    seen = visit(box, examine=examine, careful=careful)
    assert heard == [message(number).partition(b"body")[0] for number in range(8)]
    assert [*seen.bodies.values()] == [message(2), message(7)]
    assert sum(batch.declined for batch in seen.batches) == 6
    assert not look(box, seen.cursor)[1]
    # After a crash behind any batch, its cursor brings exactly the rest.
    for index, batch in enumerate(seen.batches):
        done = [listed.remote_id.value for earlier in seen.batches[: index + 1] for listed in earlier.read]
        assert sorted([*done, *visit(box, batch.cursor, examine=examine).bodies]) == sorted(seen.bodies)


def test_only_what_is_wanted_is_examined(box: Box) -> None:
    for days in (30, 20, 10):
        box.deliver(message(days), NOW - timedelta(days=days))
    heard: list[int] = []

    def examine(_: Listed, header: bytes) -> bool:
        heard.append(numbered(header))
        return heard[-1] == 10

    seen = visit(box, wanted=lambda listed: listed.received >= NOW - timedelta(days=25), examine=examine)
    assert heard == [20, 10]
    assert [*seen.bodies.values()] == [message(10)]
    assert sum(batch.declined for batch in seen.batches) == 2


def test_a_long_header_is_cut_before_it_is_examined(box: Box) -> None:
    long = b"Subject: 1\r\n" + b"X-Filler: 0123456789\r\n" * 20_000 + b"\r\nbody\r\n"
    endless = b"Subject: 2\r\nX-Filler: " + b"x" * 300_000
    box.deliver(long, NOW)
    box.deliver(endless + b"\r\n\r\nbody\r\n", NOW)
    heard: list[bytes] = []
    seen = visit(box, examine=lambda _, header: heard.append(header) or True)
    cut = 256 * 1024 - len(box.trace(NOW))
    assert heard == [long[:cut], endless[:cut]]
    assert [*seen.bodies.values()] == [long, endless + b"\r\n\r\nbody\r\n"]


def test_without_a_header_it_is_missing_and_examined_when_asked_again(box: Box) -> None:
    for number in range(3):
        box.deliver(message(number), NOW)
    if box.hollow is None:
        seen = visit(box, examine=lambda _, header: True)
        unknown = RemoteId(seen.order[0].remote_id.protocol, "77")
        again = (seen.order[1].remote_id, seen.order[2].remote_id, unknown)
        second = visit(box, seen.cursor, retry=again, examine=lambda _, header: numbered(header) == 1)
        assert ([*second.bodies.values()], second.batches[-1].declined) == ([message(1)], 1)
        assert second.batches[-1].vanished == (unknown,)
        return
    box.hollow(2)
    seen = visit(box, examine=lambda _, header: numbered(header) != 0)
    assert [*seen.bodies.values()] == [message(2)]
    (missing,) = [listed for batch in seen.batches for listed in batch.missing]
    assert missing.remote_id.value == "2"
    second = visit(box, seen.cursor, retry=(missing.remote_id,), examine=lambda _, header: True)
    assert [listed.remote_id for batch in second.batches for listed in batch.missing] == [missing.remote_id]


def test_hostile_headers_are_examined_and_kept_byte_for_byte(box: Box) -> None:
    sent = [raw.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n") for _, raw in HOSTILE]
    for raw in sent:
        box.deliver(raw, NOW)
    seen = visit(box, examine=lambda _, header: True)
    missing = [box.number(listed.remote_id) for batch in seen.batches for listed in batch.missing]
    # Only what holds nothing at all may come without a header.
    assert not any(box.given(sent[number - 1]) for number in missing)
    left = [raw for number, raw in enumerate(sent, 1) if number not in missing]
    assert [*seen.bodies.values()] == [box.given(raw) for raw in left]


def test_what_examines_may_look_at_several_headers_before(box: Box) -> None:
    for number in range(8):
        box.deliver(message(number), NOW)
    foreseen: list[int] = []
    inbox = box.inbox()

    def examine(_: Listed, header: bytes) -> bool:
        # Where it is told at all, it is told of each before that one is asked for.
        assert not foreseen or numbered(header) in foreseen
        return numbered(header) == 3

    bodies = []
    inbox.look(None)
    list(
        inbox.read(
            None,
            since=None,
            retry=(),
            wanted=lambda listed: True,
            accept=lambda _, chunks: bodies.append(b"".join(chunks)),
            examine=examine,
            foresee=lambda several: foreseen.extend(numbered(header) for _, header in several),
        )
    )
    inbox.close()
    assert [box.without_trace(raw) for raw in bodies] == [message(3)]
    assert foreseen in ([], [*range(8)])


def test_of_several_messages_it_may_be_told_before_they_are_wanted(box: Box) -> None:
    for number in range(8):
        box.deliver(message(number), NOW)
    foretold: list[RemoteId] = []
    inbox = box.inbox()

    def wanted(listed: Listed) -> bool:
        # Whoever tells of one tells of all of them, each before it is asked for.
        assert listed.remote_id in foretold
        return box.number(listed.remote_id) == 3

    bodies = []
    inbox.look(None)
    list(
        inbox.read(
            None,
            since=None,
            retry=(),
            wanted=wanted,
            accept=lambda _, chunks: bodies.append(b"".join(chunks)),
            foretell=lambda several: foretold.extend(listed.remote_id for listed in several),
        )
    )
    inbox.close()
    assert len(bodies) == 1
    assert sorted(box.number(remote_id) for remote_id in foretold) == [*range(1, 9)]


def test_an_error_of_examine_passes_through(box: Box) -> None:
    box.deliver(message(1), NOW)

    def examine(_: Listed, __: bytes) -> bool:
        raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        visit(box, examine=examine)


def test_an_open_inbox_may_be_looked_at_again_and_read_again(box: Box) -> None:
    inbox = box.inbox()
    bodies: list[bytes] = []

    def look_and_read(cursor: Cursor | None) -> tuple[bool, Cursor | None]:
        found = inbox.look(cursor)
        if not found.news:
            return False, cursor
        start = None if found.restarted else cursor
        for batch in inbox.read(
            start, since=None, retry=(), wanted=lambda _: True, accept=lambda _, chunks: bodies.append(b"".join(chunks))
        ):
            cursor = batch.cursor
        return True, cursor

    try:
        cursor: Cursor | None = None
        for number in range(3):
            box.deliver(message(number), NOW)
            news, cursor = look_and_read(cursor)
            assert news
            assert look_and_read(cursor) == (False, cursor)
            assert look_and_read(cursor) == (False, cursor)
        assert [box.without_trace(raw) for raw in bodies] == [message(0), message(1), message(2)]
        # Without news it can be read all the same: what came without content before is asked for again.
        assert inbox.look(cursor).news is False
        again = list(inbox.read(cursor, since=None, retry=(), wanted=lambda _: True, accept=lambda _, chunks: [*chunks] and None))
        assert [batch.read for batch in again] == [()]
        assert cursor is not None
        assert again[-1].cursor == cursor
    finally:
        inbox.close()
