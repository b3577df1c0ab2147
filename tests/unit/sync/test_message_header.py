"""The header scan: what it says, and that it never raises."""

from __future__ import annotations

import hashlib

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from reconcile.model.content_digest import content_digest, content_header
from reconcile.model.message import Party
from reconcile.sync.decide.describe import Describer, describe
from reconcile.sync.decide.header import scan
from reconcile.sync.decide.text import parse_text
from support.described import described
from support.hostile import HOSTILE


def field(name: str, raw: bytes) -> object:
    return getattr(scan(raw), name)


@pytest.mark.parametrize(
    ("raw", "name", "expected"),
    [
        (b"Subject: plain\r\n\r\n", "subject", "plain"),
        (b"subject:no space\r\n\r\n", "subject", "no space"),
        (b"Subject: folded\r\n  over lines\r\n\r\n", "subject", "folded  over lines"),
        (b"Subject: =?utf-8?q?gr=C3=BC=C3=9Fe?= and =?iso-8859-1?Q?=E4_b?=\r\n\r\n", "subject", "gr\u00fc\u00dfe and \u00e4 b"),
        (b"Subject: =?utf-8?B?w6k=?=\r\n =?utf-8?B?w6k=?=\r\n\r\n", "subject", "\u00e9\u00e9"),
        (b"Subject: =?utf-8?q?=C3?= =?utf-8?q?=BC?=\r\n\r\n", "subject", "\u00fc"),
        (b"Subject: =?utf-8*de?q?x?= y\r\n\r\n", "subject", "x y"),
        (b"Subject: gr\xc3\xbc\xc3\x9fe\r\n\r\n", "subject", "gr\u00fc\u00dfe"),
        (b"Subject: gr\xfc\xdfe\r\n\r\n", "subject", "gr\u00fc\u00dfe"),
        (b"X-Subject: other\r\nSubject: mine\r\n\r\n", "subject", "mine"),
        (b"From: A <a@Contoso.Example>\r\n\r\n", "sender", Party("a@contoso.example", "A")),
        (b"From: a@contoso.example\r\n\r\n", "sender", Party("a@contoso.example")),
        (b'From: "Last, First" <a@contoso.example>\r\n\r\n', "sender", Party("a@contoso.example", "Last, First")),
        (b"From: =?utf-8?q?J=C3=B6rg?= <j@contoso.example>\r\n\r\n", "sender", Party("j@contoso.example", "J\u00f6rg")),
        (b"From: a@contoso.example (A B)\r\n\r\n", "sender", Party("a@contoso.example", "A B")),
        (
            b"To: a@x.example, B <b@x.example>,\r\n c@x.example\r\n\r\n",
            "to",
            (Party("a@x.example"), Party("b@x.example", "B"), Party("c@x.example")),
        ),
        (b"To: a@x.example\r\nTo: b@x.example\r\n\r\n", "to", (Party("a@x.example"), Party("b@x.example"))),
        (b"To: F: a@x.example, b@x.example;\r\n\r\n", "to", (Party("a@x.example"), Party("b@x.example"))),
        (b"Message-ID: <a@b>\r\n\r\n", "message_id", "<a@b>"),
        (b"Message-ID:\r\n <a@b>\r\n\r\n", "message_id", "<a@b>"),
        (b"Message-ID: a@b\r\n\r\n", "message_id", "a@b"),
        (b"Message-ID: <[a@b]>\r\n\r\n", "message_id", "<[a@b]>"),
        (b"Message-ID: \r\n\r\n", "message_id", ""),
        (b"References: <a@b>\t<c@d>\r\n <e@f>\r\n\r\n", "references", ("<a@b>", "<c@d>", "<e@f>")),
        (b"In-Reply-To: <a@b> (of Monday)\r\n\r\n", "in_reply_to", "<a@b>"),
        (b"Date: Mon, 2 Mar 2026 10:00:00 +0130\r\n\r\n", "sent", "2026-03-02T08:30:00Z"),
        (b"Date: 2 Mar 2026 10:00:00 GMT\r\n\r\n", "sent", "2026-03-02T10:00:00Z"),
        (b"Date: Mon, 2 Mar 2026 10:00:60 -0000 (UTC)\r\n\r\n", "sent", "2026-03-02T10:00:59Z"),
        (b"Date: Mon, 2 Mar 26 10:00:00 EST\r\n\r\n", "sent", "2026-03-02T15:00:00Z"),
        (b"Date: Fri, 31 Dec 9999 23:59:59 -1200\r\n\r\n", "sent", ""),
        (b"Date: yesterday\r\n\r\n", "sent", ""),
    ],
)
def test_scan(raw: bytes, name: str, expected: object) -> None:
    assert field(name, raw) == expected


@pytest.mark.parametrize(
    ("raw", "defect"),
    [
        (b"no header at all", "no-header"),
        (b"Subject: x\r\n\r\n", "no-message-id"),
        (b"Message-ID: a\r\n\r\n", "message-id-without-brackets"),
        (b"From: a@x.example\r\nFrom: b@x.example\r\n\r\n", "from-repeated"),
        (b"To: @@@\r\n\r\n", "addresses-unreadable"),
        (b"Date: never\r\n\r\n", "date-unreadable"),
        (b"Subject: \xff\r\n\r\n", "undeclared-8bit"),
        (b"Subject: =?nope?q?x?=\r\n\r\n", "encoded-word-unreadable"),
        (b"Subject: a\x00b\r\n\r\n", "nul-in-header"),
    ],
)
def test_defects(raw: bytes, defect: str) -> None:
    assert defect in scan(raw).defects


def test_a_message_without_an_empty_line_is_marked() -> None:
    found = describe(b"From: a@x.example\r\nSubject: x")
    assert "no-header-end" in found.header.defects
    assert found.header.subject == "x"


@pytest.mark.parametrize(("name", "raw"), HOSTILE, ids=[name for name, _ in HOSTILE])
@pytest.mark.parametrize("size", [1, 7, 1 << 16])
def test_chunks_make_no_difference(name: str, raw: bytes, size: int) -> None:
    describer = Describer()
    for start in range(0, len(raw), size):
        describer.take(raw[start : start + size])
    assert describer.finish() == described(raw)
    assert (describe(raw).raw, describe(raw).content) == (hashlib.sha256(raw).digest(), b"")
    assert content_digest([raw[at : at + size] for at in range(0, len(raw), size)], describe(raw).header_length) == described(raw).content
    assert parse_text(raw) == parse_text(raw)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [
                b"Subject:",
                b"From:",
                b"To: ",
                b"Date: ",
                b"Message-ID:",
                b"=?utf-8?q?",
                b"?=",
                b"=?x?b?",
                b"<",
                b">",
                b"@",
                b'"',
                b"\\",
                b",",
                b";",
                b"(",
                b"\r\n",
                b"\n",
                b" ",
                b"\x00",
                b"\xff",
                b"a",
                b"Content-Type: multipart/mixed; boundary=a",
                b"--a",
            ]
        ),
        max_size=40,
    ).map(b"".join)
    | st.binary(max_size=300)
)
def test_no_octets_raise(raw: bytes) -> None:
    found = describe(raw)
    for text in (found.header.subject, found.header.message_id, *(party.address + party.name for party in found.header.to)):
        text.encode("utf-8")
    parse_text(raw).text.encode("utf-8")


def test_a_hostile_header_costs_no_more_than_its_length() -> None:
    import time

    for raw in (
        b"To: " + b"a" * 200_000,
        b"To: " + b'"' * 100_000,
        b"To: " + b"(" * 50_000,
        b"Subject: " + b"=?" * 100_000,
        b"Subject: x\r\n" + b" \r\n" * 100_000,
        b"References: " + b"<" * 100_000,
        b"X-A: b\r\n" * 50_000,
        b"Date: " + b" " * 50_000,
    ):
        started = time.perf_counter()
        describe(raw)
        assert time.perf_counter() - started < 2, raw[:20]


def test_trace_headers_are_no_content() -> None:
    base = b"Message-ID: <a@b>\r\nSubject: x\r\n\r\n"
    trace = (
        b"Received: from a\r\n by b\r\n\tfor c; date\r\nReturn-Path: <>\r\nDelivered-To: x\r\nX-Anything: y\r\nAuthentication-Results: z\r\n"
        b"ARC-Seal: i=1;\r\n b=c\r\nDKIM-Signature: v=1\r\nReceived-SPF: pass\r\n"
    )
    assert content_header(trace + base) == base
    assert content_header(base.replace(b"\r\n\r\n", b"\r\nX-Last: 1\r\n\r\n")) == base
    assert content_header(b"Subject: Received: not a field\r\n\r\n") == b"Subject: Received: not a field\r\n\r\n"


@pytest.mark.parametrize(
    ("raw", "text", "attachments"),
    [
        (b"Subject: x\r\n\r\nplain\r\n", "plain\n", []),
        (b"Content-Type: text/html\r\n\r\n<p>Hi <b>you</b><script>no()</script></p>", "Hi you", []),
        (
            (
                b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\nContent-Type: text/plain; charset=iso-8859-1\r\n"
                b'Content-Transfer-Encoding: quoted-printable\r\n\r\n=E4\r\n--x\r\nContent-Type: application/pdf; name="=?utf-8?q?=C3=A4.pdf?="\r\n'
                b"Content-Disposition: attachment\r\nContent-Transfer-Encoding: base64\r\n\r\nAAAA\r\n--x--\r\n"
            ),
            "\u00e4",
            [("\u00e4.pdf", "application/pdf", 3)],
        ),
        (
            b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\nContent-Type: message/rfc822\r\n\r\nSubject: inner\r\n\r\ninner text\r\n--x--\r\n",
            "",
            [("", "message/rfc822", 28)],
        ),
    ],
)
def test_text_and_attachments(raw: bytes, text: str, attachments: list[tuple[str, str, int]]) -> None:
    found = parse_text(raw)
    assert found.text.strip() == text.strip()
    assert [(each.name, each.content_type) for each in found.attachments] == [(name, kind) for name, kind, _ in attachments]
