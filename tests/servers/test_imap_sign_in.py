"""AUTHENTICATE for every kind: what is sent when, what a refusal leads to, and that nothing of it stands in errors."""

from __future__ import annotations

import base64
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

import pytest

from reconcile.errors import AuthenticationRejected, ReconcileError, Unavailable
from reconcile.mail.endpoint import Endpoint
from reconcile.mail.imap.inbox import ImapInbox
from reconcile.mail.imap.place import ImapPlace
from reconcile.mail.sign_in.password import PasswordSignIn
from reconcile.mail.sign_in.uncounted import Uncounted
from reconcile.model.secret import Secret
from reconcile.model.sign_in import SignInKind
from reconcile.ports.mail import Look
from reconcile.ports.sign_in import Mechanism
from support.dovecot import PASSWORD, Dovecot, running
from support.imap_script import Conversation, Step, expect, reconnect, scripted

pytestmark = pytest.mark.servers
USER = "sales@contoso.example"


@dataclass
class Exchange:
    """Says what the test gives it; None as initial response lets the server begin."""

    first: bytes | None
    answers: list[bytes | ReconcileError] = field(default_factory=list)
    heard: list[bytes] = field(default_factory=list)
    name: str = "XOAUTH2"
    complaint: str = ""
    secrets: Collection[str] = ()

    def initial(self) -> bytes | None:
        return self.first

    def respond(self, challenge: bytes) -> bytes:
        self.heard.append(challenge)
        answer = self.answers.pop(0)
        if isinstance(answer, ReconcileError):
            raise answer
        return answer


@dataclass
class Account(Uncounted):
    """`exchanges` are used one after the other; `renewed` is what `refused` says."""

    exchanges: list[Exchange]
    renewed: bool = False
    kind: SignInKind = SignInKind.OAUTH
    username: str = USER
    password: Secret | None = None
    offered: list[Collection[str]] = field(default_factory=list)
    refusals: int = 0

    def mechanism(self, *, protocol: str, host: str, offered: Collection[str]) -> Mechanism:
        assert protocol == "imap"
        self.offered.append({*offered})
        return self.exchanges.pop(0)

    def refused(self) -> bool:
        self.refusals += 1
        return self.renewed


def hello(capabilities: bytes) -> tuple[Step, ...]:
    return (b"* OK hi\r\n", expect(b"CAPABILITY"), b"* CAPABILITY IMAP4rev1 %s\r\nTAG OK done\r\n" % capabilities)


def said(what: bytes) -> Step:
    """The next line is this in base64, or as it is for "*"; the tag stays."""

    def step(conversation: Conversation) -> None:
        line = conversation.line().strip()
        assert line == (what if what == b"*" else base64.b64encode(what)), line

    return step


EXAMINED: tuple[Step, ...] = (expect(b"EXAMINE"), b"* 0 EXISTS\r\n* OK [UIDVALIDITY 1] ok\r\n* OK [UIDNEXT 1] ok\r\nTAG OK done\r\n")
IN = Look(messages=0, news=True, restarted=True)
TOKEN = b"user=sales\1auth=Bearer t0ken-of-the-account\1\1"


def visit(account: object, *steps: Step, compress: bool = False) -> tuple[object, list[bytes]]:
    with scripted(*steps) as (port, heard, wrong):
        endpoint = Endpoint(host="127.0.0.1", port=port, tls="none", compress=compress, connect_timeout=5, silence_timeout=5)
        inbox = ImapInbox(endpoint, account)  # type: ignore[arg-type]
        result: object
        try:
            result = inbox.look(None)
        except ReconcileError as error:
            result = error
        finally:
            inbox.close()
    assert not wrong, wrong
    return result, heard


def test_the_first_response_stands_in_the_command_where_the_server_takes_it() -> None:
    account = Account([Exchange(TOKEN)])
    command = b"AUTHENTICATE XOAUTH2 " + base64.b64encode(TOKEN)
    assert visit(account, *hello(b"SASL-IR AUTH=XOAUTH2 AUTH=PLAIN"), expect(command), b"TAG OK in\r\n", *EXAMINED)[0] == IN
    assert account.offered == [{"XOAUTH2", "PLAIN"}]


def test_else_it_waits_to_be_asked() -> None:
    steps = (*hello(b"AUTH=XOAUTH2"), expect(b"AUTHENTICATE XOAUTH2\r"), b"+ \r\n", said(TOKEN), b"TAG OK in\r\n", *EXAMINED)
    result, heard = visit(Account([Exchange(TOKEN)]), *steps)
    assert result == IN
    assert not any(base64.b64encode(TOKEN) in line for line in heard if b"AUTHENTICATE" in line)


def test_an_empty_first_response_is_told_from_none() -> None:
    steps = (*hello(b"SASL-IR AUTH=EXTERNAL"), expect(b"AUTHENTICATE EXTERNAL =\r"), b"TAG OK in\r\n", *EXAMINED)
    assert visit(Account([Exchange(b"", name="EXTERNAL")]), *steps)[0] == IN


def test_the_server_may_speak_first_and_often() -> None:
    exchange = Exchange(None, [b"one", b"", b"three"], name="GSSAPI")
    steps = (
        *hello(b"SASL-IR AUTH=GSSAPI"),
        expect(b"AUTHENTICATE GSSAPI\r"),
        b"+ " + base64.b64encode(b"first") + b"\r\n",
        said(b"one"),
        b"+\r\n",
        said(b""),
        b"+ " + base64.b64encode(b"\0\1\2") + b"\r\n",
        said(b"three"),
        b"TAG OK [CAPABILITY IMAP4rev1] in\r\n",
        *EXAMINED,
    )
    assert visit(Account([exchange]), *steps)[0] == IN
    assert exchange.heard == [b"first", b"", b"\0\1\2"]


REFUSED: tuple[Step, ...] = (*hello(b"SASL-IR AUTH=XOAUTH2"), expect(b"AUTHENTICATE"))


def test_refused_it_tries_once_more_with_what_is_new() -> None:
    account = Account([Exchange(b"old"), Exchange(b"new")], renewed=True)
    steps = (*REFUSED, b"TAG NO [AUTHENTICATIONFAILED] expired\r\n", reconnect, *REFUSED, b"TAG OK in\r\n", *EXAMINED)
    result, heard = visit(account, *steps)
    assert (result, account.refusals) == (IN, 1)
    assert [line.split()[-1] for line in heard if b"AUTHENTICATE" in line] == [base64.b64encode(b"old"), base64.b64encode(b"new")]


def test_refused_twice_it_ends() -> None:
    account = Account([Exchange(b"old"), Exchange(b"new")], renewed=True)
    no = b"TAG NO [AUTHENTICATIONFAILED] expired\r\n"
    result, _ = visit(account, *REFUSED, no, reconnect, *REFUSED, no)
    assert isinstance(result, AuthenticationRejected)
    assert account.refusals == 2, "the account hears of both: it is left alone after three"


def test_without_anything_new_it_ends_at_once() -> None:
    account = Account([Exchange(b"old")])
    result, _ = visit(account, *REFUSED, b"TAG NO no\r\n")
    assert isinstance(result, AuthenticationRejected)
    assert account.refusals == 1


def test_a_server_that_says_why_is_answered_and_heard() -> None:
    """XOAUTH2: the reason comes as a challenge; the mechanism takes it for a refusal, and the exchange is cancelled."""
    why = AuthenticationRejected("the token has expired", hint="It is renewed.")
    account = Account([Exchange(b"old", [why]), Exchange(b"new")], renewed=True)
    steps = (
        *REFUSED,
        b"+ " + base64.b64encode(b'{"status":"401"}') + b"\r\n",
        said(b"*"),
        b"TAG BAD cancelled\r\n",
        reconnect,
        *REFUSED,
        b"TAG OK in\r\n",
        *EXAMINED,
    )
    assert visit(account, *steps)[0] == IN
    assert account.refusals == 1


def test_ok_after_a_cancelled_exchange_is_no_sign_in() -> None:
    why = AuthenticationRejected("the server cannot prove itself", hint="Somebody may sit in between.")
    account = Account([Exchange(b"old", [why])])
    result, _ = visit(account, *REFUSED, b"+ eA==\r\n", said(b"*"), b"TAG OK in\r\n")
    assert result is why


@pytest.mark.parametrize(
    ("steps", "words"),
    [
        ((b"+ not base64!\r\n",), "base64"),
        ((b"* BYE too many\r\n",), "goodbye"),
        ((), "ended"),
        ((b"TAG NO [UNAVAILABLE] the directory is away\r\n",), "away"),
    ],
)
def test_a_broken_exchange_says_nothing_about_the_account(steps: tuple[Step, ...], words: str) -> None:
    account = Account([Exchange(TOKEN)], renewed=True)
    result, _ = visit(account, *REFUSED, *steps)
    assert isinstance(result, Unavailable)
    assert words in str(result)
    assert account.refusals == 0


def test_questions_without_end_end() -> None:
    account = Account([Exchange(None, [b""] * 100)])

    def ask_on(conversation: Conversation) -> None:
        for _ in range(40):
            try:
                conversation.connection.sendall(b"+ \r\n")
            except OSError:
                return
            if not conversation.line():
                return

    result, _ = visit(account, *hello(b"AUTH=XOAUTH2"), expect(b"AUTHENTICATE"), ask_on)
    assert isinstance(result, Unavailable)
    assert "on and on" in str(result)


def test_what_was_sent_stands_in_no_error() -> None:
    secret = base64.b64encode(TOKEN).decode()
    account = Account([Exchange(TOKEN, secrets=("t0ken-of-the-account", secret))])
    result, _ = visit(account, *REFUSED, b"TAG NO bad line " + secret.encode() + b" of t0ken-of-the-account\r\n")
    assert isinstance(result, AuthenticationRejected)
    assert "t0ken" not in str(result)
    assert secret not in str(result)


def test_what_the_account_itself_lacks_is_no_refusal_by_the_server() -> None:
    class Lacking(Account):
        def mechanism(self, *, protocol: str, host: str, offered: Collection[str]) -> Mechanism:
            raise AuthenticationRejected("a person must sign in", hint="Run `reconcile auth login`.")

    account = Lacking([], renewed=True)
    result, heard = visit(account, *hello(b"AUTH=PLAIN"))
    assert isinstance(result, AuthenticationRejected)
    assert account.refusals == 0
    assert not any(b"AUTHENTICATE" in line or b"LOGIN" in line for line in heard)


def test_a_poll_without_a_password_goes_the_careful_way() -> None:
    cursor = ImapPlace(account=f"127.0.0.1/{USER}", validity=1, uid=5, next_uid=6, messages=1).cursor()
    status = (expect(b"STATUS"), b"* STATUS INBOX (MESSAGES 1 UIDNEXT 6 UIDVALIDITY 1)\r\nTAG OK done\r\n")
    with scripted(*REFUSED, b"TAG OK in\r\n", *status) as (port, _, wrong):
        inbox = ImapInbox(Endpoint(host="127.0.0.1", port=port, tls="none", silence_timeout=5), Account([Exchange(TOKEN)]))
        assert inbox.look(cursor) == Look(messages=1, news=False, restarted=False)
        inbox.close()
    assert not wrong


def test_nothing_is_known_from_before_login() -> None:
    """What a server offers without login (here: compression) says nothing about what it offers behind it."""
    steps = (*hello(b"SASL-IR AUTH=XOAUTH2 COMPRESS=DEFLATE"), expect(b"AUTHENTICATE"), b"TAG OK in\r\n")
    behind = (expect(b"CAPABILITY"), b"* CAPABILITY IMAP4rev1\r\nTAG OK done\r\n")
    assert visit(Account([Exchange(TOKEN)]), *steps, *behind, *EXAMINED, compress=True)[0] == IN


@pytest.fixture(scope="module")
def dovecot() -> Iterator[Dovecot]:
    with running(users={USER: PASSWORD, "support@contoso.example": "pässword"}) as server:
        server.deliver_all(USER, [])
        server.deliver_all("support@contoso.example", [])
        yield server


@pytest.mark.parametrize("tls", ["implicit", "starttls", "none"])
@pytest.mark.parametrize(("user", "password"), [(USER, PASSWORD), ("support@contoso.example", "pässword")])
def test_dovecot_lets_in_by_login_and_by_plain(dovecot: Dovecot, tls: str, user: str, password: str) -> None:
    port = dovecot.imaps if tls == "implicit" else dovecot.imap
    endpoint = Endpoint(host="localhost", port=port, tls=tls, authority=dovecot.authority)
    inbox = ImapInbox(endpoint, PasswordSignIn(user, Secret(password.encode())))
    assert inbox.look(None).messages == 0
    inbox.close()


def test_dovecot_refuses_what_is_wrong(dovecot: Dovecot) -> None:
    endpoint = Endpoint(host="localhost", port=dovecot.imaps, tls="implicit", authority=dovecot.authority)
    inbox = ImapInbox(endpoint, PasswordSignIn(USER, Secret("wröng".encode())))
    with pytest.raises(AuthenticationRejected):
        inbox.look(None)
    inbox.close()
