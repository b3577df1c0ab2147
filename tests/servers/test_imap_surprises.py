"""What odd, broken and hostile IMAP servers send."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
import trustme

from reconcile.errors import PermanentError, ReconcileError, Throttled, TimedOut, Unavailable
from reconcile.mail.endpoint import Endpoint
from reconcile.mail.imap import parts, stream
from reconcile.mail.imap.inbox import ImapInbox
from reconcile.mail.sign_in.password import PasswordSignIn
from reconcile.model.secret import Secret
from reconcile.ports.mail import Batch, Examine, Listed
from support.imap_script import GREETING, LOGIN, Conversation, Step, examined, expect, scripted, tls

PASSWORD = "s3cret-of-the-mailbox"


def visit(
    *steps: Step,
    tls_mode: str = "none",
    authority: bytes | None = None,
    silence: float = 5,
    since: datetime | None = None,
    examine: Examine | None = None,
) -> tuple[dict[str, bytes], list[Batch], list[bytes]]:
    bodies: dict[str, bytes] = {}

    def accept(listed: Listed, chunks: Iterator[bytes]) -> None:
        bodies[listed.remote_id.value] = b"".join(chunks)

    with scripted(*steps) as (port, heard, wrong):
        endpoint = Endpoint(host="127.0.0.1", port=port, tls=tls_mode, authority=authority, connect_timeout=5, silence_timeout=silence)
        inbox = ImapInbox(endpoint, PasswordSignIn("sales@contoso.example", Secret(PASSWORD.encode())))
        try:
            inbox.look(None)
            batches = list(inbox.read(None, since=since, retry=(), wanted=lambda _: True, accept=accept, examine=examine))
        finally:
            inbox.close()
    assert not wrong, wrong
    return bodies, batches, heard


SEARCHED = (expect(b"UID SEARCH UID 1:*"), b"* SEARCH 5\r\nTAG OK done\r\n")
ONE = (
    *examined(1, next_uid=6),
    *SEARCHED,
    expect(b"UID FETCH 1:* (UID INTERNALDATE RFC822.SIZE)"),
    b'* 1 FETCH (UID 5 INTERNALDATE " 1-Mar-2026 10:00:00 +0100" RFC822.SIZE 4)\r\nTAG OK done\r\n',
    expect(b"UID FETCH 5 (UID BODY.PEEK[])"),
)


@pytest.mark.parametrize(
    "answer",
    [
        b"* 1 FETCH (UID 5 BODY[] {4}\r\nmail)\r\n",
        b"* 1 FETCH (BODY[] {4}\r\nmail UID 5)\r\n",
        b"* 1 FETCH (FLAGS (\\Seen $Label) UID 5 BODY[] {4}\r\nmail MODSEQ (12))\r\n",
        b"* 1 FETCH (UID 5 BODY[] {4}\r\nmail FLAGS (\\Seen))\r\n",
        b"* 1 fetch (uid 5 body[] {4}\r\nmail)\r\n",
        b"* 1 FETCH (UID 5 BODY[] ~{4}\r\nmail)\r\n",
        b'* 1 FETCH (UID 5 BODY[] "mail")\r\n',
        b'* 1 FETCH (X-GM-LABELS ("a b" {2}\r\n)) ) UID 5 BODY[] {4}\r\nmail)\r\n',
        b"* 2 EXISTS\r\n* 9 FETCH (FLAGS (\\Seen))\r\n* 1 RECENT\r\n* OK still here\r\n* 1 FETCH (UID 5 BODY[] {4}\r\nmail)\r\n* 1 EXPUNGE\r\n",
        b"* 7 FETCH (UID 99 BODY[] {5}\r\nother)\r\n* 1 FETCH (UID 5 BODY[] {4}\r\nmail)\r\n",
        b"* OK [ALERT] {3}\r\nabc more\r\n* 1 FETCH (UID 5 BODY[] {4}\r\nmail)\r\n",
    ],
)
def test_items_in_any_order_and_what_nobody_asked_for(answer: bytes) -> None:
    bodies, batches, _ = visit(*ONE, answer + b"TAG OK done\r\n")
    assert bodies == {"5": b"mail"}
    assert batches[-1].read[0].received.isoformat() == "2026-03-01T09:00:00+00:00"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "answer",
    [
        b"* 1 FETCH (UID 5 BODY[] NIL)\r\nTAG OK done\r\n",
        b"TAG OK nothing\r\n",
        b"* 1 FETCH (UID 5 FLAGS ())\r\nTAG OK done\r\n",
        b"TAG NO cannot render this one\r\n",
    ],
)
def test_without_content_is_missing(answer: bytes) -> None:
    bodies, batches, _ = visit(*ONE, answer)
    assert bodies == {}
    assert [listed.remote_id.value for batch in batches for listed in batch.missing] == ["5"]


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (b"* 1 FETCH (UID 5 BODY[] {400}\r\nmail", Unavailable),
        (b"* 1 FETCH (UID 5 BOD", Unavailable),
        (b"* 1 FETCH (UID 5 BODY[] {4}\r\nmail", Unavailable),
        (b"* BYE shutting down\r\n", Unavailable),
        (b"HTTP/1.1 400 Bad Request\r\n", Unavailable),
        (b"TAG BAD Suggested Backoff Time: 90000 milliseconds\r\n", Throttled),
        (b"TAG BAD what?\r\n", Unavailable),
    ],
)
def test_a_broken_answer_keeps_nothing_of_the_batch(answer: bytes, error: type[ReconcileError]) -> None:
    with pytest.raises(error) as caught:
        visit(*ONE, answer)
    if isinstance(caught.value, Throttled):
        assert caught.value.retry_after == 90


def test_silence_ends() -> None:
    with pytest.raises(TimedOut):
        visit(*ONE, expect(b"never"), silence=0.5)


def test_a_wrong_size_does_not_matter() -> None:
    bodies, _, _ = visit(
        *examined(1, next_uid=6),
        *SEARCHED,
        expect(b"UID FETCH"),
        b"* 1 FETCH (UID 5 RFC822.SIZE 999999999999)\r\nTAG OK done\r\n",
        expect(b"BODY.PEEK[]<0.2097152>"),
        b"* 1 FETCH (UID 5 BODY[]<0> {4}\r\nmail)\r\nTAG OK done\r\n",
    )
    assert bodies == {"5": b"mail"}


def test_without_uidnext_it_searches() -> None:
    bodies, batches, _ = visit(
        *examined(2, validity=0),
        expect(b"UID SEARCH UID 1:*"),
        b"* SEARCH 7 5\r\nTAG OK done\r\n",
        expect(b"UID FETCH * (UID INTERNALDATE RFC822.SIZE)"),
        b"* 2 FETCH (UID 7 RFC822.SIZE 1)\r\nTAG OK done\r\n",
        expect(b"UID FETCH 5 (UID INTERNALDATE RFC822.SIZE)"),
        b"* 1 FETCH (UID 5 RFC822.SIZE 1)\r\nTAG OK done\r\n",
        expect(b"UID FETCH 5 (UID BODY.PEEK[])"),
        b"* 1 FETCH (UID 5 BODY[] {1}\r\na)\r\nTAG OK done\r\n",
        expect(b"UID FETCH 7 (UID BODY.PEEK[])"),
        b"* 2 FETCH (UID 7 BODY[] {1}\r\nb)\r\nTAG OK done\r\n",
    )
    assert bodies == {"5": b"a", "7": b"b"}
    assert [listed.received for batch in batches for listed in batch.read] == [None, None]


def test_without_uidnext_a_deletion_and_an_arrival_are_not_taken_for_nothing() -> None:
    listed = (
        expect(b"SEARCH"),
        b"* SEARCH 5\r\nTAG OK done\r\n",
        expect(b"UID FETCH *"),
        b"* 1 FETCH (UID 5 RFC822.SIZE 1)\r\nTAG OK x\r\n",
    )
    read_one = (expect(b"UID FETCH 5"), b"* 1 FETCH (UID 5 BODY[] {1}\r\na)\r\nTAG OK done\r\n")
    _, batches, _ = visit(*examined(1), *listed, *read_one)
    with scripted(*examined(1)) as (port, _, _):
        inbox = ImapInbox(Endpoint(host="127.0.0.1", port=port, tls="none"), PasswordSignIn("sales@contoso.example", Secret(b"pw")))
        found = inbox.look(batches[-1].cursor)
        inbox.close()
    assert (found.news, found.restarted) == (True, False)


DATES = b"UID FETCH 1:* (UID INTERNALDATE RFC822.SIZE)"
FIVE_AND_NINE = (
    expect(b"UID FETCH 5,9 (UID BODY.PEEK[])"),
    b"* 1 FETCH (UID 5 BODY[] {1}\r\na)\r\n* 2 FETCH (UID 9 BODY[] {1}\r\nb)\r\nTAG OK x\r\n",
)


@pytest.mark.parametrize(
    "answer",
    [
        # Out of order, repeated, with another size, without a date, with an impossible one, below what was asked for.
        b"* 2 FETCH (UID 9 RFC822.SIZE 1)\r\n* 1 FETCH (UID 5 RFC822.SIZE 1)\r\n",
        b"* 1 FETCH (UID 5 RFC822.SIZE 1)\r\n* 2 FETCH (UID 9 RFC822.SIZE 1)\r\n* 1 FETCH (UID 5 RFC822.SIZE 70)\r\n",
        b'* 1 FETCH (UID 5 INTERNALDATE NIL RFC822.SIZE 1)\r\n* 2 FETCH (UID 9 INTERNALDATE "31-Feb-2026 25:00:00 +9999" RFC822.SIZE 1)\r\n',
        b"* 1 FETCH (UID 5 RFC822.SIZE NIL)\r\n* 2 FETCH (UID 9 RFC822.SIZE -3)\r\n",
        b"* 1 FETCH (UID 5 RFC822.SIZE 99999999999999999999999999)\r\n* 2 FETCH (UID 9 RFC822.SIZE 1)\r\n",
        b"* 1 FETCH (UID 5 RFC822.SIZE 1)\r\n* 2 FETCH (UID 0 RFC822.SIZE 1)\r\n* 2 FETCH (UID 9 RFC822.SIZE 1)\r\n",
        b"* 1 FETCH (UID 5 RFC822.SIZE 1)\r\n* 2 FETCH (UID 99999999999 RFC822.SIZE 1)\r\n* 2 FETCH (UID 9 RFC822.SIZE 1)\r\n",
        b"* 1 FETCH (UID 5 RFC822.SIZE 1)\r\n* OK [ALERT] maintenance tonight\r\n* NO disk is getting full\r\n* 2 FETCH (UID 9 RFC822.SIZE 1)\r\n",
        b"* 1 FETCH (UID 5 RFC822.SIZE 1)\r\n* FLAGS (a)\r\n* LIST () NIL {3}\r\na)b\r\n* X-NEW (1 2)\r\n* 2 FETCH (UID 9 RFC822.SIZE 1)\r\n",
        b"* 1 FETCH (UID 5 RFC822.SIZE 1)\r\n* 7 EXISTS\r\n* 2 EXPUNGE\r\n* 2 FETCH (UID 9 RFC822.SIZE 1)\r\n* 2 EXISTS\r\n",
        b"* 1 FETCH (UID 5 RFC822.SIZE 1)\r\n+ idling\r\n* 2 FETCH (UID 9 RFC822.SIZE 1)\r\n",
    ],
)
def test_listings_that_lie(answer: bytes) -> None:
    bodies, batches, _ = visit(
        *examined(2, next_uid=10),
        expect(b"UID SEARCH UID 1:*"),
        b"* SEARCH 9 5 5\r\n* SEARCH\r\nTAG OK done\r\n",
        expect(DATES),
        answer + b"TAG OK done\r\n",
        *FIVE_AND_NINE,
    )
    assert bodies == {"5": b"a", "9": b"b"}
    assert sum(batch.declined for batch in batches) == 0


@pytest.mark.parametrize(("exists", "unlisted"), [(0, 0), (1, 0), (2, 0), (5, 3)])
def test_counts_that_lie_are_told(exists: int, unlisted: int) -> None:
    """What the server counts but does not list keeps the inbox from being called read."""
    _, batches, _ = visit(
        *examined(exists, next_uid=10),
        expect(b"SEARCH"),
        b"* SEARCH 5 9\r\nTAG OK done\r\n",
        expect(DATES),
        b"* 1 FETCH (UID 5 RFC822.SIZE 1)\r\n* 2 FETCH (UID 9 RFC822.SIZE 1)\r\nTAG OK done\r\n",
        *FIVE_AND_NINE,
    )
    assert (batches[-1].messages, batches[-1].unlisted) == (exists, unlisted)


def test_what_shrinks_while_it_is_read_is_missing_not_fatal() -> None:
    bodies, batches, _ = visit(
        *examined(2, next_uid=10),
        expect(b"SEARCH"),
        b"* SEARCH 5 9\r\nTAG OK done\r\n",
        expect(DATES),
        b"* 1 FETCH (UID 5 RFC822.SIZE 1)\r\n* 2 FETCH (UID 9 RFC822.SIZE 1)\r\nTAG OK done\r\n",
        expect(b"UID FETCH 5,9"),
        b"* 1 EXPUNGE\r\n* 1 EXISTS\r\n* 1 FETCH (UID 9 BODY[] {1}\r\nb)\r\nTAG NO [EXPUNGEISSUED] some are gone\r\n",
    )
    assert bodies == {"9": b"b"}
    assert [listed.remote_id.value for batch in batches for listed in batch.missing] == ["5"]
    assert batches[-1].messages == 1


@pytest.mark.parametrize(
    "answer", [b"* 1 FETCH (UID 5 BODY[] {99999999999999999999}\r\n", b"* 1 FETCH (UID 5 BODY[] {4294967296}\r\nmail)\r\n"]
)
def test_sizes_of_literals_that_nothing_can_hold_end_the_connection(answer: bytes) -> None:
    with pytest.raises((Unavailable, TimedOut)):
        visit(*ONE, answer, silence=1)


def test_a_literal_larger_than_memory_may_hold_is_read_past_and_asked_for_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "LONGEST_LITERAL", 1000)
    bodies, _, _ = visit(
        *ONE,
        b"* 1 FETCH (UID 5 BODY[] {5000}\r\n" + b"x" * 5000 + b")\r\nTAG OK done\r\n",
        expect(b"UID FETCH 5 (UID BODY.PEEK[]<0.2097152>)"),
        b"* 1 FETCH (UID 5 BODY[]<0> {4}\r\nmail)\r\nTAG OK done\r\n",
    )
    assert bodies == {"5": b"mail"}


def test_a_message_without_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "PART_BYTES", 1000)
    monkeypatch.setattr(parts, "_BEYOND_CLAIM", 20_000)

    def go_on(conversation: Conversation) -> None:
        while b"BODY" in (line := conversation.line()):
            tag, offset = line.split()[0], int(line.rpartition(b"<")[2].partition(b".")[0])
            body = b"* 1 FETCH (UID 5 BODY[]<%d> {1000}\r\n%s)\r\n%s OK x\r\n" % (offset, b"x" * 1000, tag)
            conversation.connection.sendall(body)

    listing = b"* 1 FETCH (UID 5 RFC822.SIZE 5000000)\r\nTAG OK done\r\n"
    with pytest.raises(Unavailable, match="goes on behind"):
        visit(*examined(1, next_uid=6), *SEARCHED, expect(b"UID FETCH"), listing, go_on)


def examine_all(listed: Listed, header: bytes) -> bool:
    return header.startswith(b"Subject: yes")


HEADERS = (
    *examined(2, next_uid=10),
    expect(b"SEARCH"),
    b"* SEARCH 5 9\r\nTAG OK done\r\n",
    expect(DATES),
    b"* 1 FETCH (UID 5 RFC822.SIZE 1)\r\n* 2 FETCH (UID 9 RFC822.SIZE 1)\r\nTAG OK done\r\n",
    expect(b"UID FETCH 5,9 (UID BODY.PEEK[HEADER]<0.262144>)"),
)
NINE = (expect(b"UID FETCH 9 (UID BODY.PEEK[])"), b"* 2 FETCH (UID 9 BODY[] {12}\r\nSubject: yes)\r\nTAG OK x\r\n")


@pytest.mark.parametrize(
    ("answer", "missing"),
    [
        (b"* 1 FETCH (UID 5 BODY[HEADER]<0> {11}\r\nSubject: no)\r\n* 2 FETCH (UID 9 BODY[HEADER]<0> {12}\r\nSubject: yes)\r\n", 0),
        (b'* 2 FETCH (BODY[HEADER] "Subject: yes" UID 9)\r\n* 1 FETCH (FLAGS () BODY[HEADER] {11}\r\nSubject: no UID 5)\r\n', 0),
        (b"* 2 FETCH (UID 9 BODY[HEADER]<0> {12}\r\nSubject: yes)\r\n", 1),
        (b"* 1 FETCH (UID 5 BODY[HEADER] NIL)\r\n* 2 FETCH (UID 9 body[header]<0> {12}\r\nSubject: yes)\r\n", 1),
        (b'* 1 FETCH (UID 5 BODY[HEADER] "")\r\n* 2 FETCH (UID 9 BODY[HEADER]<0> {12}\r\nSubject: yes)\r\n', 1),
        (b"* 1 FETCH (UID 5 BODY[HEADER] {0}\r\n)\r\n* 2 FETCH (UID 9 BODY[HEADER]<0> {12}\r\nSubject: yes)\r\n", 1),
    ],
)
def test_headers_in_every_shape(answer: bytes, missing: int) -> None:
    bodies, batches, _ = visit(*HEADERS, answer + b"TAG OK done\r\n", *NINE, examine=examine_all)
    assert bodies == {"9": b"Subject: yes"}
    assert [listed.remote_id.value for batch in batches for listed in batch.missing] == ["5"] * missing
    assert sum(batch.declined for batch in batches) == 1 - missing


def test_one_header_that_cannot_be_given_does_not_stop_the_others() -> None:
    answer = b"* 2 FETCH (UID 9 BODY[HEADER]<0> {12}\r\nSubject: yes)\r\nTAG NO cannot render all\r\n"
    bodies, batches, _ = visit(*HEADERS, answer, *NINE, examine=examine_all)
    assert bodies == {"9": b"Subject: yes"}
    assert [listed.remote_id.value for batch in batches for listed in batch.missing] == ["5"]


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (b"TAG NO nothing at all\r\n", Unavailable),
        (b"TAG BAD Suggested Backoff Time: 90000 milliseconds\r\n", Throttled),
        (b"* 1 FETCH (UID 5 BODY[HEADER]<0> {11}\r\nSubj", Unavailable),
        (b"* BYE\r\n", Unavailable),
    ],
)
def test_headers_that_break_off_decide_nothing(answer: bytes, error: type[ReconcileError]) -> None:
    with pytest.raises(error):
        visit(*HEADERS, answer, examine=examine_all)


FLOOR = datetime(2026, 2, 1, tzinfo=UTC)


@pytest.mark.parametrize("since", [None, FLOOR])
def test_a_message_that_is_announced_but_not_listed_is_looked_for_again(since: datetime | None) -> None:
    _, batches, _ = visit(
        *examined(2, next_uid=7),
        *SEARCHED,
        expect(b"UID FETCH 1:*"),
        b"* 1 FETCH (UID 5 RFC822.SIZE 1)\r\nTAG OK done\r\n",
        expect(b"UID FETCH 5"),
        b"* 1 FETCH (UID 5 BODY[] {1}\r\na)\r\nTAG OK done\r\n",
        since=since,
    )
    cursor = batches[-1].cursor
    with scripted(*examined(2, next_uid=7)) as (port, _, _):
        inbox = ImapInbox(
            Endpoint(host="127.0.0.1", port=port, tls="none"), PasswordSignIn("sales@contoso.example", Secret(PASSWORD.encode()))
        )
        found = inbox.look(cursor)
        inbox.close()
    assert (found.news, found.restarted) == (True, False)


MANY = (
    *examined(3, next_uid=5000),
    expect(b"UID SEARCH UID 1:* SINCE 31-Jan-2026"),
    b"* SEARCH 10 4990\r\nTAG OK done\r\n",
    expect(b"UID FETCH 4800:* (UID INTERNALDATE RFC822.SIZE)"),
)
OF_MARCH = b'* %d FETCH (UID %d INTERNALDATE " 1-Mar-2026 10:00:00 +0100" RFC822.SIZE 1)\r\n'


def test_what_a_search_by_date_does_not_find_yet_is_found_at_the_end() -> None:
    bodies, _, _ = visit(
        *MANY,
        OF_MARCH % (2, 4990) + OF_MARCH % (3, 4999) + b"TAG OK done\r\n",
        expect(b"UID FETCH 10 (UID INTERNALDATE RFC822.SIZE)"),
        OF_MARCH % (1, 10) + b"TAG OK done\r\n",
        expect(b"UID FETCH 10 (UID BODY.PEEK[])"),
        b"* 1 FETCH (UID 10 BODY[] {1}\r\na)\r\nTAG OK done\r\n",
        expect(b"UID FETCH 4990,4999 (UID BODY.PEEK[])"),
        b"* 2 FETCH (UID 4990 BODY[] {1}\r\nb)\r\n* 3 FETCH (UID 4999 BODY[] {1}\r\nc)\r\nTAG OK done\r\n",
        since=FLOOR,
    )
    assert bodies == {"10": b"a", "4990": b"b", "4999": b"c"}


def test_where_the_end_is_not_shown_yet_the_next_look_has_news() -> None:
    _, batches, _ = visit(
        *MANY,
        OF_MARCH % (2, 4990) + b"TAG OK done\r\n",
        expect(b"UID FETCH 10"),
        OF_MARCH % (1, 10) + b"TAG OK done\r\n",
        expect(b"UID FETCH 10"),
        b"* 1 FETCH (UID 10 BODY[] {1}\r\na)\r\nTAG OK done\r\n",
        expect(b"UID FETCH 4990"),
        b"* 2 FETCH (UID 4990 BODY[] {1}\r\nb)\r\nTAG OK done\r\n",
        since=FLOOR,
    )
    with scripted(*examined(3, next_uid=5000)) as (port, _, _):
        inbox = ImapInbox(
            Endpoint(host="127.0.0.1", port=port, tls="none"), PasswordSignIn("sales@contoso.example", Secret(PASSWORD.encode()))
        )
        assert inbox.look(batches[-1].cursor).news
        inbox.close()


def test_uidnext_that_goes_back_means_another_history() -> None:
    _, batches, _ = visit(*ONE, b"* 1 FETCH (UID 5 BODY[] {4}\r\nmail)\r\nTAG OK done\r\n")
    steps = (
        *LOGIN,
        expect(b"STATUS"),
        b"* STATUS INBOX (MESSAGES 1 UIDNEXT 3 UIDVALIDITY 1)\r\nTAG OK done\r\n",
        *examined(1, next_uid=3)[len(LOGIN) :],
    )
    with scripted(*steps) as (port, _, wrong):
        inbox = ImapInbox(
            Endpoint(host="127.0.0.1", port=port, tls="none"), PasswordSignIn("sales@contoso.example", Secret(PASSWORD.encode()))
        )
        assert inbox.look(batches[-1].cursor).restarted
        inbox.close()
    assert not wrong


class TestTls:
    @pytest.fixture
    def authority(self) -> trustme.CA:
        return trustme.CA()

    def server(self, authority: trustme.CA, *names: str) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(*names).configure_cert(context)
        return context

    def test_starttls_is_never_optional(self) -> None:
        with pytest.raises(PermanentError, match="does not offer STARTTLS"):
            visit(*GREETING, tls_mode="starttls")

    def test_a_refused_starttls_ends_it(self) -> None:
        steps = (
            b"* OK hi\r\n",
            expect(b"CAPABILITY"),
            b"* CAPABILITY IMAP4rev1 STARTTLS\r\nTAG OK done\r\n",
            expect(b"STARTTLS"),
            b"TAG NO not now\r\n",
        )
        with scripted(*steps) as (port, heard, _), pytest.raises(ReconcileError, match="TLS"):
            ImapInbox(Endpoint(host="127.0.0.1", port=port, tls="starttls"), PasswordSignIn("u", Secret(PASSWORD.encode()))).look(None)
        assert not any(PASSWORD.encode() in line for line in heard)

    @pytest.mark.parametrize("mode", ["starttls", "none"])
    def test_preauth_is_refused(self, mode: str) -> None:
        with pytest.raises(PermanentError, match="PREAUTH"):
            visit(b"* PREAUTH welcome\r\n", expect(b"CAPABILITY"), b"* CAPABILITY IMAP4rev1 STARTTLS\r\nTAG OK done\r\n", tls_mode=mode)

    def test_data_before_the_handshake_is_refused(self, authority: trustme.CA) -> None:
        context = self.server(authority, "127.0.0.1")
        steps = (
            b"* OK hi\r\n",
            expect(b"CAPABILITY"),
            b"* CAPABILITY IMAP4rev1 STARTTLS\r\nTAG OK done\r\n",
            expect(b"STARTTLS"),
            b"TAG OK begin\r\n* CAPABILITY IMAP4rev1 AUTH=EVIL\r\n",
            tls(context),
        )
        with scripted(*steps) as (port, heard, _):
            endpoint = Endpoint(host="127.0.0.1", port=port, tls="starttls", authority=authority.cert_pem.bytes(), silence_timeout=5)
            with pytest.raises(Unavailable, match="in clear after STARTTLS"):
                ImapInbox(endpoint, PasswordSignIn("u", Secret(PASSWORD.encode()))).look(None)
        assert not any(PASSWORD.encode() in line for line in heard)

    @pytest.mark.parametrize(("names", "trusted"), [(("other.contoso.example",), True), (("127.0.0.1",), False)])
    def test_a_wrong_name_or_authority_is_refused(self, authority: trustme.CA, names: tuple[str, ...], trusted: bool) -> None:
        pem = authority.cert_pem.bytes() if trusted else trustme.CA().cert_pem.bytes()
        with scripted(tls(self.server(authority, *names))) as (port, heard, _), pytest.raises(PermanentError, match="certificate"):
            ImapInbox(
                Endpoint(host="127.0.0.1", port=port, tls="implicit", authority=pem), PasswordSignIn("u", Secret(PASSWORD.encode()))
            ).look(None)
        assert heard == []

    def test_old_protocols_are_refused(self, authority: trustme.CA) -> None:
        context = self.server(authority, "127.0.0.1")
        import warnings

        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            context.minimum_version = ssl.TLSVersion.TLSv1_1
            context.maximum_version = ssl.TLSVersion.TLSv1_1
        context.set_ciphers("ALL:@SECLEVEL=0")
        pem = authority.cert_pem.bytes()
        with scripted(tls(context)) as (port, _, _), pytest.raises(ReconcileError) as caught:
            ImapInbox(
                Endpoint(host="127.0.0.1", port=port, tls="implicit", authority=pem), PasswordSignIn("u", Secret(PASSWORD.encode()))
            ).look(None)
        # What OpenSSL says depends on who ends the handshake.
        assert isinstance(caught.value, PermanentError)
        assert "old version of TLS" in str(caught.value)
        assert "1.2" in caught.value.hint

    @pytest.mark.parametrize("mode", ["implicit", "starttls"])
    def test_a_client_certificate_is_shown_where_it_is_asked_for(self, authority: trustme.CA, mode: str) -> None:
        context = self.server(authority, "127.0.0.1")
        context.verify_mode = ssl.CERT_REQUIRED
        authority.configure_trust(context)
        ours = authority.issue_cert("sales@contoso.example")
        pem = Secret(ours.private_key_and_cert_chain_pem.bytes())
        offering = (*GREETING[:2], b"* CAPABILITY IMAP4rev1 STARTTLS\r\nTAG OK done\r\n", expect(b"STARTTLS"), b"TAG OK go\r\n")
        before = offering if mode == "starttls" else ()
        behind = GREETING[1:] if mode == "starttls" else GREETING
        seen: list[object] = []

        def look(conversation: Conversation) -> None:
            seen.append(conversation.connection.getpeercert())  # type: ignore[attr-defined]

        steps = (*before, tls(context), look, *behind, expect(b"LOGIN"), b"TAG OK in\r\n", *examined(0, next_uid=1)[-2:])
        for client in (pem, None):
            with scripted(*steps) as (port, heard, _):
                endpoint = Endpoint(
                    host="127.0.0.1", port=port, tls=mode, authority=authority.cert_pem.bytes(), client=client, silence_timeout=5
                )
                inbox = ImapInbox(endpoint, PasswordSignIn("u", Secret(PASSWORD.encode())))
                if client is not None:
                    assert inbox.look(None).messages == 0
                    assert len(seen) == 1
                else:
                    with pytest.raises(ReconcileError):
                        inbox.look(None)
                    assert not any(PASSWORD.encode() in line for line in heard)
                inbox.close()


def test_a_password_that_no_quoted_string_holds_goes_as_sasl_plain() -> None:
    import base64

    steps = (*GREETING, expect(b"AUTHENTICATE PLAIN"), b"+ \r\n", expect(b""), b"TAG NO no\r\n")
    with scripted(*steps) as (port, heard, _), pytest.raises(ReconcileError):
        ImapInbox(Endpoint(host="127.0.0.1", port=port, tls="none"), PasswordSignIn("u", Secret('p\r\nA1 DELETE "INBOX"ü'.encode()))).look(
            None
        )
    assert not any(b"DELETE" in line for line in heard)
    assert base64.b64encode('\0u\0p\r\nA1 DELETE "INBOX"ü'.encode()) in heard[-1]
