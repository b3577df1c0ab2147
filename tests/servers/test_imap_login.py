"""Logging in, the careful way of a first visit and the short way of a poll: what the server's answers mean, and what leaves when."""

from __future__ import annotations

import base64
import ssl
from collections.abc import Callable

import pytest
import trustme

from reconcile.errors import AuthenticationRejected, PermanentError, ReconcileError, Throttled, Unavailable
from reconcile.mail.endpoint import Endpoint
from reconcile.mail.imap import login
from reconcile.mail.imap.inbox import ImapInbox
from reconcile.mail.imap.place import ImapPlace
from reconcile.mail.sign_in.password import PasswordSignIn
from reconcile.model.secret import Secret
from reconcile.ports.mail import Look
from support.imap_script import GREETING, Conversation, Step, examined, expect, reconnect, scripted, tls

USER, PASSWORD = "sales@contoso.example", "s3cret-of-the-mailbox"
HELLO: Step = b"* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] ready\r\n"
QUIET: tuple[Step, ...] = (expect(b"STATUS"), b"* STATUS INBOX (MESSAGES 1 UIDNEXT 6 UIDVALIDITY 1)\r\nTAG OK done\r\n")
POLLED: tuple[Step, ...] = (HELLO, expect(b"LOGIN"), b"TAG OK in\r\n", *QUIET)
NOTHING_NEW = Look(messages=1, news=False, restarted=False)


@pytest.fixture(autouse=True)
def _servers_without_history(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(login, "_one_by_one", {})


def poll(
    port: int, *, mode: str = "none", authority: bytes | None = None, user: str = USER, password: str = PASSWORD, silence: float = 5
) -> Look:
    cursor = ImapPlace(account=f"127.0.0.1/{user}", validity=1, uid=5, next_uid=6, messages=1).cursor()
    endpoint = Endpoint(host="127.0.0.1", port=port, tls=mode, authority=authority, connect_timeout=5, silence_timeout=silence)
    inbox = ImapInbox(endpoint, PasswordSignIn(user, Secret(password.encode())))
    try:
        return inbox.look(cursor)
    finally:
        inbox.close()


def first_visit(port: int, *, password: str = PASSWORD) -> Look:
    endpoint = Endpoint(host="127.0.0.1", port=port, tls="none", connect_timeout=5, silence_timeout=5)
    inbox = ImapInbox(endpoint, PasswordSignIn(USER, Secret(password.encode())))
    try:
        return inbox.look(None)
    finally:
        inbox.close()


WAYS = pytest.mark.parametrize(
    ("way", "before"), [(first_visit, (*GREETING, expect(b"LOGIN"))), (poll, (HELLO, expect(b"LOGIN")))], ids=["first", "poll"]
)


def refused(error: pytest.ExceptionInfo[ReconcileError]) -> ReconcileError:
    """The error, after a look for the password in it and in all it was raised from."""
    seen: BaseException | None = error.value
    while seen is not None:
        assert PASSWORD not in str(seen)
        seen = seen.__cause__
    return error.value


@WAYS
@pytest.mark.parametrize(
    ("answer", "meaning"),
    [
        (b"TAG NO [AUTHENTICATIONFAILED] no: s3cret-of-the-mailbox\r\n", AuthenticationRejected),
        (b"TAG NO [AUTHORIZATIONFAILED] no\r\n", AuthenticationRejected),
        (b"TAG NO [EXPIRED] too old\r\n", AuthenticationRejected),
        (b"TAG NO login failed for s3cret-of-the-mailbox\r\n", AuthenticationRejected),
        (b"TAG NO [PRIVACYREQUIRED] not in clear\r\n", PermanentError),
        (b"TAG NO [UNAVAILABLE] backend away\r\n", Unavailable),
        (b"TAG NO [INUSE] another one is there\r\n", Unavailable),
        (b"TAG NO [LIMIT] not so often\r\n", Unavailable),
        (b"TAG NO [SERVERBUG] sorry\r\n", Unavailable),
        (b"TAG NO Too many connections\r\n", Unavailable),
        (b"TAG BAD Request is throttled. Suggested Backoff Time: 2000 milliseconds\r\n", Throttled),
        (b"* BYE s3cret-of-the-mailbox is too many\r\n", Unavailable),
        (b"HTTP/1.1 400 Bad Request\r\n", Unavailable),
        (b"TAG N", Unavailable),
        (b"", Unavailable),
    ],
)
def test_what_the_answer_to_login_means(
    way: Callable[[int], Look], before: tuple[Step, ...], answer: bytes, meaning: type[ReconcileError]
) -> None:
    with scripted(*before, answer) as (port, _, wrong), pytest.raises(ReconcileError) as caught:
        way(port)
    assert type(refused(caught)) is meaning
    assert not wrong


def test_a_connection_that_breaks_at_sasl_plain_is_transient_too() -> None:
    steps = (*GREETING, expect(b"AUTHENTICATE PLAIN"), b"+ \r\n", expect(b""))
    with scripted(*steps) as (port, _, _), pytest.raises(Unavailable):
        first_visit(port, password="pässword")


def test_a_poll_is_one_write_before_and_one_after() -> None:
    steps = (
        HELLO,
        expect(b"LOGIN"),
        expect(b"STATUS"),  # both before the first answer
        b"* CAPABILITY IMAP4rev1\r\nf1 OK in\r\n* OK [ALERT] {3}\r\nabc\r\n* status {5}\r\nINBOX (uidnext 6 MESSAGES 1 UIDVALIDITY 1)\r\nf2 OK done\r\n",
        expect(b"LOGOUT"),
    )
    with scripted(*steps) as (port, heard, wrong):
        assert poll(port) == NOTHING_NEW
    assert not wrong
    assert heard[0] == f'f1 LOGIN "{USER}" "{PASSWORD}"\r'.encode()


def test_news_are_read_over_the_same_connection() -> None:
    news = b"* STATUS INBOX (MESSAGES 2 UIDNEXT 7 UIDVALIDITY 1)\r\nTAG OK done\r\n"
    opened = examined(2, next_uid=7)[-2:]
    with scripted(*POLLED[:-1], news, *opened, expect(b"LOGOUT")) as (port, _, wrong):
        assert poll(port) == Look(messages=2, news=True, restarted=False)
    assert not wrong


def test_credentials_are_quoted() -> None:
    with scripted(*POLLED) as (port, heard, _):
        assert poll(port, user='a "b\\c', password='p"\\ w') == NOTHING_NEW
    assert heard[0] == b'f1 LOGIN "a \\"b\\\\c" "p\\"\\\\ w"\r'


def test_what_no_quoted_string_holds_goes_as_sasl_plain_from_a_poll_too() -> None:
    steps = (*GREETING, expect(b"AUTHENTICATE PLAIN"), b"+ \r\n", expect(b""), b"TAG OK in\r\n")

    def same_tag(conversation: Conversation) -> None:
        conversation.tag = conversation.heard[-2].partition(b" ")[0]

    with scripted(*steps[:-1], same_tag, steps[-1], *QUIET) as (port, heard, _):
        assert poll(port, password='p\r\nA1 DELETE "INBOX"ü') == NOTHING_NEW
    assert not any(b"DELETE" in line for line in heard)
    assert any(base64.b64encode(f'\0{USER}\0p\r\nA1 DELETE "INBOX"ü'.encode()) in line for line in heard)


def test_clear_text_asks_for_capabilities_that_the_greeting_left_out() -> None:
    with scripted(*GREETING, *POLLED[1:]) as (port, _, wrong):
        assert poll(port) == NOTHING_NEW
    assert not wrong


@pytest.mark.parametrize("way", [first_visit, poll])
def test_no_password_in_clear_to_a_server_that_forbids_it(way: Callable[[int], Look]) -> None:
    forbidding = (b"* OK hi\r\n", expect(b"CAPABILITY"), b"* CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED\r\nTAG OK done\r\n")
    again = (reconnect, *forbidding) if way is poll else ()
    with scripted(*forbidding, *again) as (port, heard, _), pytest.raises(PermanentError, match="wants TLS before login"):
        way(port)
    assert not any(PASSWORD.encode() in line for line in heard)


@pytest.mark.parametrize(
    ("greeting", "meaning"), [(b"* PREAUTH welcome\r\n", PermanentError), (b"* BYE too many\r\n", Unavailable), (b"", Unavailable)]
)
def test_greetings_that_end_it(greeting: bytes, meaning: type[ReconcileError]) -> None:
    with scripted(greeting) as (port, heard, _), pytest.raises(ReconcileError) as caught:
        poll(port)
    assert type(caught.value) is meaning
    assert not any(PASSWORD.encode() in line for line in heard)


@pytest.mark.parametrize("lost", [(), (b"f2 NO not yet\r\n",), (b"f2 BAD log in first\r\n",), (expect(b"STATUS"), expect(b"nothing"))])
def test_a_server_that_loses_what_comes_behind_login_is_asked_one_by_one(lost: tuple[Step, ...]) -> None:
    # Capabilities in the greeting: only the careful way asks for them all the same.
    careful = (HELLO, *examined(0)[1:-2], *QUIET)
    if len(lost) == 2:  # silent: the client gives up, the script's wait ends with the connection
        lost = (lost[0], lambda conversation: None if conversation.line() == b"" else pytest.fail("heard something"))
    steps = (HELLO, expect(b"LOGIN"), b"TAG OK in\r\n", *lost, reconnect, *careful, reconnect, *careful)
    with scripted(*steps) as (port, heard, wrong):
        assert poll(port, silence=0.4) == NOTHING_NEW
        assert poll(port) == NOTHING_NEW, "remembered: careful at once"
    assert not wrong
    assert sum(b"LOGIN" in line for line in heard) == 3
    commands = [line.split()[1] for line in heard]
    assert commands[-3:] == [b"CAPABILITY", b"LOGIN", b"STATUS"] or commands[-4:-1] == [b"CAPABILITY", b"LOGIN", b"STATUS"]


def test_a_mailbox_that_refuses_status_does_not_slow_down_the_others() -> None:
    refusing = (expect(b"STATUS"), b"TAG NO this one is damaged\r\n")
    alone = (HELLO, *examined(0)[1:-2], *refusing)
    with scripted(HELLO, expect(b"LOGIN"), b"TAG OK in\r\n", *refusing, reconnect, *alone, reconnect, *POLLED) as (port, _, wrong):
        with pytest.raises(Unavailable, match="damaged"):
            poll(port)
        assert poll(port) == NOTHING_NEW
    assert not wrong


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


class TestTls:
    def server(self, authority: trustme.CA, name: str = "127.0.0.1") -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(name).configure_cert(context)
        return context

    def test_a_poll_over_tls(self, authority: trustme.CA) -> None:
        with scripted(tls(self.server(authority)), *POLLED) as (port, heard, wrong):
            assert poll(port, mode="implicit", authority=authority.cert_pem.bytes()) == NOTHING_NEW
        assert not wrong
        assert b"LOGIN" in heard[0]

    def test_over_tls_nothing_is_asked_before_login(self, authority: trustme.CA) -> None:
        with scripted(tls(self.server(authority)), b"* OK hi\r\n", *POLLED[1:]) as (port, _, wrong):
            assert poll(port, mode="implicit", authority=authority.cert_pem.bytes()) == NOTHING_NEW
        assert not wrong

    @pytest.mark.parametrize(("name", "trusted"), [("other.contoso.example", True), ("127.0.0.1", False)])
    def test_a_wrong_name_or_authority_is_refused(self, authority: trustme.CA, name: str, trusted: bool) -> None:
        pem = (authority if trusted else trustme.CA()).cert_pem.bytes()
        with scripted(tls(self.server(authority, name))) as (port, heard, _), pytest.raises(PermanentError, match="certificate"):
            poll(port, mode="implicit", authority=pem)
        assert heard == []

    def test_starttls_is_never_optional(self, authority: trustme.CA) -> None:
        with scripted(*GREETING) as (port, heard, _), pytest.raises(PermanentError, match="does not offer STARTTLS"):
            poll(port, mode="starttls", authority=authority.cert_pem.bytes())
        assert not any(PASSWORD.encode() in line for line in heard)

    def test_login_disabled_under_tls_leaves_sasl_plain(self, authority: trustme.CA) -> None:
        context = self.server(authority)
        hello = b"* OK [CAPABILITY IMAP4rev1 LOGINDISABLED AUTH=PLAIN] hi\r\n"
        careful = (hello, expect(b"CAPABILITY"), b"* CAPABILITY IMAP4rev1 LOGINDISABLED AUTH=PLAIN\r\nTAG OK done\r\n")
        steps = (tls(context), hello, reconnect, tls(context), *careful, expect(b"AUTHENTICATE PLAIN"))
        with scripted(*steps) as (port, heard, wrong), pytest.raises(Unavailable):
            poll(port, mode="implicit", authority=authority.cert_pem.bytes())
        assert not wrong
        assert not any(b" LOGIN " in line for line in heard)
