"""What hosts answer to Autodiscover, as a table; and what is asked."""

from __future__ import annotations

import json

import pytest
from lxml import etree

from reconcile.mail.autodiscover.answers import (
    LARGEST,
    Unreadable,
    json_answer,
    pox_answer,
    pox_question,
    soap_answer,
    soap_question,
)
from reconcile.mail.autodiscover.found import Address, Answer, Nothing, OtherAddress, OtherUrl
from support.autodiscover_server import pox, soap
from support.ews_schema import folder

URL = "https://mail.contoso.example/EWS/Exchange.asmx"
NO_SERVER = Nothing(why="it names no Exchange Web Services for the mailbox")


@pytest.mark.parametrize(
    ("content", "answer"),
    [
        (soap(URL).content, Address(url=URL)),
        (soap(URL, setting="InternalEwsUrl").content, Address(url=URL)),
        (soap(URL, setting="EcpUrl").content, NO_SERVER),
        (soap().content, NO_SERVER),
        (soap(code="RedirectUrl", target="https://a.example/x.svc").content, OtherUrl(url="https://a.example/x.svc")),
        (soap(code="RedirectAddress", target="a@b.example").content, OtherAddress(address="a@b.example")),
        (soap(code="RedirectUrl").content, Nothing(why="it answers RedirectUrl")),
        (soap(code="InvalidUser").content, Nothing(why="it answers InvalidUser", settled=True)),
        (soap(code="ServerBusy").content, Nothing(why="it answers ServerBusy")),
        (soap(code="no such word &lt;b&gt;").content, Nothing(why="it answers with an error")),
    ],
)
def test_soap(content: bytes, answer: Answer) -> None:
    assert soap_answer(content) == answer


@pytest.mark.parametrize(
    ("content", "answer"),
    [
        (pox(f"<Action>settings</Action><Protocol><Type>EXPR</Type><EwsUrl>{URL}</EwsUrl></Protocol>").content, Address(url=URL)),
        (pox(f"<Action>settings</Action><Protocol><Type>EXCH</Type><ASUrl>{URL}</ASUrl></Protocol>").content, Address(url=URL)),
        (pox("<Action>settings</Action><Protocol><Type>WEB</Type></Protocol>").content, NO_SERVER),
        (
            pox("<Action>redirectUrl</Action><RedirectUrl>https://a.example/x.xml</RedirectUrl>").content,
            OtherUrl(url="https://a.example/x.xml"),
        ),
        (pox("<Action>redirectAddr</Action><RedirectAddr>a@b.example</RedirectAddr>").content, OtherAddress(address="a@b.example")),
        (b"<Autodiscover><Response><Error><ErrorCode>600</ErrorCode></Error></Response></Autodiscover>", Nothing(why="it answers 600")),
    ],
)
def test_pox(content: bytes, answer: Answer) -> None:
    assert pox_answer(content) == answer


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        ({"Protocol": "EWS", "Url": URL}, Address(url=URL)),
        ({"protocol": "EWS", "Url": URL}, Nothing(why="it answers with an error")),
        ({"Protocol": "ActiveSync", "Url": URL}, Nothing(why="it answers with an error")),
        ({"ErrorCode": "InvalidRequest", "ErrorMessage": "<script>"}, Nothing(why="it answers InvalidRequest")),
        ({"ErrorCode": "\x1b[31m"}, Nothing(why="it answers with an error")),
    ],
)
def test_json(said: object, answer: Answer) -> None:
    assert json_answer(json.dumps(said).encode()) == answer


@pytest.mark.parametrize("read", [soap_answer, pox_answer])
@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"<!DOCTYPE s:Envelope>" + soap(URL).content, "document type"),
        (b'<!DOCTYPE s:Envelope [<!ENTITY e "x">]>' + soap("&e;").content, "document type"),
        (b" " * (LARGEST + 1), "too large"),
        (b"", "no XML"),
        (b"<html><body>It works!</body></html>", "no answer"),
        (b"<a><b></a>", "no XML"),
        (b"\xff\xfe\x00", "no XML"),
    ],
)
def test_what_is_no_answer(read: object, content: bytes, why: str) -> None:
    assert callable(read)
    with pytest.raises(Unreadable, match=why):
        read(content)


@pytest.mark.parametrize("content", [b"", b"[]", b"nonsense", b"[" * 50_000, b"\xff"])
def test_what_is_no_json(content: bytes) -> None:
    with pytest.raises(Unreadable, match="no JSON"):
        json_answer(content)


def test_an_address_cannot_leave_its_element() -> None:
    hostile = "a</a:Mailbox><x>&amp;@contoso.example"
    for question in (soap_question(hostile, "https://h.example/?a&b"), pox_question(hostile)):
        assert hostile in [element.text for element in etree.fromstring(question).iter()]


def test_official_samples_are_read() -> None:
    samples = folder() / "examples"
    expected: dict[str, Answer] = {
        "AutodiscoverGetUserSettingsResponseMessage-01.xml": OtherAddress(address="elvin@mail.contoso.com"),
        "AutodiscoverGetUserSettingsResponseMessage-02.xml": OtherAddress(address="User1@mail.Contoso.com"),
        "AutodiscoverGetUserSettingsResponseMessage-03.xml": Address(url="https://server.Contoso.com/ews/exchange.asmx"),
        "AutodiscoverGetUserSettingsResponseMessage-04.xml": NO_SERVER,
        "PoxAutodiscover-01.xml": OtherAddress(address="elvin@mail.contoso.com"),
        "PoxAutodiscover-03.xml": Address(url="https://mail.contoso.com/EWS/Exchange.asmx"),
        "PoxAutodiscover-08.xml": Address(url="https://mail.contoso.com/ews/exchange.asmx"),
    }
    found = {name: (pox_answer if name.startswith("Pox") else soap_answer)((samples / name).read_bytes()) for name in expected}
    assert found == expected
