"""Autodiscover of the sandbox's Exchange, asked by our own client's questions and read by its answers."""

from __future__ import annotations

import base64
import json
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest

from reconcile.mail.autodiscover.answers import json_answer, pox_answer, pox_question, soap_answer, soap_question
from reconcile.mail.autodiscover.found import Address, Nothing
from support.exchange_sandbox import PASSWORD, SALES, ExchangeSandbox, exchange_sandbox

_BASIC = {"Authorization": "Basic " + base64.b64encode(f"{SALES}:{PASSWORD}".encode()).decode()}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[ExchangeSandbox]:
    with exchange_sandbox() as served:
        yield served


def ask(sandbox: ExchangeSandbox, path: str, body: bytes | None = None, headers: dict[str, str] | None = None) -> tuple[int, bytes]:
    url = sandbox.url.removesuffix("/EWS/Exchange.asmx") + path
    request = urllib.request.Request(url, body, {"Content-Type": "text/xml; charset=utf-8", **(headers or {})})
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


def test_json_needs_no_credentials(sandbox: ExchangeSandbox) -> None:
    status, content = ask(sandbox, f"/autodiscover/autodiscover.json/v1.0/{SALES}?Protocol=EWS")
    assert (status, json_answer(content)) == (200, Address(url=sandbox.url))


@pytest.mark.parametrize(
    ("rest", "status", "code"),
    [
        ("nobody@contoso.example?Protocol=EWS", 404, "UserNotFound"),
        ("?Protocol=EWS", 404, "UserNotFound"),
        (f"{SALES}?Protocol=MAPI", 400, "InvalidProtocol"),
        (SALES, 400, "InvalidProtocol"),
    ],
)
def test_json_says_what_is_wrong(sandbox: ExchangeSandbox, rest: str, status: int, code: str) -> None:
    found, content = ask(sandbox, f"/autodiscover/autodiscover.json/v1.0/{rest}")
    assert (found, json.loads(content)["ErrorCode"]) == (status, code)


@pytest.mark.parametrize("path", ["/autodiscover/autodiscover.svc", "/autodiscover/autodiscover.xml"])
def test_the_others_want_credentials(sandbox: ExchangeSandbox, path: str) -> None:
    assert ask(sandbox, path, soap_question(SALES, sandbox.url))[0] == 401


def test_soap(sandbox: ExchangeSandbox) -> None:
    path = "/autodiscover/autodiscover.svc"
    assert soap_answer(ask(sandbox, path, soap_question(SALES, sandbox.url), _BASIC)[1]) == Address(url=sandbox.url)
    unknown = soap_answer(ask(sandbox, path, soap_question("nobody@contoso.example", sandbox.url), _BASIC)[1])
    assert unknown == Nothing(why="it answers InvalidUser", settled=True)
    for body, words in ((b"nonsense", b"no XML"), (b"<a/>", b"Only GetUserSettings")):
        status, content = ask(sandbox, path, body, _BASIC)
        assert status == 500
        assert words in content


def test_pox(sandbox: ExchangeSandbox) -> None:
    path = "/autodiscover/autodiscover.xml"
    assert pox_answer(ask(sandbox, path, pox_question(SALES), _BASIC)[1]) == Address(url=sandbox.url)
    assert pox_answer(ask(sandbox, path, pox_question("nobody@contoso.example"), _BASIC)[1]) == Nothing(why="it answers 500")
    assert pox_answer(ask(sandbox, path, b"nonsense", _BASIC)[1]) == Nothing(why="it answers 600")
