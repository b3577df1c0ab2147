"""Filters from the command line against Dovecot: what is tracked, what is ignored, and why."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.dovecot import PASSWORD, Dovecot, running
from support.mail_estate import MailEstate

pytestmark = pytest.mark.servers
SALES, SUPPORT = "sales@contoso.example", "support@contoso.example"


@pytest.fixture(scope="module")
def dovecot() -> Iterator[Dovecot]:
    with running(users=dict.fromkeys((SALES, SUPPORT), PASSWORD)) as server:
        yield server


def mail(number: int, *, to: str = SALES, sender: str = "customer@fabrikam.example", more: bytes = b"") -> bytes:
    head = f"Message-ID: <{number}@fabrikam.example>\r\nSubject: {number}\r\nFrom: {sender}\r\nTo: {to}\r\n".encode()
    return head + more + b"\r\nbody\r\n"


def estate(dovecot: Dovecot, folder: Path, filter_: str) -> MailEstate:
    made = MailEstate(folder=folder, imap=dovecot.imaps, authority=dovecot.authority, password=PASSWORD)
    path = made.estate / "sales.yaml"
    path.write_text(path.read_text().replace("filter: all", f"filter: {filter_}").replace("outgoing: server-side", "outgoing: none"))
    made("apply", "--yes")
    return made


def activities(made: MailEstate) -> list[dict[str, object]]:
    return [json.loads(line) for line in made("activities", "list", "--output", "json").out.splitlines()]


def test_replies_only_and_why_not(dovecot: Dovecot, tmp_path: Path) -> None:
    dovecot.deliver(SALES, mail(1))
    first = estate(dovecot, tmp_path / "all", "all")
    first("sync")
    path = first.estate / "sales.yaml"
    path.write_text(path.read_text().replace("filter: all", "filter: replies"))
    first("apply", "--yes")
    dovecot.deliver(SALES, mail(2))
    dovecot.deliver(SALES, mail(3, more=b"In-Reply-To: <1@fabrikam.example>\r\n"))
    # A reply to a reply that comes with the same look.
    dovecot.deliver(SALES, mail(4, more=b"In-Reply-To: <3@fabrikam.example>\r\n"))
    result = first("sync", "--output", "json").document["mailboxes"][0]
    assert (result["tracked"], result["ignored"]) == (2, 1)
    listed = activities(first)
    assert sorted(each["subject"] for each in listed) == ["1", "3", "4"]
    told = first("explain", "message", "<2@fabrikam.example>", "--output", "json").document
    (decision,) = told["decisions"]
    assert (decision["outcome"], decision["reason"], decision["mailbox"]) == ("ignored", "no-correlation-match", "sales")
    assert {"name": "answers", "text": "no mail of ours"} in decision["facts"]
    (same,) = first("explain", "message", f"sales:{decision['number']}", "--output", "json").document["decisions"]
    assert same == decision
    four = next(each["id"] for each in listed if each["subject"] == "4")
    (why,) = first("explain", "message", str(four), "--output", "json").document["decisions"]
    assert (why["outcome"], why["reason"], why["tracking"]["correlation"]["method"]) == ("tracked", "reply", "in-reply-to")
    three = next(each["id"] for each in listed if each["subject"] == "3")
    assert why["tracking"]["correlation"]["correlated"] == {"kind": "email", "id": three}
    assert "no-correlation-match" in first("explain", "message", "2@fabrikam.example").out
    assert "was seen in an Inbox" in first("explain", "message", "nowhere@fabrikam.example").out
    assert first("sync", "--output", "json").document["mailboxes"][0]["read"] == 0
