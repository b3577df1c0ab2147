"""What SMTP servers offer beyond RFC 5321, on the wire: pipelining, reports, many recipients, other addresses, other sign-ins."""

from __future__ import annotations

import base64
import ssl
from collections.abc import Collection
from dataclasses import dataclass, field, replace

import pytest
import trustme

from reconcile.errors import AuthenticationRejected, Unavailable
from reconcile.mail.sign_in.uncounted import Uncounted
from reconcile.mail.smtp import SmtpSender
from reconcile.model.sign_in import SignInKind
from reconcile.ports.sender import Account, Broken, Delivery, Envelope, Refused, Taken
from reconcile.ports.tls import Tls
from support.imap_script import Step, expect, scripted
from support.imap_script import tls as handshake
from support.smtp_fault import Delay, Drop, FaultServer, Inject, Say

QUICK = SmtpSender(connect_timeout=5, silence_timeout=5, answer_timeout=5)
USUAL = Delay(0)
SENDER = "a@b.example"
TO = tuple(f"{name}@d.example" for name in ("one", "two", "three", "four"))
CONTENT = b"Subject: s\r\n\r\n.text\r\n"
PIPELINING = ("SIZE 5000000", "8BITMIME", "PIPELINING", "ENHANCEDSTATUSCODES", "DSN")


def server(*, pipelining: bool = True) -> FaultServer:
    return FaultServer(starttls=False, extensions=tuple(one for one in PIPELINING if pipelining or one != "PIPELINING"))


def account(port: int) -> Account:
    return Account(server="127.0.0.1", port=port, tls=Tls.NONE)


def send(running: FaultServer, *mails: Envelope, at_once: bool = False) -> list[Delivery]:
    """Over one connection."""
    with QUICK.open(account(running.port)) as session:
        return [session.send(mail, begin=lambda _: None, at_once=at_once) for mail in mails]


def mail(*to: str, reports: frozenset[str] | None = None) -> Envelope:
    return Envelope(sender=SENDER, recipients=to or TO, content=CONTENT, reports=reports, id="7@b.example")


def addressing(running: FaultServer) -> list[bytes]:
    return [line for line in running.heard if line[:4] in (b"MAIL", b"RCPT", b"RSET", b"DATA")]


def test_sender_and_recipients_leave_in_one_write_where_it_is_offered() -> None:
    with server() as running:
        (delivery,) = send(running, mail())
    assert isinstance(delivery.end, Taken)
    assert running.most_unread == 4
    assert running.taken[0].recipients == TO
    assert running.taken[0].content == CONTENT


def test_each_waits_for_its_answer_where_it_is_not() -> None:
    with server(pipelining=False) as running:
        (delivery,) = send(running, mail())
    assert isinstance(delivery.end, Taken)
    assert running.most_unread == 0


def test_more_recipients_than_fit_one_write_are_all_asked() -> None:
    many = tuple(f"r{number}@d.example" for number in range(250))
    with server() as running:
        (delivery,) = send(running, mail(*many))
    assert running.taken[0].recipients == many
    assert len(delivery.recipients) == 250
    assert running.most_unread <= 100


def test_what_cannot_be_refused_any_more_leaves_with_its_recipients() -> None:
    with server() as running:
        first, second = send(running, mail(), mail(TO[0]), at_once=True)
    assert isinstance(first.end, Taken)
    assert isinstance(second.end, Taken)
    assert running.most_unread == 5
    assert [(one.recipients, one.content) for one in running.taken] == [(TO, CONTENT), (TO[:1], CONTENT)]


def test_a_mail_for_nobody_is_not_handed_over_though_the_server_waits_for_it() -> None:
    asked: list[str] = []
    with server() as running, QUICK.open(account(running.port)) as session:
        running.plan("rcpt", Say("550 5.1.1 nobody"), Say("450 4.7.1 greylisted"))
        begin, ending = (lambda _: asked.append("begin")), (lambda: asked.append("ending"))
        delivery = session.send(mail(*TO[:2]), begin=begin, ending=ending, at_once=True)
        assert ([reply.code for reply in delivery.recipients.values()], delivery.end) == ([550, 450], None)
        assert (asked, running.taken) == ([], [])
        assert session.is_usable
        assert isinstance(session.send(mail(TO[0]), begin=begin, ending=ending, at_once=True).end, Taken)
    assert [one.recipients for one in running.taken] == [TO[:1]]
    assert asked == ["begin", "ending"]


def test_a_server_that_waits_for_a_mail_it_refused_gets_none() -> None:
    with server() as running, QUICK.open(account(running.port)) as session:
        running.plan("mail", Say("550 5.7.1 not from you"))
        delivery = session.send(mail(), begin=lambda _: None, at_once=True)
        assert (isinstance(delivery.end, Refused), session.is_usable) == (True, False)
    assert running.taken == []


def test_a_server_that_leaves_instead_of_waiting_takes_nothing() -> None:
    for refused in (False, True):
        with server() as running, QUICK.open(account(running.port)) as session:
            running.plan("data", Say("421 4.3.2 shutting down"))
            running.plan("rcpt", *([Say("550 5.1.1 nobody")] if refused else []))
            delivery = session.send(mail(TO[0]), begin=lambda _: None, at_once=True)
            assert delivery.end is None if refused else isinstance(delivery.end, Broken)
            assert not session.is_usable
        assert running.taken == []


@pytest.mark.parametrize("pipelining", [True, False])
def test_answers_are_matched_one_by_one(pipelining: bool) -> None:
    with server(pipelining=pipelining) as running:
        running.plan("rcpt", USUAL, Say("550 5.1.1 nobody"), Say("450 4.7.1 greylisted"))
        running.plan("mail", USUAL, Say("553 5.7.1 not you"))
        first, second, third = send(running, mail(), mail(), mail())
    assert {address: str(reply) for address, reply in first.recipients.items()} == dict(
        zip(TO, ("250 ok", "550 5.1.1 nobody", "450 4.7.1 greylisted", "250 ok"), strict=True)
    )
    assert (first.recipients[TO[1]].status, first.recipients[TO[2]].status) == ("5.1.1", "4.7.1")
    assert isinstance(second.end, Refused)
    assert (second.recipients, second.end.permanent) == ({}, True)
    assert isinstance(third.end, Taken)
    assert [taken.recipients for taken in running.taken] == [(TO[0], TO[3]), TO]


def test_a_new_mail_begins_without_rset_after_one_that_was_taken() -> None:
    with server() as running:
        send(running, mail(TO[0]), mail(TO[0]))
        assert b"RSET" not in running.heard
        running.plan("rcpt", Say("550 5.1.1 nobody"))
        send(running, mail(TO[0]), mail(TO[0]))
    assert running.heard.count(b"RSET") == 1


@pytest.mark.parametrize("at_once", [True, False])
@pytest.mark.parametrize("pipelining", [True, False])
def test_one_answer_too_many_never_counts_as_another(pipelining: bool, at_once: bool) -> None:
    """Whoever puts an answer in between must not have a mail taken for sent that was not."""
    for step in ("mail", "rcpt", "data"):
        with server(pipelining=pipelining) as running:
            running.plan(step, Inject("250 2.0.0 Ok: queued as 1"))
            (delivery,) = send(running, mail(TO[0]), at_once=at_once)
            assert isinstance(delivery.end, Broken), step
            assert running.taken == []


@pytest.mark.parametrize("pipelining", [True, False])
@pytest.mark.parametrize("step", ["mail", "rcpt"])
def test_a_server_that_leaves_takes_nothing(pipelining: bool, step: str) -> None:
    with server(pipelining=pipelining) as running:
        for fault in (Drop(), Say("421 4.3.2 shutting down")):
            running.plan(step, *([USUAL] if step == "rcpt" else []), fault)
            (delivery,) = send(running, mail())
            assert isinstance(delivery.end, Broken)
        assert running.taken == []


@pytest.mark.parametrize("pipelining", [True, False])
@pytest.mark.parametrize("words", ["452 4.5.3 too many recipients", "552 5.5.3 too many recipients", "452 Too many recipients"])
def test_recipients_of_too_many_are_left_for_the_next_transaction(pipelining: bool, words: str) -> None:
    with server(pipelining=pipelining) as running:
        running.plan("rcpt", USUAL, USUAL, Say(words), Say(words))
        (delivery,) = send(running, mail())
    assert isinstance(delivery.end, Taken)
    assert (tuple(delivery.recipients), delivery.left) == (TO[:2], TO[2:])
    assert running.taken[0].recipients == TO[:2]


def test_what_is_not_about_the_number_is_about_the_recipient() -> None:
    with server() as running:
        running.plan("rcpt", USUAL, Say("452 4.2.2 mailbox full"), Say("552 5.2.2 mailbox full"))
        (delivery,) = send(running, mail())
        running.plan("rcpt", Say("452 4.5.3 too many recipients"))
        (alone,) = send(running, mail(TO[0]))
    assert delivery.left == ()
    assert [reply.code for reply in delivery.recipients.values()] == [250, 452, 552, 250]
    # Where not even one is taken, another transaction at once would end the same.
    assert (alone.left, alone.recipients[TO[0]].code) == ((), 452)


def test_reports_are_asked_for_as_declared() -> None:
    with server() as running:
        send(running, mail(TO[0], reports=frozenset({"failure"})), mail(TO[0], reports=frozenset()), mail(TO[0]))
    assert addressing(running) == [
        b"MAIL FROM:<a@b.example> SIZE=21 RET=HDRS ENVID=7@b.example",
        b"RCPT TO:<one@d.example> NOTIFY=FAILURE",
        b"DATA",
        b"MAIL FROM:<a@b.example> SIZE=21 RET=HDRS ENVID=7@b.example",
        b"RCPT TO:<one@d.example> NOTIFY=NEVER",
        b"DATA",
        b"MAIL FROM:<a@b.example> SIZE=21",
        b"RCPT TO:<one@d.example>",
        b"DATA",
    ]


def test_what_cannot_be_addressed_here_keeps_nobody_else_from_their_mail() -> None:
    with server() as running:
        (delivery,) = send(running, mail("jörg@d.example", "x@d.example\r\nDATA", TO[0]))
        (alone,) = send(running, mail("jörg@d.example"))
    assert isinstance(delivery.end, Taken)
    assert {address: reply.code for address, reply in delivery.recipients.items()} == {
        "jörg@d.example": 553,
        "x@d.example\r\nDATA": 553,
        TO[0]: 250,
    }
    assert alone.end is None
    assert [taken.recipients for taken in running.taken] == [(TO[0],)]


@dataclass
class Token(Uncounted):
    """An account with a token, and another when that is refused."""

    tokens: list[str]
    kind: SignInKind = SignInKind.OAUTH
    username: str = "sales"
    password: None = None
    heard: list[bytes] = field(default_factory=list)

    def mechanism(self, *, protocol: str, host: str, offered: Collection[str]) -> Token.Exchange:
        assert (protocol, {*offered}) == ("smtp", {"XOAUTH2", "PLAIN"})
        return Token.Exchange(self)

    def refused(self) -> bool:
        del self.tokens[0]
        return bool(self.tokens)

    @dataclass
    class Exchange:
        of: Token
        name: str = "XOAUTH2"
        complaint: str = ""

        @property
        def secrets(self) -> tuple[str, ...]:
            return (self.of.tokens[0],)

        def initial(self) -> bytes:
            return self.of.tokens[0].encode()

        def respond(self, challenge: bytes) -> bytes:
            self.of.heard.append(challenge)
            return b""


@pytest.fixture(scope="module")
def authority() -> tuple[ssl.SSLContext, bytes]:
    made = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.issue_cert("127.0.0.1").configure_cert(context)
    return context, made.cert_pem.bytes()


GREETED: tuple[Step, ...] = (b"220 ready\r\n", expect(b"EHLO"), b"250-x\r\n250 AUTH XOAUTH2 PLAIN\r\n")
REFUSED: tuple[Step, ...] = (b"334 " + base64.b64encode(b'{"status":"401"}') + b"\r\n", expect(b""), b"535 5.7.3 old is no good\r\n")


def signing(authority: tuple[ssl.SSLContext, bytes], token: Token, *steps: Step) -> list[bytes]:
    """What the server heard behind EHLO."""
    server = scripted(handshake(authority[0]), *GREETED, *steps, expect(b"QUIT"), b"221 bye\r\n")
    account = Account(server="127.0.0.1", port=0, tls=Tls.IMPLICIT, authority=authority[1], sign_in=token)
    with server as (port, heard, _), QUICK.open(replace(account, port=port)):
        pass
    return [line.strip() for line in heard[1:-1]]


def test_a_token_goes_with_the_command_where_it_fits(authority: tuple[ssl.SSLContext, bytes]) -> None:
    heard = signing(authority, Token(["good"]), expect(b"AUTH XOAUTH2"), b"235 2.7.0 in\r\n")
    assert heard == [b"AUTH XOAUTH2 " + base64.b64encode(b"good")]


def test_a_long_token_goes_in_a_line_of_its_own(authority: tuple[ssl.SSLContext, bytes]) -> None:
    long = "t" * 2000
    heard = signing(authority, Token([long]), expect(b"AUTH XOAUTH2"), b"334 \r\n", expect(b""), b"235 2.7.0 in\r\n")
    assert heard == [b"AUTH XOAUTH2", base64.b64encode(long.encode())]


def test_a_refused_token_is_answered_and_another_tried_once(authority: tuple[ssl.SSLContext, bytes]) -> None:
    token = Token(["old", "good"])
    heard = signing(authority, token, expect(b"AUTH"), *REFUSED, expect(b"AUTH"), b"235 in\r\n")
    assert token.heard == [b'{"status":"401"}']
    assert heard == [b"AUTH XOAUTH2 " + base64.b64encode(b"old"), b"", b"AUTH XOAUTH2 " + base64.b64encode(b"good")]
    with pytest.raises(AuthenticationRejected) as caught:
        signing(authority, Token(["old", "older", "good"]), expect(b"AUTH"), *REFUSED, expect(b"AUTH"), *REFUSED)
    assert "old" not in str(caught.value)


@pytest.mark.parametrize("reply", [b"454 4.7.0 later\r\n", b"421 4.3.2 closing\r\n"])
def test_a_server_that_cannot_check_now_is_asked_later(authority: tuple[ssl.SSLContext, bytes], reply: bytes) -> None:
    with pytest.raises(Unavailable, match="cannot check"):
        signing(authority, Token(["good"]), expect(b"AUTH"), reply)
