"""SEARCH: what it refuses, and the corners the client libraries do not reach."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from reconcile.sandbox.accounts import Message
from reconcile.sandbox.imap.grammar import BadCommand, parse
from reconcile.sandbox.imap.search import BadCharset, Candidate
from reconcile.sandbox.imap.search import parse as parse_search

MESSAGE = Message(
    uid=7,
    raw="Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\nDate: Mon, 02 Mar 2026 23:30:00 -0500\r\nX-Empty:\r\n\r\nKörper\r\n".encode(),
    internal_date=datetime(2026, 3, 3, 4, 31, tzinfo=UTC),
    flags=frozenset({"\\Seen", "urgent"}),
)


@pytest.mark.parametrize(
    ("criteria", "expected"),
    [
        ("SUBJECT {6}\r\nGrüße".replace("{6}", "{7}"), True),
        ("BODY {7}\r\nkörper", True),
        ("TEXT =?utf-8?q?gr", True),
        ("SENTON 2-Mar-2026", True),
        ("ON 2-Mar-2026", False),
        ("SENTBEFORE 2-Mar-2026", False),
        ("SENTSINCE 2-mar-2026", True),
        ("KEYWORD URGENT", True),
        ("UNKEYWORD urgent", False),
        ("HEADER X-Empty {0}\r\n", True),
        ("HEADER X-Missing {0}\r\n", False),
        ("SMALLER 10", False),
        ("3", True),
        ("1:2", False),
        ("*", True),
        ("CHARSET UTF-8 NOT OR SEEN DELETED", False),
        ("(ALL OLD) UNDRAFT", True),
        ("RETURN () NEW", False),
    ],
)
def test_criteria(criteria: str, expected: bool) -> None:
    command = parse(f"a SEARCH {criteria}".encode())
    found = parse_search(command.arguments, largest_sequence=3, largest_uid=7)
    assert found.matches(Candidate(sequence=3, message=MESSAGE)) is expected


@pytest.mark.parametrize(
    "criteria",
    ["", "FUZZY x", "SINCE 31-Feb-2026", "SINCE yesterday", "UID x", "LARGER x", "LARGER 99999999999", "OR SEEN", "NOT", "HEADER From", "0", "RETURN ALL ALL", "RETURN (SAVE) ALL", "()"],
)  # fmt: skip
def test_criteria_that_are_none(criteria: str) -> None:
    with pytest.raises(BadCommand):
        parse_search(parse(f"a SEARCH {criteria}".strip().encode()).arguments, largest_sequence=3, largest_uid=7)


def test_a_charset_it_does_not_know() -> None:
    with pytest.raises(BadCharset):
        parse_search(parse(b"a SEARCH CHARSET KOI8-R ALL").arguments, largest_sequence=1, largest_uid=1)
