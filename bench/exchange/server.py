"""The sandbox's Exchange in a process of its own, and what it is told and asked from outside."""

from __future__ import annotations

import http.client
import multiprocessing
import os
import ssl
import sys
from base64 import b64encode
from collections.abc import Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parents[2]
for folder in (ROOT / "src", ROOT / "tests", ROOT / "bench" / "sync"):
    sys.path.insert(0, str(folder))
# What is checked against the schema is not as fast as it can be.
os.environ.pop("EWS_SCHEMA_DIR", None)

ADDRESS = "sales@contoso.example"
_HEAD = (
    '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" xmlns:t="http://schemas.microsoft.com/exchange/services/2006/types" '
    'xmlns:m="http://schemas.microsoft.com/exchange/services/2006/messages"><s:Body>'
)
_TAIL = "</m:Items></m:CreateItem></s:Body></s:Envelope>"
_TRACKED = "<t:Categories><t:String>Tracked to reconcile</t:String></t:Categories>"
_BATCH = 100


class Server:
    """`addresses` are its mailboxes, each with `letters` small mails; `requests` counts what was asked, by operation."""

    def __init__(self, addresses: Sequence[str] = (ADDRESS,), *, letters: int = 0, tls: bool = True) -> None:
        context = multiprocessing.get_context("spawn")
        self._line, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, list(addresses), letters, tls))
        self._process.start()
        self.url, self.certificate = self._line.recv()

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        self._line.send(("end",))
        self._process.join()

    def requests(self) -> dict[str, int]:
        """Since this was asked last."""
        return dict(self._ask("requests"))

    def mail(self, count: int, before: int = 0) -> int:
        """So many messages of the corpus arrive, from number `before` on; answers their octets."""
        return int(str(self._ask("mail", count, before)))

    def items(self, appointments: int, contacts: int) -> None:
        """So many are made by somebody in Outlook who wants them tracked."""
        self._ask("items", appointments, contacts)

    def _ask(self, *words: object):  # type: ignore[no-untyped-def]
        self._line.send(words)
        return self._line.recv()


def _serve(line: Connection, addresses: Sequence[str], letters: int, tls: bool) -> None:
    from gen_corpus import message

    from support.exchange_sandbox import exchange_sandbox

    with exchange_sandbox(addresses, keeping=False, tls=tls) as exchange:
        for address in addresses if letters else ():
            exchange.letters(letters, address)
        line.send((exchange.url.replace("127.0.0.1", "localhost"), exchange.certificate))
        while True:
            match line.recv():
                case ("end",):
                    return
                case ("requests",):
                    line.send(dict(exchange.recorder.counts))
                    exchange.recorder.clear()
                case ("mail", count, before):
                    octets = 0
                    for number in range(before, before + count):
                        raw = message(number).replace(b"\n", b"\r\n")
                        octets += len(raw)
                        exchange.deliver(raw, ADDRESS)
                    line.send(octets)
                case ("items", appointments, contacts):
                    _make(exchange.url, exchange.certificate, [_appointment(number) for number in range(appointments)])
                    _make(exchange.url, exchange.certificate, [_contact(number) for number in range(contacts)])
                    exchange.recorder.clear()
                    line.send(None)


def _make(url: str, certificate: bytes | None, items: Sequence[str]) -> None:
    from support.exchange_sandbox import PASSWORD

    parts = urlsplit(url)
    assert parts.hostname is not None
    if certificate:
        trust = ssl.create_default_context(cadata=certificate.decode())
        server: http.client.HTTPConnection = http.client.HTTPSConnection("localhost", parts.port, context=trust)
    else:
        server = http.client.HTTPConnection(parts.hostname, parts.port)
    sign_in = "Basic " + b64encode(f"{ADDRESS}:{PASSWORD}".encode()).decode()
    for start in range(0, len(items), _BATCH):
        folder = "calendar" if "CalendarItem" in items[start] else "contacts"
        told = ' SendMeetingInvitations="SendToNone"' if folder == "calendar" else ""
        where = f'<m:SavedItemFolderId><t:DistinguishedFolderId Id="{folder}"/></m:SavedItemFolderId><m:Items>'
        body = _HEAD + f"<m:CreateItem{told}>{where}" + "".join(items[start : start + _BATCH]) + _TAIL
        server.request("POST", parts.path, body.encode(), {"Authorization": sign_in, "Content-Type": "text/xml"})
        answer = server.getresponse()
        octets = answer.read()
        assert answer.status == 200, octets[:500]
        assert b'ResponseClass="Error"' not in octets, octets[:2000]


def _appointment(number: int) -> str:
    day, hour = 1 + number % 28, 7 + number // 28 % 10
    month, year = 1 + number // 280 % 12, 2090 + number // 3360 % 100
    moment = f"{year}-{month:02}-{day:02}T{hour:02}"
    people = "".join(
        f"<t:Attendee><t:Mailbox><t:EmailAddress>person{number % 200 + each}@fabrikam.example</t:EmailAddress></t:Mailbox></t:Attendee>"
        for each in range(3)
    )
    text = "What was agreed, and what is to be brought along. " * 8
    return (
        f'<t:CalendarItem><t:Subject>Review {number}</t:Subject><t:Body BodyType="Text">{text}</t:Body>{_TRACKED}'
        f"<t:Start>{moment}:00:00Z</t:Start><t:End>{moment}:45:00Z</t:End><t:LegacyFreeBusyStatus>Busy</t:LegacyFreeBusyStatus>"
        f"<t:Location>Room {number % 40}</t:Location><t:RequiredAttendees>{people}</t:RequiredAttendees></t:CalendarItem>"
    )


def _contact(number: int) -> str:
    return (
        f"<t:Contact>{_TRACKED}<t:FileAs>Person {number}</t:FileAs><t:GivenName>Person</t:GivenName>"
        f'<t:CompanyName>Company {number % 500}</t:CompanyName><t:EmailAddresses><t:Entry Key="EmailAddress1">'
        f"person{number}@fabrikam.example</t:Entry></t:EmailAddresses>"
        f'<t:PhoneNumbers><t:Entry Key="BusinessPhone">+49 221 {number:07}</t:Entry></t:PhoneNumbers>'
        f"<t:JobTitle>Buyer</t:JobTitle><t:Surname>Number {number}</t:Surname></t:Contact>"
    )
