"""The sandbox's submission server, driven by smtplib over TLS."""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from reconcile.sandbox.ews.absence import set_absence
from reconcile.sandbox.ews.node import Node
from reconcile.sandbox.faults import DropAfterData
from reconcile.sandbox.world import Place, World

SALES, SUPPORT = "sales@contoso.example", "support@contoso.example"
NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
MAIL = b"From: sales@contoso.example\r\nSubject: Gr\xc3\xbc\xc3\x9fe\r\nMessage-ID: <m@contoso.example>\r\n\r\n.a dot\r\nf\xc3\xbcr\r\n"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    place = Place(directory=tmp_path, secrets_directory=tmp_path / "secrets")
    with World(place=place, mailboxes={"sales": SALES, "support": SUPPORT}, now=lambda: NOW) as running:
        yield running


def connect(world: World) -> smtplib.SMTP:
    client = smtplib.SMTP("localhost", world.ports.submission, timeout=10)
    client.starttls(context=ssl.create_default_context(cafile=str(world.authority_file)))
    return client


@pytest.fixture
def client(world: World) -> Iterator[smtplib.SMTP]:
    connected = connect(world)
    connected.login(SALES, world.password_file("sales").read_text())
    yield connected
    connected.close()


def test_nothing_but_starttls_before_tls(world: World) -> None:
    with smtplib.SMTP("localhost", world.ports.submission, timeout=10) as plain:
        plain.ehlo()
        assert plain.has_extn("starttls")
        assert not plain.has_extn("auth")
        assert plain.docmd("AUTH", "PLAIN AHNhbGVzAHg=")[0] in (530, 538)
        assert plain.mail(SALES)[0] == 530


def test_a_client_that_does_not_trust_the_ca_goes_away(world: World) -> None:
    with smtplib.SMTP("localhost", world.ports.submission, timeout=10) as plain, pytest.raises(ssl.SSLCertVerificationError):
        plain.starttls(context=ssl.create_default_context())
    connect(world).close()


def test_login_comes_before_mail(world: World) -> None:
    with connect(world) as client:
        client.ehlo()
        assert {"size", "8bitmime", "smtputf8", "auth"} <= set(client.esmtp_features)
        assert client.mail(SALES)[0] == 530
        with pytest.raises(smtplib.SMTPAuthenticationError):
            client.login(SALES, "wrong")


def test_both_ways_to_log_in(world: World) -> None:
    secret = world.password_file("sales").read_text()
    for method in ("auth_plain", "auth_login"):
        with connect(world) as client:
            client.ehlo()
            client.user, client.password = SALES, secret
            assert client.auth(method.removeprefix("auth_"), getattr(client, method))[0] == 235


def test_ours_is_delivered_with_its_octets_and_others_stay_outside(world: World, client: smtplib.SMTP) -> None:
    assert client.sendmail(SALES, ["Support@contoso.example", "orders@fabrikam.example"], MAIL, mail_options=["BODY=8BITMIME"]) == {}
    [delivered] = world.messages(SUPPORT)
    trace, _, content = delivered.raw.partition(b"From: ")
    assert b"From: " + content == MAIL
    assert trace.startswith(b"Return-Path: <sales@contoso.example>\r\nDelivered-To: support@contoso.example\r\nReceived: ")
    assert delivered.internal_date == NOW
    assert [(mail.sender, mail.recipients, mail.raw) for mail in world.outside()] == [(SALES, ("orders@fabrikam.example",), MAIL)]
    assert world.messages(SALES) == ()


@pytest.mark.parametrize("reply", ["450 4.2.1 mailbox busy", "550 5.1.1 no such user"])
def test_one_recipient_is_refused_and_the_other_is_not(world: World, client: smtplib.SMTP, reply: str) -> None:
    world.refuse_recipient("away@fabrikam.example", reply)
    refused = client.sendmail(SALES, ["away@fabrikam.example", SUPPORT], MAIL)
    assert refused == {"away@fabrikam.example": (int(reply[:3]), reply[4:].encode())}
    assert len(world.messages(SUPPORT)) == 1


@pytest.mark.parametrize(("where", "stored"), [(DropAfterData.STORED, 1), (DropAfterData.NOT_STORED, 0)])
def test_the_connection_breaks_between_data_and_its_reply(
    world: World, client: smtplib.SMTP, capfd: pytest.CaptureFixture[str], where: DropAfterData, stored: int
) -> None:
    world.drop_after_data(where)
    with pytest.raises((smtplib.SMTPServerDisconnected, OSError)):
        client.sendmail(SALES, [SUPPORT], MAIL)
    assert len(world.messages(SUPPORT)) == stored
    with connect(world) as again:
        again.login(SALES, world.password_file("sales").read_text())
        again.sendmail(SALES, [SUPPORT], MAIL)
    assert len(world.messages(SUPPORT)) == stored + 1
    assert capfd.readouterr().err == ""


def test_login_switched_off(world: World) -> None:
    world.refuse_login(SALES)
    with connect(world) as client, pytest.raises(smtplib.SMTPAuthenticationError):
        client.login(SALES, world.password_file("sales").read_text())


def test_who_is_absent_in_exchange_answers_mail_that_comes_by_smtp(world: World, client: smtplib.SMTP) -> None:
    organization = world.exchange.organization
    with organization.lock:
        absent = organization.mailbox(SUPPORT)
        assert absent is not None
        reply = Node("t:InternalReply", children=(Node("t:Message", "Away."),))
        set_absence(absent, Node("t:OofSettings", children=(Node("t:OofState", "Enabled"), reply)))
    for subject in ("First", "Second"):
        client.sendmail(SALES, [SUPPORT], f"From: {SALES}\r\nTo: {SUPPORT}\r\nSubject: {subject}\r\n\r\nx\r\n")
    (answer,) = world.messages(SALES)
    assert b"Subject: Automatic reply: First" in answer.raw
    assert len(world.messages(SUPPORT)) == 2
