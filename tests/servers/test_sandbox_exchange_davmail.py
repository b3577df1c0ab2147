"""DavMail (Debian) on the sandbox's Exchange: sign-in, folders, list, read, flag, copy, move, delete, send; calendar and contacts."""

from __future__ import annotations

import imaplib
import smtplib
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.davmail import DavMail, davmail
from support.exchange_sandbox import PASSWORD, SALES, SUPPORT, ExchangeSandbox, exchange_sandbox, letter

pytestmark = [pytest.mark.servers, pytest.mark.slow]
SIGN_IN = (SALES, PASSWORD)


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ExchangeSandbox, DavMail]]:
    folder: Path = tmp_path_factory.mktemp("davmail")
    with exchange_sandbox() as sandbox:
        sandbox.letters(3)
        with davmail(sandbox.url, folder) as gateway:
            yield sandbox, gateway


@pytest.fixture
def sandbox(both: tuple[ExchangeSandbox, DavMail]) -> ExchangeSandbox:
    return both[0]


@pytest.fixture
def gateway(both: tuple[ExchangeSandbox, DavMail]) -> DavMail:
    return both[1]


def test_mail_over_imap(sandbox: ExchangeSandbox, gateway: DavMail) -> None:
    with imaplib.IMAP4("127.0.0.1", gateway.ports["imap"], timeout=30) as client:
        client.login(*SIGN_IN)
        names = b" ".join(line for line in client.list()[1] if isinstance(line, bytes))
        assert all(name in names for name in (b'"INBOX"', b'"Sent"', b'"Drafts"', b'"Trash"'))
        assert client.select("INBOX") == ("OK", [b"3"])
        assert client.uid("search", "SUBJECT", "Letter")[1] == [b"1 2 3"]
        body = client.fetch("1", "(BODY[])")[1][0]
        assert isinstance(body, tuple)
        assert body[1].startswith(b"From: Buyer <buyer@elsewhere.example>")
        assert client.store("2", "+FLAGS", "\\Flagged \\Seen")[1] == [b"2 (UID 2 FLAGS (\\Seen \\Flagged))"]
        assert client.create("Projects")[0] == client.copy("3", "Projects")[0] == "OK"
        client.store("3", "+FLAGS", "\\Deleted")
        client.expunge()
        client.append("Drafts", "\\Draft", "", letter("Draft over IMAP"))
    assert (sandbox.subjects(), sandbox.subjects("drafts")) == (["Letter 1", "Letter 2"], ["Draft over IMAP"])
    assert sandbox.post_office.message(SALES, "INBOX", 2).flags == {"\\Seen"}
    projects = next(folder for folder in sandbox.mailbox().folders.values() if folder.name == "Projects")
    assert len(projects.items) == 1


def test_mail_is_sent(sandbox: ExchangeSandbox, gateway: DavMail) -> None:
    with smtplib.SMTP("127.0.0.1", gateway.ports["smtp"], timeout=30) as client:
        client.login(*SIGN_IN)
        client.sendmail(SALES, [SUPPORT], letter("By DavMail", to=SUPPORT).replace(b"buyer@elsewhere.example", SALES.encode()))
    assert sandbox.subjects(address=SUPPORT) == ["By DavMail"]
    assert sandbox.subjects("sentitems") == ["By DavMail"]


def test_an_appointment_is_put_read_and_listed(sandbox: ExchangeSandbox, gateway: DavMail) -> None:
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:test", "BEGIN:VEVENT", "UID:dav-1", "DTSTAMP:20260310T090000Z"]
    lines += ["DTSTART:20260310T090000Z", "DTEND:20260310T100000Z", "SUMMARY:By CalDAV", "END:VEVENT", "END:VCALENDAR", ""]
    path = f"/users/{SALES}/calendar/"
    assert gateway.dav("PUT", f"{path}dav-1.ics", SIGN_IN, "\r\n".join(lines).encode(), "text/calendar")[0] == 201
    assert sandbox.subjects("calendar") == ["By CalDAV"]
    status, text = gateway.dav("GET", f"{path}dav-1.ics", SIGN_IN)
    assert (status, b"SUMMARY:By CalDAV" in text, b"TZID:Europe/Berlin" in text) == (200, True, True)
    wanted = b'<?xml version="1.0"?><D:propfind xmlns:D="DAV:"><D:prop><D:getetag/></D:prop></D:propfind>'
    status, text = gateway.dav("PROPFIND", path, SIGN_IN, wanted)
    assert (status, text.count(b"<D:response>")) == (207, 2)


def test_a_contact_is_put_and_read(sandbox: ExchangeSandbox, gateway: DavMail) -> None:
    lines = ["BEGIN:VCARD", "VERSION:3.0", "UID:card-1", "N:Account;Role;;;", "FN:Role Account", "EMAIL;TYPE=WORK:role@contoso.example"]
    lines += ["TEL;TYPE=WORK:+49301", "ORG:Contoso", "END:VCARD", ""]
    path = f"/users/{SALES}/contacts/card-1.vcf"
    assert gateway.dav("PUT", path, SIGN_IN, "\r\n".join(lines).encode(), "text/vcard")[0] == 201
    status, text = gateway.dav("GET", path, SIGN_IN)
    assert status == 200
    assert all(word in text for word in (b"FN:Role Account", b"TEL;TYPE=work:+49301", b"EMAIL;TYPE=work:role@contoso.example"))
    contact = next(item for item in sandbox.mailbox().items.values() if item.kind == "Contact")
    assert (contact.text("GivenName"), contact.text("Surname"), contact.text("CompanyName")) == ("Role", "Account", "Contoso")
