"""More than two hundred messages as nobody should send them: every header with every sort of nasty value, and bombs of parts and headers."""

from __future__ import annotations

import base64
from collections.abc import Iterator

from support.hostile import HOSTILE

_HEADERS = (
    *("From", "To", "Cc", "Reply-To", "Subject", "Date", "Message-ID", "References", "In-Reply-To", "Thread-Index"),
    *("Content-Type", "Content-Transfer-Encoding", "Auto-Submitted", "Return-Path", "Received"),
)
_VALUES: tuple[tuple[str, bytes], ...] = (
    ("NUL", b"a\x00b <x\x00@contoso.example>"),
    ("8-bit", b"gr\xfc\xdfe <\xe4@contoso.example>"),
    ("escapes", b"\x1b]0;owned\x07\x1b[31m<a@contoso.example>"),
    ("bidi and zero width", "\u202e\u200b\ufeff<a@contoso.example>".encode()),
    ("unclosed", b'"<([=?utf-8?b?'),
    ("encoded line break", b"=?utf-8?q?a=0D=0ABcc:_b@contoso.example?="),
    ("60 KB", b"x" * 60_000),
    ("30,000 folds", b"a" + b"\r\n b" * 30_000),
    ("numbers", b"99999999999999999999 99:99:99 +99999"),
    ("only spaces", b"  \r\n \t \r\n "),
    ("punctuation", b',;:<>@[]\\"()' * 50),
)


def _nested(levels: int) -> bytes:
    head = b"".join(b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (level, level) for level in range(levels))
    return b"Message-ID: <nested-%d@contoso.example>\r\n" % levels + head + b"\r\nend"


def _forwarded(levels: int) -> bytes:
    return b"Message-ID: <forwarded@contoso.example>\r\n" + b"Content-Type: message/rfc822\r\n\r\n" * levels + b"Subject: x\r\n\r\nend"


def _parts(count: int) -> bytes:
    head = b"Message-ID: <parts-%d@contoso.example>\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n" % count
    return head + b"--x\r\n\r\na\r\n" * count + b"--x--\r\n"


def _bombs() -> Iterator[tuple[str, bytes]]:
    for levels in (10, 100, 1_000, 10_000):
        yield f"{levels} nested multiparts", _nested(levels)
    for count in (1_000, 10_000, 100_000):
        yield f"{count} parts", _parts(count)
    yield "1,000 forwarded messages in each other", _forwarded(1_000)
    yield "20,000 header fields", b"".join(b"X-%d: y\r\n" % number for number in range(20_000)) + b"\r\nbody"
    yield "a header of 5 MB without end", b"Subject: " + b"y" * 5_000_000
    yield "100,000 recipients", b"To: " + b",\r\n ".join(b"a%d@contoso.example" % number for number in range(100_000)) + b"\r\n\r\nbody"
    yield "20,000 references", b"References: " + b"\r\n ".join(b"<%d@contoso.example>" % number for number in range(20_000)) + b"\r\n\r\n"
    yield "10,000 encoded words", b"Subject: " + b" ".join([b"=?utf-8?b?w7w=?="] * 10_000) + b"\r\n\r\n"
    yield "a boundary of 60 KB", b"Content-Type: multipart/mixed; boundary=" + b"z" * 60_000 + b"\r\n\r\n--" + b"z" * 60_000 + b"\r\n\r\nx"
    yield "base64 of 8 MB in one line", b"Content-Transfer-Encoding: base64\r\n\r\n" + base64.b64encode(bytes(6_000_000))
    yield "quoted-printable without end", b"Content-Transfer-Encoding: quoted-printable\r\n\r\n" + b"=" * 500_000
    yield "a parameter in 5,000 pieces", b"Content-Type: text/plain; " + b"; ".join(b"name*%d*=a" % n for n in range(5_000)) + b"\r\n\r\nx"
    yield "nested comments", b"From: " + b"(" * 20_000 + b"a@contoso.example" + b")" * 20_000 + b"\r\n\r\n"
    yield "nested groups", b"To: " + b"g:" * 10_000 + b"a@contoso.example" + b";" * 10_000 + b"\r\n\r\n"
    yield "the same Message-ID", b"Message-ID: <same@contoso.example>\r\n\r\none"
    yield "the same Message-ID with other content", b"Message-ID: <same@contoso.example>\r\n\r\ntwo"


def corpus() -> list[tuple[str, bytes]]:
    """(name, bytes), about 50 MB in all."""
    values = [
        (f"{header}: {name}", header.encode() + b": " + value + b"\r\nX-Name: %d\r\n\r\nbody\r\n" % (100 * one + two))
        for one, header in enumerate(_HEADERS)
        for two, (name, value) in enumerate(_VALUES)
    ]
    return [*HOSTILE, *values, *_bombs()]
