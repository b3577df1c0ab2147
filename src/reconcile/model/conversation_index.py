"""The conversation index of Outlook and Exchange: where a message stands in its thread ([MS-OXOMSG] 2.2.1.3, header Thread-Index).

22 octets name the conversation (a reserved 0x01, five octets of a FILETIME, a GUID), and each answer adds five. What one message bears
begins with what the message before it bears.
"""

from __future__ import annotations

import base64
import binascii
from datetime import UTC, datetime

ROOT = 22
STEP = 5
#: Deeper threads than this are nobody's conversation.
MOST_STEPS = 400
_LONGEST = (ROOT + MOST_STEPS * STEP + 2) // 3 * 4
_EPOCH = datetime(1601, 1, 1, tzinfo=UTC)


def parse_conversation_index(text: str) -> bytes:
    """The octets of a Thread-Index header; b"" for what is none: then it is no clue. Space is left out (the header may be folded)."""
    if not text or len(text) > 2 * _LONGEST:
        return b""
    try:
        octets = base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        return b""
    size = len(octets)
    if size < ROOT or (size - ROOT) % STEP or size > ROOT + MOST_STEPS * STEP or octets[0] != 1 or not any(octets[6:ROOT]):
        return b""
    return octets


def new_conversation(guid: bytes, now: datetime) -> bytes:
    """The index of the first message of a conversation. `guid` is 16 random octets."""
    assert len(guid) == ROOT - 6, len(guid)
    return b"\x01" + _filetime(now).to_bytes(8, "big")[1:6] + guid


def answer(parent: bytes, salt: int, now: datetime) -> bytes:
    """The index of an answer to the message with `parent`; at the limit that of the parent itself. `salt` is a random octet.

    The five octets tell the time since the conversation began; the leading bit whether it is counted in units of 2^18 or 2^23 times
    100 ns.
    """
    if len(parent) >= ROOT + MOST_STEPS * STEP:
        return parent
    begun = int.from_bytes(parent[1:6], "big") << 16
    # The root keeps octets 1 to 5 of eight, so its highest octet is the one of today.
    passed = max(0, (_filetime(now) & ((1 << 56) - 1)) - begun)
    fine = passed >> 18
    # A span of more than 1.7 years is told in coarse units.
    value = fine & 0x7FFFFFFF if fine < 1 << 31 else 0x80000000 | ((passed >> 23) & 0x7FFFFFFF)
    return parent + value.to_bytes(4, "big") + bytes([salt & 0xFF])


def text_of_conversation_index(octets: bytes) -> str:
    """As the header holds it."""
    return base64.b64encode(octets).decode("ascii")


def ancestors(octets: bytes) -> tuple[bytes, ...]:
    """The indexes of the messages before this one, the parent first, the root last."""
    return tuple(octets[:end] for end in range(len(octets) - STEP, ROOT - 1, -STEP))


def _filetime(moment: datetime) -> int:
    """Units of 100 ns since 1601."""
    passed = moment.astimezone(UTC) - _EPOCH
    return (passed.days * 86_400 + passed.seconds) * 10_000_000 + passed.microseconds * 10
