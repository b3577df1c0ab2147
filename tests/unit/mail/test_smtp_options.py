"""What is said beside the addresses, what a server cannot carry, and how a mail stands on the wire. As tables."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconcile.mail.smtp_connection import dot_stuffed, has_whole_line_ends
from reconcile.mail.smtp_options import commands
from reconcile.ports.sender import Envelope, Reply

ALL = {"SIZE": "1000", "8BITMIME": "", "SMTPUTF8": "", "DSN": "", "PIPELINING": ""}
ASCII = b"X: y\r\n\r\ntext\r\n"
A, UMLAUT = "a@b.example", "jörg@b.example"


def envelope(content: bytes = ASCII, *, sender: str = A, to: tuple[str, ...] = (A,), reports: frozenset[str] | None = None) -> Envelope:
    return Envelope(sender=sender, recipients=to, content=content, reports=reports, id="1=x+y z@b.example")


MAILS = [
    (envelope(), {}, "MAIL FROM:<a@b.example>"),
    (envelope(), ALL, "MAIL FROM:<a@b.example> SIZE=14"),
    (envelope("X: y\r\n\r\nü\r\n".encode()), ALL, "MAIL FROM:<a@b.example> SIZE=12 BODY=8BITMIME"),
    (envelope("X: ü\r\n\r\nt\r\n".encode()), ALL, "MAIL FROM:<a@b.example> SIZE=12 BODY=8BITMIME SMTPUTF8"),
    (envelope(to=(UMLAUT,)), ALL, "MAIL FROM:<a@b.example> SIZE=14 SMTPUTF8"),
    (envelope(sender=UMLAUT), ALL, "MAIL FROM:<jörg@b.example> SIZE=14 SMTPUTF8"),
    (envelope(reports=frozenset()), ALL, "MAIL FROM:<a@b.example> SIZE=14 RET=HDRS ENVID=1+3Dx+2By+20z@b.example"),
    (envelope(reports=frozenset()), {}, "MAIL FROM:<a@b.example>"),
    (envelope(), {"SIZE": ""}, "MAIL FROM:<a@b.example> SIZE=14"),
    (envelope(), {"SIZE": "0"}, "MAIL FROM:<a@b.example> SIZE=14"),
]


@pytest.mark.parametrize(("mail", "extensions", "line"), MAILS)
def test_mail_says_what_the_server_offers_and_the_mail_needs(mail: Envelope, extensions: dict[str, str], line: str) -> None:
    found = commands(mail, extensions)
    assert (found.mail.decode(), found.obstacle) == (line, "")


REPORTS = [
    (None, "RCPT TO:<a@b.example>"),
    (frozenset(), "RCPT TO:<a@b.example> NOTIFY=NEVER"),
    (frozenset({"failure", "delay"}), "RCPT TO:<a@b.example> NOTIFY=DELAY,FAILURE"),
    (frozenset({"success"}), "RCPT TO:<a@b.example> NOTIFY=SUCCESS"),
]


@pytest.mark.parametrize(("reports", "line"), REPORTS)
def test_reports_are_asked_for_where_the_server_can(reports: frozenset[str] | None, line: str) -> None:
    assert commands(envelope(reports=reports), ALL).recipients == {A: line.encode()}
    assert commands(envelope(reports=reports), {}).recipients == {A: b"RCPT TO:<a@b.example>"}


OBSTACLES = [
    (envelope(b"X: y\r\n\r\n" + b"x" * 1000 + b"\r\n"), ALL, "at most 1,000"),
    (envelope("X: y\r\n\r\nü\r\n".encode()), {"SMTPUTF8": ""}, "8BITMIME"),
    (envelope("X: ü\r\n\r\nt\r\n".encode()), {"8BITMIME": ""}, "SMTPUTF8"),
    (envelope(sender=UMLAUT), {"8BITMIME": ""}, "SMTPUTF8"),
    (envelope(sender="a@b.example>\r\nRCPT TO:<x@y.example"), ALL, "no address"),
    (envelope(sender="a\x00@b.example"), ALL, "no address"),
]


@pytest.mark.parametrize(("mail", "extensions", "words"), OBSTACLES)
def test_what_a_server_cannot_carry_is_told_before(mail: Envelope, extensions: dict[str, str], words: str) -> None:
    assert words in commands(mail, extensions).obstacle


@pytest.mark.parametrize(
    "address",
    [
        "a@b.example\r\nDATA",
        "a@b.example> NOTIFY=NEVER",
        "a\n@b.example",
        "a b@c.example",
        "a\x85@b.example",
        "a\u2028@b.example",
        '"a\r\nb"@c.example',
    ],
)
def test_an_address_injects_nothing(address: str) -> None:
    found = commands(envelope(to=(address, A)), ALL)
    assert list(found.recipients) == [A]
    assert found.unsendable[address].status == "5.1.3"


def test_a_quoted_local_part_may_hold_what_others_may_not() -> None:
    assert commands(envelope(to=('"a <b>"@c.example',)), ALL).recipients == {'"a <b>"@c.example': b'RCPT TO:<"a <b>"@c.example>'}


def test_without_smtputf8_only_its_recipients_fail() -> None:
    found = commands(envelope(to=(UMLAUT, A)), {})
    assert (list(found.recipients), found.obstacle) == ([A], "")
    assert found.unsendable[UMLAUT].is_permanent
    assert "SMTPUTF8" in str(found.unsendable[UMLAUT])


STATUSES = [
    (Reply(code=450, text="4.7.1 greylisted"), "4.7.1"),
    (Reply(code=250, text="2.0.0 Ok: queued"), "2.0.0"),
    (Reply(code=550, text="4.7.1 of another class"), ""),
    (Reply(code=550, text="5.1.10"), "5.1.10"),
    (Reply(code=550, text="5.1.1234 no"), ""),
    (Reply(code=550, text="5.1.1x no"), ""),
    (Reply(code=550, text="no"), ""),
]


@pytest.mark.parametrize(("reply", "status"), STATUSES)
def test_the_enhanced_status_is_read(reply: Reply, status: str) -> None:
    assert reply.status == status


@given(st.lists(st.sampled_from([b".", b"..", b"a", b"\r\n", b"\r\n.", b" "]), max_size=30))
def test_a_stuffed_mail_ends_only_at_its_end(parts: list[bytes]) -> None:
    content = b"".join(parts) + b"\r\n"
    wire = dot_stuffed(content) + b".\r\n"
    assert (b"\r\n" + wire).index(b"\r\n.\r\n") == len(wire) - 3
    lines = wire[:-3].split(b"\r\n")
    assert b"\r\n".join(line[1:] if line.startswith(b".") else line for line in lines) == content


@pytest.mark.parametrize(
    ("content", "whole"),
    [(b"a\r\n", True), (b"\r\n", True), (b"a", False), (b"", False), (b"a\n\r\n", False), (b"a\rb\r\n", False), (b"\n\r\r\n", False)],
)
def test_bare_line_ends_are_found(content: bytes, whole: bool) -> None:
    assert has_whole_line_ends(content) is whole
