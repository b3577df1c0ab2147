"""The SMTP sender against a server that breaks at each step: what it says about the mail must be true."""

from __future__ import annotations

import time
import traceback

import pytest

from reconcile.errors import AuthenticationRejected, PermanentError, ReconcileError, TimedOut, TransientError, Unavailable
from reconcile.mail.smtp import SmtpSender
from reconcile.model.secret import Secret
from reconcile.ports.sender import Account, Broken, Delivery, Envelope, Refused, Taken, Unanswered
from reconcile.ports.tls import Tls
from support.smtp_fault import Delay, Drop, Fault, FaultServer, Inject, Say, Stall, Trickle

TWO = ("a@contoso.example", "b@contoso.example")
MAIL = Envelope(sender="sales@contoso.example", recipients=TWO, content=b"Subject: x\r\n\r\n.dot\r\n..\r\nend\r\n")
QUICK = SmtpSender(connect_timeout=2, silence_timeout=0.5, answer_timeout=0.5)


def account(server: FaultServer, *, tls: Tls = Tls.STARTTLS, password: str = "") -> Account:
    return Account(
        server="localhost",
        port=server.port,
        tls=tls,
        authority=server.authority or None,
        username="sales@contoso.example" if password else "",
        password=Secret(password.encode()) if password else None,
    )


def send(server: FaultServer, *, tls: Tls = Tls.STARTTLS) -> tuple[Delivery, list[str]]:
    begun: list[str] = []
    with QUICK.open(account(server, tls=tls)) as session:
        delivery = session.send(MAIL, begin=lambda accepted: begun.extend(accepted))
    return delivery, begun


@pytest.mark.parametrize("tls", list(Tls))
def test_a_mail_arrives_as_it_is(tls: Tls) -> None:
    with FaultServer(starttls=tls is Tls.STARTTLS, implicit=tls is Tls.IMPLICIT) as server:
        delivery, begun = send(server, tls=tls)
        assert isinstance(delivery.end, Taken)
        assert tuple(begun) == TWO
        assert [(one.sender, one.recipients, one.content) for one in server.taken] == [(MAIL.sender, TWO, MAIL.content)]


@pytest.mark.parametrize(
    ("step", "fault", "kind", "begun", "accepted"),
    [
        ("mail", Drop(), Broken, False, 0),
        ("mail", Drop(hard=True), Broken, False, 0),
        ("mail", Stall(), Broken, False, 0),
        ("mail", Trickle(0.15), Broken, False, 0),
        ("mail", Say("421 going down"), Broken, False, 0),
        ("mail", Say("451 not now"), Refused, False, 0),
        ("mail", Say("550 never"), Refused, False, 0),
        ("rcpt", Drop(), Broken, False, 0),
        ("rcpt", Say("421 going down"), Broken, False, 0),
        ("rcpt", Stall(), Broken, False, 0),
        ("data", Drop(), Broken, True, 0),
        ("data", Say("421 going down"), Broken, True, 0),
        ("data", Say("451 not now"), Refused, True, 0),
        ("data", Say("554 never"), Refused, True, 0),
        ("data", Say("250 odd"), Broken, True, 0),
        ("end", Say("421 going down"), Refused, True, 0),
        ("end", Say("451 not now"), Refused, True, 0),
        ("end", Say("554 spam"), Refused, True, 0),
        ("end", Say("354 odd"), Unanswered, True, 0),
        ("end", Say("nonsense"), Unanswered, True, 0),
        ("end", Drop(kept=True), Unanswered, True, 1),
        ("end", Drop(kept=False), Unanswered, True, 0),
        ("end", Drop(kept=True, hard=True), Unanswered, True, 1),
        ("end", Stall(kept=True), Unanswered, True, 1),
        ("end", Trickle(0.15), Unanswered, True, 1),
        ("end", Delay(0.2), Taken, True, 1),
    ],
)
def test_each_fault_is_told_as_what_it_is(step: str, fault: Fault, kind: type, begun: bool, accepted: int) -> None:
    with FaultServer() as server:
        server.plan(step, fault)
        delivery, taken_recipients = send(server)
        assert isinstance(delivery.end, kind), delivery
        assert bool(taken_recipients) is begun
        assert len(server.taken) == accepted


def test_a_server_that_leaves_in_the_middle_of_a_mail_does_not_have_it() -> None:
    big = Envelope(sender=MAIL.sender, recipients=TWO, content=b"Subject: x\r\n\r\n" + b"line\r\n" * 700_000)
    for hard in (False, True):
        with FaultServer() as server:
            server.plan("body", Drop(hard=hard))
            with QUICK.open(account(server)) as session:
                delivery = session.send(big, begin=lambda _: None)
                assert isinstance(delivery.end, Broken), delivery
                assert not session.is_usable
            assert server.taken == []


def test_a_server_that_speaks_before_the_end_of_the_mail_never_sees_that_end() -> None:
    # The reply comes between the last octets of the mail and its end: the pause lets it arrive.
    with FaultServer() as server:
        server.plan("body", Say("451 too busy"))
        with QUICK.open(account(server)) as session:
            connection = session._connection  # type: ignore[attr-defined]
            send_all = connection.send_all

            def slowly(data: bytes) -> None:
                send_all(data)
                time.sleep(0.2)

            connection.send_all = slowly
            delivery = session.send(MAIL, begin=lambda _: None)
        assert isinstance(delivery.end, Broken)
        assert server.taken == []


def test_recipients_are_answered_one_by_one() -> None:
    with FaultServer() as server:
        server.plan("rcpt", Say("450 greylisted"))
        delivery, begun = send(server)
        assert {address: reply.code for address, reply in delivery.recipients.items()} == {TWO[0]: 450, TWO[1]: 250}
        assert begun == [TWO[1]]
        assert server.taken[0].recipients == (TWO[1],)


def test_when_nobody_is_taken_nothing_begins() -> None:
    with FaultServer() as server:
        server.plan("rcpt", Say("550 no"), Say("450 later"))
        delivery, begun = send(server)
        assert (delivery.end, begun, server.taken) == (None, [], [])
        assert "data" not in server.steps


def test_what_begin_raises_comes_out_and_the_next_mail_goes_over_the_same_connection() -> None:
    def refuse(_: object) -> None:
        raise LookupError("not mine any more")

    with FaultServer() as server, QUICK.open(account(server)) as session:
        with pytest.raises(LookupError):
            session.send(MAIL, begin=refuse)
        assert server.taken == []
        assert isinstance(session.send(MAIL, begin=lambda _: None).end, Taken)
        assert server.connections == 1
        assert server.steps.count("rset") == 1


@pytest.mark.parametrize(
    ("step", "fault", "error"),
    [
        ("connect", Drop(), TransientError),
        ("connect", Stall(), TimedOut),
        ("connect", Trickle(0.4), TimedOut),
        ("connect", Say("421 too many connections"), Unavailable),
        ("connect", Say("554 go away"), PermanentError),
        ("connect", Say("HTTP/1.1 400 Bad Request"), Unavailable),
        ("ehlo", Drop(), TransientError),
        ("ehlo", Say("550 no"), PermanentError),
        ("starttls", Say("454 TLS not available"), Unavailable),
        ("starttls", Drop(), TransientError),
        ("starttls", Inject(), PermanentError),
        ("auth", Say("454 later"), Unavailable),
        ("auth", Drop(), TransientError),
        ("auth", Say("535 no"), AuthenticationRejected),
    ],
)
def test_a_connection_that_cannot_be_set_up_is_an_error(step: str, fault: Fault, error: type[ReconcileError]) -> None:
    with FaultServer(logins={"sales@contoso.example": "right"}) as server:
        server.plan(step, fault)
        quick = SmtpSender(connect_timeout=0.7, silence_timeout=0.7, answer_timeout=0.7)
        with pytest.raises(error), quick.open(account(server, password="right")):
            pass
        assert server.taken == []
        if step == "starttls":
            assert "auth" not in server.steps


def test_text_behind_the_answer_to_starttls_is_named() -> None:
    with FaultServer() as server:
        server.plan("starttls", Inject())
        with pytest.raises(PermanentError, match="in the clear"), QUICK.open(account(server)):
            pass


def test_starttls_that_is_not_offered_is_no_reason_to_go_on_in_the_clear() -> None:
    with FaultServer(starttls=False, logins={"sales@contoso.example": "right"}) as server:
        with pytest.raises(PermanentError, match="does not offer STARTTLS"), QUICK.open(account(server, password="right")):
            pass
        assert server.steps == ["connect", "ehlo"]


@pytest.mark.parametrize("tls", [Tls.STARTTLS, Tls.IMPLICIT])
def test_a_certificate_of_another_name_or_of_nobody_we_know_is_refused(tls: Tls) -> None:
    with FaultServer(names=("other.example",), starttls=tls is Tls.STARTTLS, implicit=tls is Tls.IMPLICIT) as server:
        with pytest.raises(PermanentError, match="is not accepted"), QUICK.open(account(server, tls=tls)):
            pass
        stranger = Account(server="localhost", port=server.port, tls=tls)
        with pytest.raises(PermanentError, match="is not accepted"), QUICK.open(stranger):
            pass
        assert "mail" not in server.steps


def test_the_password_shows_nowhere_even_if_the_server_repeats_it() -> None:
    word = "-".join(("s3cret", "wört"))  # in pieces: a traceback shows this line
    with FaultServer(logins={"sales@contoso.example": "right"}, echo_login=True) as server:
        with pytest.raises(AuthenticationRejected) as caught, QUICK.open(account(server, password=word)):
            pass
        shown = "".join(traceback.format_exception(caught.value))
        assert word not in shown
        assert "AHNhbGVz" not in shown  # the start of "\0sales" in base64
        assert "***" in shown


def test_no_password_goes_out_without_tls() -> None:
    with FaultServer(starttls=False, logins={"sales@contoso.example": "right"}) as server:
        with pytest.raises(PermanentError, match="without TLS"), QUICK.open(account(server, tls=Tls.NONE, password="right")):
            pass
        assert server.steps == []


@pytest.mark.parametrize(
    ("missing", "mail", "words"),
    [
        ("8BITMIME", Envelope(sender="a@b.example", recipients=("c@d.example",), content="X: y\r\n\r\nü\r\n".encode()), "8BITMIME"),
        ("SMTPUTF8", Envelope(sender="jörg@b.example", recipients=("c@d.example",), content=b"X: y\r\n\r\nu\r\n"), "SMTPUTF8"),
        ("", Envelope(sender="a@b.example", recipients=("c@d.example",), content=b"X: y\r\n\r\nu\n.\nMAIL\r\n"), "line ends"),
        ("", Envelope(sender="a@b.example", recipients=("c@d.example",), content=b"X: y\r\n\r\nu\r.\r\n"), "line ends"),
        ("", Envelope(sender="a@b.example", recipients=("c@d.example",), content=b"X: y\r\n\r\nu"), "line ends"),
        ("SMTPUTF8", Envelope(sender="a@b.example", recipients=("c@d.example",), content="X: ü\r\n\r\nu\r\n".encode()), "SMTPUTF8"),
        ("", Envelope(sender="a@b.example", recipients=("c@d.example",), content=b"X: y\r\n\r\n" + b"x\r\n" * 1_700_000), "octets"),
    ],
)
def test_what_the_server_cannot_carry_is_refused_before_it_is_sent(missing: str, mail: Envelope, words: str) -> None:
    offered = tuple(one for one in ("SIZE 5000000", "8BITMIME", "SMTPUTF8") if one != missing)
    with FaultServer(extensions=offered) as server, QUICK.open(account(server)) as session:
        delivery = session.send(mail, begin=lambda _: pytest.fail("must not begin"))
        assert isinstance(delivery.end, Refused)
        assert delivery.end.permanent
        assert words in delivery.end.why
        assert isinstance(session.send(MAIL, begin=lambda _: None).end, Taken)
