"""What the maildrop holds: LIST and UIDL (RFC 1939, sections 5 and 7), and what stands in for UIDL where a server lacks it.

A message is identified by its size and its unique-id together. A unique-id alone would do if every server kept to section 7; one that
gives it to another message later would have that message passed over, and with the size that is very nearly excluded. Two
messages with the same unique-id (RFC 1939 allows it for identical copies) are told apart by counting.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from reconcile.errors import Unsupported
from reconcile.mail.pop3.faults import Broken, Refused
from reconcile.mail.pop3.place import PROTOCOL, SAMPLE, Pop3Place, key_of
from reconcile.mail.pop3.session import Session
from reconcile.mail.pop3.texts import tops
from reconcile.model.remote_id import RemoteId

#: Without UIDL each look reads every header; more than so many would keep the mailbox locked for minutes.
MOST_WITHOUT_UIDL = 2000
_LONGEST_ID = 200
#: What servers write into a header themselves, and change (mbox).
_CHANGING = re.compile(rb"(?im)^(?:status|x-status|x-uidl|x-keywords|x-imap|x-imapbase)[ \t]*:[^\r\n]*(?:\r?\n[ \t][^\r\n]*)*\r?\n?")


@dataclass(frozen=True, slots=True)
class Item:
    """One message of one session: `number` means nothing in another."""

    number: int
    size: int
    name: str
    key: bytes

    @property
    def remote_id(self) -> RemoteId:
        return RemoteId(PROTOCOL, self.name)


@dataclass(frozen=True)
class Listing:
    """All of it, in the server's order; `digest` is the same for the same messages in the same places."""

    items: Sequence[Item]
    digest: str

    @cached_property
    def by_name(self) -> dict[str, Item]:
        return {item.name: item for item in self.items}

    def sizes(self) -> tuple[int, ...]:
        """Of some messages, spread evenly."""
        return tuple(item.size for item in self.items[:: max(1, len(self.items) // SAMPLE)])[:SAMPLE]

    def is_renumbered(self, before: Pop3Place) -> bool:
        """Whether the same messages seem to stand there under other names: none is known, and most remembered sizes are met again.

        A mailbox that was emptied and filled anew knows none either, but its sizes are others.
        """
        if not self.items or not before.decided:
            return False
        known = before.keys
        if any(item.key in known for item in self.items):
            return False
        there = Counter(item.size for item in self.items)
        remembered = Counter(before.sizes)
        return (there & remembered).total() * 2 > remembered.total() > 0


def list_all(session: Session) -> Listing:
    """Raises Broken, Refused; Unsupported where messages cannot be told apart."""
    sizes_text, ids_text = _texts(session)
    sizes = {number: _count(words) for number, words in _numbered(sizes_text)}
    ids = {} if ids_text is None else {number: words for number, words in _numbered(ids_text) if words}
    if unnamed := [number for number in sizes if number not in ids]:
        ids |= _by_header(session, unnamed)
    seen: Counter[str] = Counter()
    items = []
    for number, size in sizes.items():
        name = f"{size}:{_text(ids[number])}"
        seen[name] += 1
        if seen[name] > 1:
            name = f"{name} {seen[name]}"
        items.append(Item(number, size, name, key_of(name)))
    return Listing(items, hashlib.blake2b(b"".join(item.key for item in items), digest_size=16).hexdigest())


def _texts(session: Session) -> tuple[bytes, bytes | None]:
    wire = session.wire
    if session.capabilities and "UIDL" not in session.capabilities:
        wire.send([b"LIST"])
        return wire.whole(), None
    if session.pipelines:
        wire.send([b"LIST", b"UIDL"])
        sizes = wire.whole()
    else:
        wire.send([b"LIST"])
        sizes = wire.whole()
        wire.send([b"UIDL"])
    try:
        return sizes, wire.whole()
    except Refused:
        return sizes, None


def _numbered(text: bytes) -> list[tuple[int, bytes]]:
    pairs = []
    for line in text.split(b"\r\n"):
        number, _, words = line.partition(b" ")
        if number.isdigit() and len(number) <= 10 and number.strip(b"0"):
            pairs.append((int(number), words.strip()))
        elif line.strip():
            raise Broken("the server's listing is no POP3: " + line[:60].decode("utf-8", "replace"))
    return pairs


def _count(words: bytes) -> int:
    size = words.split(b" ", 1)[0]
    return int(size) if size.isdigit() and len(size) <= 15 else 0


def _text(unique_id: bytes) -> str:
    """RFC 1939 allows 70 printable characters; what is longer or stranger is told by its digest."""
    if len(unique_id) <= _LONGEST_ID and unique_id.isascii() and unique_id.decode("ascii").isprintable() and b" " not in unique_id:
        return unique_id.decode("ascii")
    return "=" + hashlib.sha256(unique_id).hexdigest()


def _by_header(session: Session, numbers: Sequence[int]) -> dict[int, bytes]:
    if len(numbers) > MOST_WITHOUT_UIDL:
        raise Unsupported(
            f"the server gives no unique-ids (UIDL) for {len(numbers):,} messages; without them every header is read at each look, which is"
            f" done for up to {MOST_WITHOUT_UIDL:,}",
            field="incoming.protocol",
            hint="Use IMAP, or leave fewer messages at the server (deleteAfterProcessing).",
        )
    found = {}
    for number, header in zip(numbers, tops(session, numbers), strict=True):
        if header is None:
            raise Unsupported(
                "the server offers neither unique-ids (UIDL) nor headers (TOP), so that messages cannot be told apart",
                field="incoming.protocol",
                hint="Use IMAP, or a server that has UIDL.",
            )
        found[number] = b"~" + hashlib.sha256(_CHANGING.sub(b"", header)).hexdigest().encode("ascii")
    return found
