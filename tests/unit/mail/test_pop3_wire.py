"""POP3 as bytes: whatever the text and however it arrives, it comes out as it was; memory stays bounded."""

from __future__ import annotations

import socket
import threading
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconcile.mail.pop3 import wire as wires
from reconcile.mail.pop3.faults import Broken, Refused
from reconcile.mail.pop3.place import SAMPLE, Pop3Place, key_of
from reconcile.mail.pop3.received import received_at
from reconcile.mail.pop3.texts import header_of
from reconcile.mail.pop3.wire import Wire
from reconcile.model.cursor import Cursor


class Fed:
    """A socket that gives what it was fed, in pieces."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self.pieces = pieces
        self.sent = b""

    def recv(self, size: int, flags: int = 0) -> bytes:
        piece = next(self.pieces, b"")
        assert len(piece) <= size
        return piece

    def sendall(self, data: bytes) -> None:
        self.sent += data

    def settimeout(self, _: float | None) -> None: ...

    def close(self) -> None: ...


def cut(data: bytes, sizes: list[int]) -> Iterator[bytes]:
    at = 0
    while at < len(data):
        size = sizes[at % len(sizes)]
        yield data[at : at + size]
        at += size


def stuffed(raw: bytes) -> bytes:
    return b"+OK\r\n" + (b"\r\n" + raw).replace(b"\r\n.", b"\r\n..")[2:] + b".\r\n"


TEXTS = st.lists(st.sampled_from([b".", b"..", b"a", b"\r", b"\n", b"\r\n", b"\r\n.", b"\r\n..", b"." * 70, b"x" * 90]), max_size=40)


@given(st.lists(TEXTS, min_size=1, max_size=4), st.lists(st.integers(1, 40), min_size=1, max_size=7))
@settings(max_examples=150, deadline=None)
def test_texts_come_out_as_they_were(texts: list[list[bytes]], sizes: list[int]) -> None:
    raws = [raw + b"\r\n" if raw and not raw.endswith(b"\r\n") else raw for raw in (b"".join(parts) for parts in texts)]
    piece, wires.PIECE_BYTES = wires.PIECE_BYTES, 64
    try:
        wire = Wire(Fed(cut(b"".join(stuffed(raw) for raw in raws) + b"+OK last\r\n", sizes)))  # type: ignore[arg-type]
        wire.send([b"RETR 1"] * len(raws) + [b"NOOP"])
        for raw in raws:
            assert b"".join(wire.body()) == raw
        assert wire.status() == "last"
        assert wire.clean
    finally:
        wires.PIECE_BYTES = piece


@pytest.mark.parametrize("line", [b"y" * 76 + b"\r\n", b"y" * 64])
def test_a_text_of_any_size_takes_little_memory(line: bytes) -> None:
    """With and without line ends."""
    block = line * ((256 << 10) // len(line))
    wire = Wire(Fed(iter([b"+OK\r\n", *([block] * 400), b"\r\n.\r\n"])))  # type: ignore[arg-type]
    tracemalloc.start()
    size = 0
    for piece in wire.body():
        size += len(piece)
        assert len(piece) <= 2 << 20
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert size == len(block) * 400 + 2
    assert peak < 8 << 20


@pytest.mark.parametrize("answer", [b"+OK\r\nhalf a", b"+OK\r\nall\r\n.", b"+OK\r\nall\r\n.\r", b"+OK", b"", b"* OK\r\n", b"z" * 20000])
def test_what_ends_early_is_broken(answer: bytes) -> None:
    wire = Wire(Fed(iter([answer])))  # type: ignore[arg-type]
    wire.send([b"RETR 1"])
    with pytest.raises(Broken):
        list(wire.body())
    assert not wire.clean


def test_a_refusal_leaves_the_next_answer_readable() -> None:
    wire = Wire(Fed(iter([b"-ERR no\r\n+OK\r\ntext\r\n.\r\n"])))  # type: ignore[arg-type]
    wire.send([b"RETR 1", b"RETR 2"])
    with pytest.raises(Refused, match="no"):
        wire.body()
    assert b"".join(wire.body()) == b"text\r\n"
    assert wire.clean


def test_what_speaks_before_its_turn_is_seen() -> None:
    with pair() as (ours, theirs):
        wire = Wire(ours)
        assert not wire.spoke_early()
        theirs.sendall(b"+OK\r\n")
        assert wire.spoke_early()


@contextmanager
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


def test_quit_is_waited_for_only_where_everything_was_read() -> None:
    with pair() as (ours, theirs):
        wire = Wire(ours)
        wire.send([b"RETR 1"])
        wire.close()
        assert theirs.recv(100) == b"RETR 1\r\n"
        assert theirs.recv(100) == b""
    with pair() as (ours, theirs):
        thread = threading.Thread(target=lambda: theirs.sendall(b"+OK\r\n" * (theirs.recv(100) == b"QUIT\r\n")))
        thread.start()
        Wire(ours).close()
        thread.join(5)


RECEIVED = [
    (b"Received: from a by b; Thu, 01 Jan 2026 10:00:00 +0100\r\n\r\n", datetime(2026, 1, 1, 9, tzinfo=UTC)),
    (b"Return-Path: <>\r\nreceived:from a\r\n by b (x; y);\r\n\tThu,  1 Jan 2026 10:00:00 -0000 (UTC)\r\n\r\n", datetime(2026, 1, 1, 10, tzinfo=UTC)),
    (b"Received: by new; Fri, 02 Jan 2026 00:00:00 GMT\r\nReceived: by old; Thu, 01 Jan 2026 00:00:00 GMT\r\n\r\n", datetime(2026, 1, 2, tzinfo=UTC)),
    (b"Received: by new; no date at all\r\nReceived: by old; Thu, 01 Jan 2026 00:00:00 GMT\r\n\r\n", None),
    (b"Received: from a by b\r\n\r\n", None),
    (b"Subject: x\r\n\r\nReceived: by body; Thu, 01 Jan 2026 00:00:00 GMT\r\n", None),
    (b"X-Received: by x; Thu, 01 Jan 2026 00:00:00 GMT\r\n\r\n", None),
    (b"Received: ;Thu, 01 Jan 99999999999 00:00:00 +9999\r\n\r\n", None),
    (b"Received: ;Thu, 01 Jan 10000 00:00:00 +2359\r\n\r\n", None),
    (b"Received: ;\xff\x00\xfe\r\n\r\n", None),
    (b"Received: " + b"a; " * 100_000 + b"Thu, 01 Jan 2026 00:00:00 GMT\r\n\r\n", datetime(2026, 1, 1, tzinfo=UTC)),
    (b"", None),
]  # fmt: skip


@pytest.mark.parametrize(("header", "moment"), RECEIVED)
def test_the_topmost_received_field_tells_when(header: bytes, moment: datetime | None) -> None:
    assert received_at(header) == moment


HEADERS = [
    (b"a: b\r\n\r\nbody", b"a: b\r\n\r\n"),
    (b"\r\nbody\r\n\r\n", b"\r\n"),
    (b"a: b\r\n", b"a: b\r\n"),
    (b"", b""),
    (b"x" * 300_000, b"x" * (256 << 10)),
]


@pytest.mark.parametrize(("head", "header"), HEADERS)
def test_the_header_ends_with_the_empty_line(head: bytes, header: bytes) -> None:
    assert header_of(head) == header


def test_a_cursor_comes_back_as_it_was() -> None:
    keys = [key_of(f"{number}:uid") for number in range(1000)]
    place = Pop3Place(account="h/ü", listing="d", messages=3, sizes=(1, 2)).with_decided(keys)
    again = Pop3Place.of(place.cursor())
    assert again is not None
    assert (again.account, again.sizes, again.keys) == ("h/ü", (1, 2), {*keys})
    # Ten thousand mailboxes with a thousand messages each keep this in a row each.
    assert len(place.cursor().value) < 11_000
    assert len({*keys}) == 1000


@pytest.mark.parametrize("value", ["", "[]", "[2, 1]", "{}", '[1, "a", "", 3, [], "###"]', '[1, "a", "", 3, 5, ""]', "\x00"])
def test_a_cursor_of_another_kind_begins_anew(value: str) -> None:
    assert Pop3Place.of(Cursor("pop3", value)) is None
    assert Pop3Place.of(Cursor("imap", value)) is None


def test_sizes_of_a_large_mailbox_are_a_sample() -> None:
    from reconcile.mail.pop3.listing import Listing

    for count in (0, 1, 31, 32, 33, 1000):
        sizes = "".join(f"{number} {number}\r\n" for number in range(1, count + 1)).encode()
        listing = Listing(sizes, sizes)
        assert len(listing.items) == count
        assert len(listing.sizes()) == min(count, SAMPLE)
