"""The mail that a forwarding rule attached, octet for octet; and nothing that only looks like one."""

from __future__ import annotations

import base64
import time

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from reconcile.sync.decide.unwrap import unwrapped

INNER = b"From: a@fabrikam.example\r\nSubject: \xfc inner\r\n\r\nbody\r\n--=_b-not\r\n\r\n"


def wrapped(part: bytes, *, boundary: bytes = b"=_b", kind: bytes = b"multipart/mixed", end: bool = True) -> bytes:
    head = b'From: rule@contoso.example\r\nContent-Type: %s;\r\n boundary="%s"\r\n\r\npreamble\r\n' % (kind, boundary)
    first = b"--%s\r\n\r\ntext\r\n--%s\r\n%s" % (boundary, boundary, part)
    return head + first + (b"\r\n--%s--\r\nepilogue" % boundary if end else b"")


def attached(inner: bytes = INNER, more: bytes = b"") -> bytes:
    return b"Content-Type: message/rfc822; name=x.eml\r\n" + more + b"\r\n" + inner


@pytest.mark.parametrize(
    "message",
    [
        wrapped(attached()),
        wrapped(attached()).replace(b"\r\n", b"\n").replace(INNER.replace(b"\r\n", b"\n"), INNER),
        wrapped(attached(base64.encodebytes(INNER).replace(b"\n", b"\r\n"), b"Content-Transfer-Encoding: base64\r\n")),
        wrapped(attached(), end=False),
        b"Content-Type: message/rfc822\r\n\r\n" + INNER,
        wrapped(wrapped(attached(), boundary=b"inside")),
        wrapped(attached(), boundary=b"a+b(c)"),
    ],
)
def test_what_was_attached_comes_out_as_it_was(message: bytes) -> None:
    assert unwrapped(message) == INNER


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"no header",
        b"Subject: x\r\n\r\nbody",
        wrapped(b"Content-Type: application/pdf\r\n\r\nx"),
        wrapped(attached(), kind=b"multipart/mixed; boundary=other"),
        b"Content-Type: multipart/mixed\r\n\r\n--x\r\nContent-Type: message/rfc822\r\n\r\nx",
        wrapped(attached(b"!!!!=", b"Content-Transfer-Encoding: base64\r\n")),
        # deeper than any rule makes
        wrapped(wrapped(wrapped(wrapped(attached(), boundary=b"4"), boundary=b"3"), boundary=b"2")),
    ],
)
def test_what_is_no_forwarded_mail_gives_nothing(message: bytes) -> None:
    assert unwrapped(message) is None


@pytest.mark.parametrize(
    "second",
    [
        attached(b"Message-ID: <2@fabrikam.example>\r\n\r\nanother"),
        wrapped(attached(), boundary=b"inside"),
        attached(b"!!!!=", b"Content-Transfer-Encoding: base64\r\n"),
    ],
    ids=["beside it", "deeper", "not to be decoded"],
)
def test_of_several_none_is_taken_because_the_others_would_be_lost_with_the_mail(second: bytes) -> None:
    """Where deleteAfterProcessing is declared, the mail that holds them would go once the first is kept."""
    assert unwrapped(wrapped(attached() + b"\r\n--=_b\r\n" + second)) is None


def test_bombs_cost_little() -> None:
    many = b"Content-Type: multipart/mixed; boundary=x\r\n\r\n" + b"--x\r\n\r\n" * 200_000
    deep = INNER
    for number in range(2000):
        deep = wrapped(deep, boundary=b"b%d" % number)
    begun = time.process_time()
    assert unwrapped(many) is None
    assert unwrapped(deep) is None
    assert time.process_time() - begun < 1


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300))
def test_nothing_raises_and_what_is_attached_survives(inner: bytes) -> None:
    unwrapped(inner)
    if b"--=_b" not in inner:
        assert unwrapped(wrapped(attached(inner))) == inner
