"""What every sender must do, on the memory twin, on aiosmtpd, and on a real Postfix."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from reconcile.errors import AuthenticationRejected, Unavailable
from reconcile.ports.sender import Envelope, Refused, Taken
from support import post, postfix
from support.post import Post

SENDER = postfix.USER
_numbers = itertools.count()


@pytest.fixture(scope="module")
def running_postfix() -> Iterator[postfix.Postfix]:
    postfix.require()
    with postfix.running() as running:
        yield running


@pytest.fixture(params=["memory", "aiosmtpd", pytest.param("postfix", marks=pytest.mark.servers)])
def office(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Post]:
    match request.param:
        case "memory":
            yield from post.memory()
        case "aiosmtpd":
            with post.aiosmtpd(tmp_path_factory.mktemp("aiosmtpd")) as office:
                yield office
        case _:
            yield post.real(request.getfixturevalue("running_postfix"))


def content(body: bytes = b"text\r\n") -> bytes:
    number = next(_numbers)
    return (
        b"From: <%s>\r\nTo: <x@contoso.example>\r\nDate: Sun, 01 Mar 2026 08:00:00 +0000\r\nMessage-ID: <%d@contoso.example>\r\nSubject: %d\r\n\r\n"
        % (SENDER.encode(), number, number)
        + body
    )


def never(_: object) -> None:
    pytest.fail("nothing may begin here")


def test_a_mail_arrives_byte_for_byte_once_for_each_recipient(office: Post) -> None:
    mail = content(b".\r\n..\r\n.two\r\n \r\n" + b"x" * 900 + b"\r\n\r\n.\r\n")
    begun: list[tuple[str, ...]] = []
    with office.sender.open(office.account) as session:
        delivery = session.send(
            Envelope(sender=SENDER, recipients=("a@contoso.example", "b@contoso.example"), content=mail),
            begin=lambda accepted: begun.append(tuple(accepted)),
        )
        assert session.is_usable
    assert isinstance(delivery.end, Taken)
    assert begun == [("a@contoso.example", "b@contoso.example")]
    assert sorted((one.recipient, one.sender, one.content) for one in office.copies(2)) == [
        ("a@contoso.example", SENDER, mail),
        ("b@contoso.example", SENDER, mail),
    ]


def test_each_recipient_gets_an_answer_and_the_accepted_ones_the_mail(office: Post) -> None:
    begun: list[str] = []
    with office.sender.open(office.account) as session:
        delivery = session.send(
            Envelope(sender=SENDER, recipients=(office.refused, "a@contoso.example", office.greylisted), content=content()),
            begin=begun.extend,
        )
    assert isinstance(delivery.end, Taken)
    assert {address: reply.code // 100 for address, reply in delivery.recipients.items()} == {
        office.refused: 5,
        "a@contoso.example": 2,
        office.greylisted: 4,
    }
    assert begun == ["a@contoso.example"]
    assert [one.recipient for one in office.copies(1)] == ["a@contoso.example"]


def test_nothing_begins_when_nobody_is_taken(office: Post) -> None:
    with office.sender.open(office.account) as session:
        for recipients in ((office.refused,), (office.greylisted, office.refused)):
            delivery = session.send(Envelope(sender=SENDER, recipients=recipients, content=content()), begin=never)
            assert delivery.end is None
            assert set(delivery.recipients) == set(recipients)
    assert office.copies(0) == []


def test_many_mails_go_over_one_connection_also_after_refusals(office: Post) -> None:
    mails = [content(b"one\r\n"), content(b"two\r\n"), content(b"three\r\n")]
    with office.sender.open(office.account) as session:
        for mail in mails:
            refused = session.send(Envelope(sender=office.refused_sender, recipients=("a@contoso.example",), content=mail), begin=never)
            assert isinstance(refused.end, Refused)
            assert refused.end.permanent
            taken = session.send(Envelope(sender=SENDER, recipients=("a@contoso.example",), content=mail), begin=lambda _: None)
            assert isinstance(taken.end, Taken)
    assert sorted(one.content for one in office.copies(3)) == sorted(mails)


def test_when_begin_fails_nothing_is_sent(office: Post) -> None:
    def lost(_: object) -> None:
        raise LookupError("the claim is lost")

    mail = content()
    with office.sender.open(office.account) as session:
        with pytest.raises(LookupError):
            session.send(Envelope(sender=SENDER, recipients=("a@contoso.example",), content=content()), begin=lost)
        session.send(Envelope(sender=SENDER, recipients=("a@contoso.example",), content=mail), begin=lambda _: None)
    assert [one.content for one in office.copies(1)] == [mail]


def test_what_is_called_off_before_its_end_is_not_delivered(office: Post) -> None:
    def overtaken() -> None:
        raise LookupError("somebody else has it")

    mail = content()
    with office.sender.open(office.account) as session:
        with pytest.raises(LookupError):
            session.send(
                Envelope(sender=SENDER, recipients=("a@contoso.example",), content=content()), begin=lambda _: None, ending=overtaken
            )
        assert not session.is_usable
    with office.sender.open(office.account) as session:
        session.send(Envelope(sender=SENDER, recipients=("a@contoso.example",), content=mail), begin=lambda _: None)
    assert [one.content for one in office.copies(1)] == [mail]


def test_a_mail_that_is_too_big_is_refused_for_good_before_it_begins(office: Post) -> None:
    big = content(b"0123456789\r\n" * (office.size_limit // 12 + 1))
    with office.sender.open(office.account) as session:
        delivery = session.send(Envelope(sender=SENDER, recipients=("a@contoso.example",), content=big), begin=never)
        assert isinstance(delivery.end, Refused)
        assert delivery.end.permanent
    assert office.copies(0) == []


def test_utf8_in_address_and_header_arrives(office: Post) -> None:
    mail = content().replace(b"Subject: ", "Subject: Grüße ".encode())
    with office.sender.open(office.account) as session:
        delivery = session.send(Envelope(sender=SENDER, recipients=("jörg@contoso.example",), content=mail), begin=lambda _: None)
    assert isinstance(delivery.end, Taken)
    assert [one.content for one in office.copies(1)] == [mail]


def test_a_wrong_password_is_said_without_repeating_it(office: Post) -> None:
    with pytest.raises(AuthenticationRejected) as caught, office.sender.open(office.wrong_password):
        pass
    assert "not the password" not in caught.value.message + caught.value.hint + repr(office.wrong_password)


def test_recipients_of_too_many_are_left_and_go_with_the_next(office: Post) -> None:
    everybody = tuple(f"r{number}@contoso.example" for number in range(postfix.RECIPIENTS_LIMIT + 5))
    mail, others, turns = content(), everybody, []
    with office.sender.open(office.account) as session:
        while others:
            delivery = session.send(Envelope(sender=SENDER, recipients=others, content=mail), begin=lambda _: None)
            assert isinstance(delivery.end, Taken)
            turns.append(len(others) - len(delivery.left))
            others = delivery.left
    assert turns == [postfix.RECIPIENTS_LIMIT, 5]
    assert sorted(one.recipient for one in office.copies(len(everybody))) == sorted(everybody)


def test_reports_that_are_asked_for_are_no_obstacle(office: Post) -> None:
    mail = content()
    with office.sender.open(office.account) as session:
        for reports in (None, frozenset[str](), frozenset({"failure", "delay"})):
            wanted = Envelope(sender=SENDER, recipients=("a@contoso.example",), content=mail, reports=reports, id="1@contoso.example")
            assert isinstance(session.send(wanted, begin=lambda _: None).end, Taken)
    assert len(office.copies(3)) == 3


def test_nobody_there_is_for_later(office: Post) -> None:
    with pytest.raises(Unavailable), office.sender.open(office.nobody_there):
        pass
