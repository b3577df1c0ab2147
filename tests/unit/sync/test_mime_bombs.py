"""Mail that is made to exhaust whoever looks into it: depth, number of parts and length of text have an end, and that end is told."""

from __future__ import annotations

import base64
import time

from reconcile.sync.decide.text import DEEPEST, LONGEST_TEXT, MOST_PARTS, attached_files, parse_text

_HEAD = b"From: a@example.org\r\nMIME-Version: 1.0\r\n"


def nested(levels: int) -> bytes:
    """A multipart in a multipart, and so on; in the innermost one stands a text."""
    opened = b"".join(b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (level, level) for level in range(levels))
    return _HEAD + opened + b"Content-Type: text/plain\r\n\r\ninnermost\r\n"


def flat(parts: int) -> bytes:
    """So many attachments."""
    one = b"--x\r\nContent-Type: application/octet-stream; name=a\r\n\r\nx\r\n"
    return _HEAD + b"Content-Type: multipart/mixed; boundary=x\r\n\r\n" + one * parts + b"--x--\r\n"


def test_depth_has_an_end() -> None:
    within, beyond = parse_text(nested(DEEPEST)), parse_text(nested(DEEPEST + 2))
    assert (within.text.strip(), "nested-too-deep" in within.defects) == ("innermost", False)
    assert (beyond.text, "nested-too-deep" in beyond.defects) == ("", True)


def test_the_number_of_parts_has_an_end() -> None:
    found = parse_text(flat(MOST_PARTS + 500))
    assert len(found.attachments) == MOST_PARTS
    assert "too-many-parts" in found.defects
    assert len(attached_files(flat(MOST_PARTS + 500))) == MOST_PARTS
    assert "too-many-parts" not in parse_text(flat(MOST_PARTS - 1)).defects


def test_the_length_of_a_text_has_an_end() -> None:
    found = parse_text(_HEAD + b"Content-Type: text/plain\r\n\r\n" + b"x" * (LONGEST_TEXT + 1000))
    assert len(found.text) == LONGEST_TEXT
    assert "text-cut" in found.defects


def test_a_bomb_of_levels_is_neither_fatal_nor_slow() -> None:
    started = time.process_time()
    parse_text(nested(500))
    assert time.process_time() - started < 10


def test_a_mail_in_a_mail_in_a_mail_is_one_attachment() -> None:
    """Recursive message/rfc822: nobody opens them one by one."""
    inner = b"Subject: innermost\r\n\r\nx\r\n"
    for _ in range(60):
        inner = b"Content-Type: message/rfc822\r\n\r\n" + inner
    found = parse_text(_HEAD + inner)
    assert (found.text, len(found.attachments)) == ("", 1)


def test_an_attachment_that_is_base64_weighs_what_it_is() -> None:
    data = base64.encodebytes(b"\0" * 3_000_000).replace(b"\n", b"\r\n")
    found = parse_text(_HEAD + b"Content-Type: application/zip; name=bomb.zip\r\nContent-Transfer-Encoding: base64\r\n\r\n" + data)
    assert [(one.name, one.size) for one in found.attachments] == [("bomb.zip", 3_000_000)], "an archive is never opened"
