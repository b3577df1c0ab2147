"""POP3 servers as they are: without UIDL, TOP or pipelining, with identifiers that repeat or change, refusing, cutting, injecting."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest

from reconcile.errors import AuthenticationRejected, PermanentError, Throttled, TimedOut, Unavailable, Unsupported
from reconcile.mail.endpoint import Endpoint
from reconcile.mail.pop3.count import Pop3Counter
from reconcile.mail.pop3.inbox import Pop3Inbox
from reconcile.mail.pop3.marks import Pop3Marks
from reconcile.mail.sign_in.password import PasswordSignIn
from reconcile.mail.sign_in.uncounted import Uncounted
from reconcile.model.cursor import Cursor
from reconcile.model.remote_id import RemoteId
from reconcile.model.secret import Secret
from reconcile.model.sign_in import SignInKind
from reconcile.ports.mail import Batch, Examine, Listed
from support.imap_script import expect, scripted
from support.mail_estate import wait_until
from support.pop3_server import CAPABLE, Maildrop, serving, text, xoauth2

WORD = "secret word"


def message(number: int, filler: str = "") -> bytes:
    return f"Received: by mx; Thu, 01 Jan 2026 0{number}:00:00 +0000\r\nSubject: {number}\r\n\r\nbody {number}{filler}\r\n".encode()


def endpoint(port: int, *, tls: str = "none", silence: float = 5.0) -> Endpoint:
    return Endpoint(host="127.0.0.1", port=port, tls=tls, silence_timeout=silence)


def account(password: str = WORD) -> PasswordSignIn:
    return PasswordSignIn("sales", Secret(password.encode()))


@dataclass
class Visit:
    """One session: what was read, and where it stands."""

    bodies: list[bytes] = field(default_factory=list)
    batches: list[Batch] = field(default_factory=list)
    restarted: bool = False
    news: bool = False

    @property
    def cursor(self) -> Cursor:
        return self.batches[-1].cursor

    @property
    def missing(self) -> list[RemoteId]:
        return [listed.remote_id for batch in self.batches for listed in batch.missing]

    @property
    def read(self) -> list[RemoteId]:
        return [listed.remote_id for batch in self.batches for listed in batch.read]


def visit(
    port: int,
    cursor: Cursor | None = None,
    *,
    since: datetime | None = None,
    retry: Collection[RemoteId] = (),
    examine: Examine | None = None,
    wanted: Callable[[Listed], bool] = lambda _: True,
) -> Visit:
    inbox = Pop3Inbox(endpoint(port), account())
    seen = Visit()
    try:
        look = inbox.look(cursor)
        seen.restarted, seen.news = look.restarted, look.news
        for batch in inbox.read(
            None if look.restarted else cursor,
            since=since,
            retry=[*retry],
            wanted=wanted,
            accept=lambda _, chunks: seen.bodies.append(b"".join(chunks)),
            examine=examine,
        ):
            seen.batches.append(batch)
    finally:
        inbox.close()
    return seen


@pytest.fixture
def drop() -> Maildrop:
    return Maildrop(messages=[(f"uid{number}", message(number)) for number in range(1, 6)])


@pytest.fixture
def port(drop: Maildrop) -> Iterator[int]:
    with serving(drop) as found:
        yield found


def test_nothing_is_changed_by_reading(drop: Maildrop, port: int) -> None:
    seen = visit(port)
    assert seen.bodies == [message(number) for number in range(1, 6)]
    assert not [line for line in drop.heard if line.upper().startswith((b"DELE", b"RSET"))]
    assert drop.ended == 1
    assert not visit(port, seen.cursor).news


@pytest.mark.parametrize("capabilities", [tuple(one for one in CAPABLE if one != "PIPELINING"), None])
def test_one_command_at_a_time_where_pipelining_is_not_offered(drop: Maildrop, port: int, capabilities: tuple[str, ...] | None) -> None:
    drop.capabilities = capabilities
    assert len(visit(port, since=datetime(2025, 1, 1, tzinfo=UTC)).bodies) == 5
    assert drop.most_unread == 0


def test_commands_fly_where_pipelining_is_offered(drop: Maildrop, port: int) -> None:
    assert len(visit(port).bodies) == 5
    assert drop.most_unread >= 4


def test_the_order_means_nothing(drop: Maildrop, port: int) -> None:
    """Some servers list the newest first, and what was moved there stands anywhere."""
    seen = visit(port)
    drop.messages.insert(0, ("uid6", message(6)))
    drop.messages.insert(3, ("uid7", message(7)))
    assert visit(port, seen.cursor).bodies == [message(6), message(7)]
    drop.messages.reverse()
    again = visit(port, visit(port, seen.cursor).cursor)
    assert (again.bodies, again.restarted) == ([], False)


def test_the_same_identifier_twice_passes_nothing_over(drop: Maildrop, port: int) -> None:
    drop.messages = [("same", message(1)), ("same", message(2)), ("same", message(1)), ("other", message(3))]
    seen = visit(port)
    assert seen.bodies == [message(1), message(2), message(1), message(3)]
    assert len({*seen.read}) == 4
    assert not visit(port, seen.cursor).news


def test_an_identifier_that_is_used_again_passes_nothing_over(drop: Maildrop, port: int) -> None:
    """A server that numbers its messages 1, 2, 3 in each session: after one is deleted, all the others have new names."""
    drop.messages = [(str(number), message(number, "x" * number)) for number in range(1, 5)]
    seen = visit(port)
    drop.messages = [(str(number - 1), raw) for number, (_, raw) in enumerate(drop.messages, 1) if number > 1]
    drop.messages.append(("4", message(5)))
    assert message(5) in visit(port, seen.cursor).bodies


def test_other_identifiers_for_the_same_messages_are_another_history(drop: Maildrop, port: int) -> None:
    seen = visit(port)
    drop.messages = [(f"new{uid}", raw) for uid, raw in drop.messages]
    assert visit(port, seen.cursor).restarted


def test_a_mailbox_that_was_emptied_and_filled_anew_is_the_same_history(drop: Maildrop, port: int) -> None:
    seen = visit(port)
    drop.messages = [("uid9", message(9, "and more text"))]
    new = visit(port, seen.cursor)
    assert (new.restarted, new.bodies) == (False, [message(9, "and more text")])
    drop.messages = []
    assert not visit(port, new.cursor).restarted


def test_another_account_is_another_history(drop: Maildrop, port: int) -> None:
    seen = visit(port)
    inbox = Pop3Inbox(endpoint(port), PasswordSignIn("info", Secret(WORD.encode())))
    assert inbox.look(seen.cursor).restarted
    inbox.close()


@pytest.mark.parametrize("how", ["not offered", "refused", "some lack one"])
def test_without_unique_ids_the_header_tells(drop: Maildrop, port: int, how: str) -> None:
    if how == "not offered":
        drop.capabilities = tuple(one for one in CAPABLE if one != "UIDL")
    elif how == "refused":
        drop.answer = lambda line: b"-ERR no UIDL\r\n" if line == b"UIDL" else None
    else:
        some = {"uid2", "uid4"}
        drop.answer = lambda line: (
            text("".join(f"{number} {uid}\r\n" for number, (uid, _) in enumerate(drop.messages, 1) if uid in some))
            if line == b"UIDL"
            else None
        )
    seen = visit(port)
    assert len(seen.bodies) == 5
    drop.messages = [(uid, raw) for uid, raw in drop.messages if uid != "uid1"] + [("uid6", message(6))]
    assert visit(port, seen.cursor).bodies == [message(6)]


def test_lists_that_name_different_messages_are_not_believed(drop: Maildrop, port: int) -> None:
    drop.answer = lambda line: text("1 a\r\n2 b\r\n3 c\r\n4 d\r\n9 e\r\n") if line == b"UIDL" else None
    with pytest.raises(Unavailable, match="different messages"):
        visit(port)


def test_a_status_that_changes_makes_no_other_message() -> None:
    from reconcile.mail.pop3.listing import _CHANGING

    one = b"Subject: 1\r\nStatus: O\r\nX-Keywords: a\r\n b\r\nTo: a@contoso.example\r\n\r\n"
    assert _CHANGING.sub(b"", one) == b"Subject: 1\r\nTo: a@contoso.example\r\n\r\n"


def test_without_unique_ids_and_headers_it_is_refused_by_name(drop: Maildrop, port: int) -> None:
    drop.capabilities = ("USER",)
    drop.answer = lambda line: b"-ERR no TOP\r\n" if line.startswith(b"TOP") else None
    with pytest.raises(Unsupported, match="neither unique-ids") as caught:
        visit(port)
    assert "IMAP" in caught.value.hint
    assert not [line for line in drop.heard if line.startswith(b"RETR")]


def test_without_unique_ids_a_large_mailbox_is_refused_by_name(drop: Maildrop, port: int) -> None:
    drop.capabilities = ("USER", "TOP")
    drop.messages = [("", b"\r\n")] * 2001
    with pytest.raises(Unsupported, match=r"2,001 messages"):
        visit(port)


@pytest.mark.parametrize("capabilities", [("USER", "UIDL"), None])
def test_without_top_it_is_asked_while_it_is_read(drop: Maildrop, port: int, capabilities: tuple[str, ...] | None) -> None:
    drop.capabilities = capabilities
    drop.answer = lambda line: b"-ERR no TOP\r\n" if line.startswith(b"TOP") else None
    heard: list[bytes] = []
    floor = datetime(2026, 1, 1, 3, tzinfo=UTC)

    def examine(_: Listed, header: bytes) -> bool:
        heard.append(header)
        return b"Subject: 4" not in header

    seen = visit(port, since=floor, wanted=lambda listed: listed.received is None or listed.received >= floor, examine=examine)
    assert seen.bodies == [message(3), message(5)]
    assert heard == [message(number).partition(b"body")[0] for number in (3, 4, 5)]
    assert sum(batch.declined for batch in seen.batches) == 3
    assert not visit(port, seen.cursor).news


def test_only_headers_of_what_is_declined_are_fetched(drop: Maildrop, port: int) -> None:
    floor = datetime(2026, 1, 1, 5, tzinfo=UTC)
    seen = visit(port, since=floor, wanted=lambda listed: listed.received is None or listed.received >= floor)
    assert seen.bodies == [message(5)]
    assert [line for line in drop.heard if line.startswith(b"RETR")] == [b"RETR 5"]


def test_one_message_that_cannot_be_had_is_missing_and_asked_for_again(drop: Maildrop, port: int) -> None:
    drop.answer = lambda line: b"-ERR cannot render\r\n" if line == b"RETR 2" else None
    seen = visit(port)
    assert seen.bodies == [message(number) for number in (1, 3, 4, 5)]
    assert len(seen.missing) == 1
    again = visit(port, seen.cursor, retry=seen.missing)
    assert (again.bodies, again.missing) == ([], seen.missing)
    drop.answer = lambda _: None
    assert visit(port, again.cursor, retry=seen.missing).bodies == [message(2)]
    del drop.messages[1]
    assert visit(port, again.cursor, retry=seen.missing).batches[-1].vanished == tuple(seen.missing)


def test_a_server_that_gives_nothing_of_what_it_lists_is_asked_later(drop: Maildrop, port: int) -> None:
    drop.answer = lambda line: b"-ERR disk\r\n" if line.startswith(b"RETR") else None
    with pytest.raises(Unavailable, match="none of the messages"):
        visit(port)


@pytest.mark.parametrize(
    "cut",
    [b"", b"+OK\r\nSubject: half a mess", b"+OK\r\nSubject: 2\r\n\r\nno dot\r\n", b"+OK\r\nx\r\n.\r", b"+O", b"what?\r\n", b"\x00" * 20000],
)
def test_a_connection_that_breaks_decides_nothing(drop: Maildrop, port: int, cut: bytes) -> None:
    drop.capabilities = tuple(one for one in CAPABLE if one != "PIPELINING")

    def answer(line: bytes) -> bytes | None:
        drop.leave = line == b"RETR 3"
        return cut if drop.leave else None

    drop.answer = answer
    seen: list[Visit] = []
    with pytest.raises((Unavailable, TimedOut)):
        seen.append(visit(port))
    assert not seen
    drop.answer, drop.leave = lambda _: None, False
    assert len(visit(port).bodies) == 5


def test_a_silent_server_is_left(drop: Maildrop, port: int) -> None:
    drop.answer = lambda line: b"+OK\r\nSubject: 1\r\n" if line.startswith(b"RETR") else None
    drop.capabilities = ("UIDL", "USER")
    inbox = Pop3Inbox(endpoint(port, silence=0.3), account())
    inbox.look(None)
    with pytest.raises(TimedOut, match="silent"):
        list(inbox.read(None, since=None, retry=(), wanted=lambda _: True, accept=lambda _, chunks: [*chunks] and None))
    inbox.close()


@pytest.mark.parametrize("answer", [text("one two\r\n"), text("1 \r\n-5 3\r\n"), b"* OK\r\n", text("99999999999 1\r\n")])
def test_a_listing_that_is_none_is_not_believed(drop: Maildrop, port: int, answer: bytes) -> None:
    drop.answer = lambda line: answer if line == b"LIST" else None
    with pytest.raises(Unavailable):
        visit(port)


REFUSALS = [
    (b"-ERR [IN-USE] Do you have another POP session running?", Unavailable, "open elsewhere"),
    (b"-ERR [LOGIN-DELAY] minimum time between mail checks violation", Throttled, "pause"),
    (b"-ERR [SYS/TEMP] try later", Unavailable, "for now"),
    (b"-ERR [SYS/PERM] Your account is not enabled for POP access", PermanentError, "not enabled"),
    (b"-ERR [AUTH] Username and password not accepted", AuthenticationRejected, "not accepted"),
    (b"-ERR authentication failed", AuthenticationRejected, "authentication failed"),
    (b"-ERR unable to lock maildrop", Unavailable, "lock"),
]


@pytest.mark.parametrize(("line", "kind", "words"), REFUSALS)
def test_refused_logins_mean_what_their_codes_say(drop: Maildrop, port: int, line: bytes, kind: type[Exception], words: str) -> None:
    drop.capabilities = ("USER", "UIDL", "LOGIN-DELAY 120")
    drop.answer = lambda heard: line + b"\r\n" if heard.startswith(b"PASS") else None
    with pytest.raises(kind, match=words) as caught:
        visit(port)
    assert type(caught.value) is kind
    if isinstance(caught.value, Throttled):
        assert caught.value.retry_after == 120


def test_where_codes_are_told_a_refusal_without_one_is_no_wrong_password(drop: Maildrop, port: int) -> None:
    drop.answer = lambda heard: b"-ERR something else\r\n" if heard.startswith(b"PASS") else None
    with pytest.raises(Unavailable):
        visit(port)


def test_a_password_shows_in_no_error(drop: Maildrop, port: int) -> None:
    inbox = Pop3Inbox(endpoint(port), account("correct horse"))
    with pytest.raises(AuthenticationRejected) as caught:
        inbox.look(None)
    assert "no, not ***" in str(caught.value)
    assert "horse" not in repr(caught.value)


@pytest.mark.parametrize("password", ["word\r\nDELE 1", "a\nb"])
def test_credentials_inject_no_command(drop: Maildrop, port: int, password: str) -> None:
    with pytest.raises(PermanentError, match="line break"):
        Pop3Inbox(endpoint(port), account(password)).look(None)
    assert not [line for line in drop.heard if line.startswith((b"PASS", b"DELE"))]


@dataclass
class Token(Uncounted):
    """An account with a token, and another when that is refused."""

    tokens: list[str]
    kind: SignInKind = SignInKind.OAUTH
    username: str = "sales"
    password: None = None
    asked: list[Collection[str]] = field(default_factory=list)

    def mechanism(self, *, protocol: str, host: str, offered: Collection[str]) -> Token.Exchange:
        self.asked.append(offered)
        assert protocol == "pop3"
        return Token.Exchange(self.tokens[0])

    def refused(self) -> bool:
        del self.tokens[0]
        return bool(self.tokens)

    @dataclass
    class Exchange:
        token: str
        name: str = "XOAUTH2"
        complaint: str = ""

        @property
        def secrets(self) -> tuple[str, ...]:
            return (self.token,)

        def initial(self) -> bytes:
            return f"user=sales\x01auth=Bearer {self.token}\x01\x01".encode()

        def respond(self, challenge: bytes) -> bytes:
            return b""


def test_a_token_goes_in_two_lines(drop: Maildrop, port: int) -> None:
    """Microsoft's POP3 takes no token in the command itself ("Authenticate an IMAP, POP or SMTP connection using OAuth")."""
    drop.capabilities = (*CAPABLE, "SASL PLAIN XOAUTH2")
    drop.answer = xoauth2(lambda sent: b"Bearer good" in sent)
    signing = Token(["good"])
    inbox = Pop3Inbox(endpoint(port), signing)
    assert inbox.look(None).messages == 5
    inbox.close()
    assert b"AUTH XOAUTH2" in drop.heard
    assert signing.asked == [{"PLAIN", "XOAUTH2"}]
    assert not [line for line in drop.heard if line.startswith((b"USER", b"PASS"))]


def test_a_refused_token_is_tried_with_another_once(drop: Maildrop, port: int) -> None:
    drop.capabilities = (*CAPABLE, "SASL XOAUTH2")
    drop.answer = xoauth2(lambda sent: b"Bearer good" in sent)
    inbox = Pop3Inbox(endpoint(port), Token(["old", "good"]))
    assert inbox.look(None).messages == 5
    inbox.close()
    with pytest.raises(AuthenticationRejected):
        Pop3Inbox(endpoint(port), Token(["old", "older", "good"])).look(None)


def test_a_password_of_any_language_goes_by_plain(drop: Maildrop, port: int) -> None:
    import base64

    drop.capabilities = (*CAPABLE, "SASL PLAIN")
    heard = []

    def answer(line: bytes) -> bytes | None:
        if line == b"AUTH PLAIN":
            return b"+ \r\n"
        if line == base64.b64encode(b"\0sales\0gr\xc3\xbcn"):
            heard.append(line)
            return b"+OK\r\n"
        return None

    drop.answer = answer
    inbox = Pop3Inbox(endpoint(port), account("grün"))
    inbox.look(None)
    inbox.close()
    assert heard


def test_no_credentials_leave_before_tls() -> None:
    offers = (b"+OK ready\r\n", expect(b"CAPA"), text("UIDL\r\nUSER\r\n"))
    with scripted(*offers) as (port, heard, _), pytest.raises(PermanentError, match="does not offer STLS"):
        Pop3Inbox(endpoint(port, tls="starttls"), account()).look(None)
    assert [line.strip() for line in heard] == [b"CAPA"]


def test_what_is_said_in_clear_behind_the_answer_to_stls_is_not_believed() -> None:
    offers = (b"+OK ready\r\n", expect(b"CAPA"), text("UIDL\r\nSTLS\r\n"), expect(b"STLS"), b"+OK go\r\n+OK injected\r\n+OK in\r\n")
    with scripted(*offers) as (port, heard, _), pytest.raises(Unavailable, match="in clear after STLS"):
        Pop3Inbox(endpoint(port, tls="starttls"), account()).look(None)
    assert [line.strip() for line in heard] == [b"CAPA", b"STLS"]


def test_a_refused_stls_ends_it() -> None:
    offers = (b"+OK ready\r\n", expect(b"CAPA"), text("UIDL\r\nSTLS\r\n"), expect(b"STLS"), b"-ERR not today\r\n")
    with scripted(*offers) as (port, heard, _), pytest.raises(PermanentError, match="does not offer STLS"):
        Pop3Inbox(endpoint(port, tls="starttls"), account()).look(None)
    assert [line.strip() for line in heard] == [b"CAPA", b"STLS"]


def test_a_greeting_that_refuses_is_told() -> None:
    refusing = scripted(b"-ERR [SYS/TEMP] too many connections\r\n")
    with refusing as (port, _, _), pytest.raises(Unavailable, match="too many connections"):
        Pop3Inbox(endpoint(port), account()).look(None)


def test_all_can_be_counted_but_not_by_date(drop: Maildrop, port: int) -> None:
    counter = Pop3Counter(endpoint(port), account())
    assert counter.count(None, None) == 5
    heard = len(drop.heard)
    with pytest.raises(Unsupported, match="no dates"):
        counter.count(datetime(2026, 1, 1, tzinfo=UTC), None)
    assert len(drop.heard) == heard, "no connection is made for what cannot be answered"


def test_only_what_is_found_again_is_deleted(drop: Maildrop, port: int) -> None:
    seen = visit(port)
    ids = seen.read
    drop.messages.reverse()
    assert {*Pop3Marks(endpoint(port), account()).delete(ids[:2], cursor=seen.cursor)} == {*ids[:2]}
    assert sorted(uid for uid, _ in drop.messages) == ["uid3", "uid4", "uid5"]


def test_nothing_counts_as_deleted_before_quit_is_answered(drop: Maildrop, port: int) -> None:
    seen = visit(port)
    drop.answer = lambda line: b"" if line == b"QUIT" else None
    with pytest.raises(Unavailable):
        Pop3Marks(endpoint(port), account()).delete(seen.read, cursor=seen.cursor)
    assert len(drop.messages) == 5
    drop.answer = lambda line: b"-ERR some deleted messages not removed\r\n" if line == b"QUIT" else None
    with pytest.raises(Unavailable, match="not removed"):
        Pop3Marks(endpoint(port), account()).delete(seen.read, cursor=seen.cursor)
    drop.answer = lambda _: None
    assert {*Pop3Marks(endpoint(port), account()).delete(seen.read, cursor=seen.cursor)} == {*seen.read}
    assert drop.messages == []


def test_trouble_while_marking_takes_the_marks_back(drop: Maildrop, port: int) -> None:
    seen = visit(port)
    drop.capabilities = ("UIDL", "USER")
    drop.answer = lambda line: b"what is this\r\n" if line == b"DELE 3" else None
    with pytest.raises(Unavailable):
        Pop3Marks(endpoint(port), account()).delete(seen.read, cursor=seen.cursor)
    wait_until(lambda: drop.heard[-1] == b"RSET", within=5)
    assert len(drop.messages) == 5


def test_one_refused_deletion_keeps_that_message(drop: Maildrop, port: int) -> None:
    seen = visit(port)
    drop.answer = lambda line: b"-ERR held\r\n" if line == b"DELE 3" else None
    assert {*Pop3Marks(endpoint(port), account()).delete(seen.read, cursor=seen.cursor)} == {*seen.read} - {seen.read[2]}
    assert [uid for uid, _ in drop.messages] == ["uid3"]


def test_copies_that_cannot_be_told_apart_go_together_or_not_at_all(drop: Maildrop, port: int) -> None:
    drop.messages = [("same", message(1)), ("same", message(1)), ("other", message(3))]
    seen = visit(port)
    marks = Pop3Marks(endpoint(port), account())
    assert {*marks.delete([seen.read[0], seen.read[2]], cursor=seen.cursor)} == {seen.read[2]}
    assert [uid for uid, _ in drop.messages] == ["same", "same"]
    assert {*marks.delete(seen.read, cursor=seen.cursor)} == {*seen.read}
    assert drop.messages == []


def test_nothing_is_deleted_for_another_account(drop: Maildrop, port: int) -> None:
    seen = visit(port)
    other = PasswordSignIn("info", Secret(WORD.encode()))
    assert not Pop3Marks(endpoint(port), other).delete(seen.read, cursor=seen.cursor)
    assert len(drop.messages) == 5
