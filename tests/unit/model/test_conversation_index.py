"""The conversation index: read strictly, made as Outlook makes it."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta

import pytest

from reconcile.model.conversation_index import (
    MOST_STEPS,
    ancestors,
    answer,
    new_conversation,
    parse_conversation_index,
    text_of_conversation_index,
)

GUID = bytes(range(1, 17))
NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
ROOT = new_conversation(GUID, NOW)


def encoded(octets: bytes) -> str:
    return base64.b64encode(octets).decode()


def test_what_is_written_is_read() -> None:
    first = answer(ROOT, 7, NOW + timedelta(hours=1))
    second = answer(first, 300, NOW + timedelta(days=900))
    for octets in (ROOT, first, second):
        assert parse_conversation_index(text_of_conversation_index(octets)) == octets
    assert (len(ROOT), len(first), len(second)) == (22, 27, 32)
    assert ancestors(second) == (first, ROOT)
    assert ancestors(ROOT) == ()


def test_the_layout_is_that_of_the_protocol_document() -> None:
    # A FILETIME is in units of 100 ns since 1601; five of its octets follow the reserved one.
    assert ROOT[:1] == b"\x01"
    expected = (int((NOW - datetime(1601, 1, 1, tzinfo=UTC)).total_seconds()) * 10_000_000).to_bytes(8, "big")[1:6]
    assert ROOT[1:6] == expected
    assert ROOT[6:] == GUID


def test_the_time_since_the_beginning_is_told_in_fine_units_first() -> None:
    soon, late = answer(ROOT, 0, NOW + timedelta(minutes=1)), answer(ROOT, 0, NOW + timedelta(days=1000))
    assert soon[22] & 0x80 == 0
    assert late[22] & 0x80 == 0x80
    # 2^18 times 100 ns are 26 ms, and the beginning is kept to 6.5 ms.
    assert int.from_bytes(soon[22:26], "big") == pytest.approx(60e7 / 2**18, abs=2)
    assert int.from_bytes(late[22:26], "big") & 0x7FFFFFFF == pytest.approx(1000 * 86400e7 / 2**23, abs=2)
    assert answer(ROOT, 0, NOW - timedelta(days=1))[22:26] == bytes(4)


def test_space_of_a_folded_header_is_left_out() -> None:
    text = encoded(answer(ROOT, 1, NOW))
    assert parse_conversation_index(f" {text[:10]}\r\n\t{text[10:]} ") == answer(ROOT, 1, NOW)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "AQ==",
        "not base64!",
        encoded(ROOT)[:-4] + "====",
        encoded(ROOT[:21]),
        encoded(ROOT + b"1234"),
        encoded(b"\x02" + ROOT[1:]),
        encoded(ROOT[:6] + bytes(16)),
        encoded(ROOT + bytes(5 * (MOST_STEPS + 1))),
        "A" * 1_000_000,
        "\u00c4" * 32,
        encoded(ROOT).replace("A", "\uff21", 1),
        "\ud800" * 32,
    ],
)
def test_what_is_malformed_is_no_clue(text: str) -> None:
    assert parse_conversation_index(text) == b""


def test_a_thread_ends_to_grow() -> None:
    deepest = ROOT + bytes(5 * MOST_STEPS)
    assert parse_conversation_index(encoded(deepest)) == deepest
    assert answer(deepest, 1, NOW) == deepest
