"""What the maildrop holds: LIST and UIDL (RFC 1939, sections 5 and 7), and what stands in for UIDL where a server lacks it.

A message is identified by its size and its unique-id together. A unique-id alone would do if every server kept to section 7; one that
gives it to another message later would have that message passed over, and with the size that is very nearly excluded. Two
messages with the same unique-id (RFC 1939 allows it for identical copies) are told apart by counting.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import field
from functools import cached_property

from reconcile.errors import Unsupported
from reconcile.lazy_dataclass import dataclass
from reconcile.mail.pop3.faults import Broken, Refused
from reconcile.mail.pop3.place import PROTOCOL, SAMPLE, Pop3Place, key_of
from reconcile.mail.pop3.session import Session
from reconcile.mail.pop3.texts import tops
from reconcile.model.remote_id import RemoteId

#: Without UIDL each look reads every header; more than so many would keep the mailbox locked for minutes.
MOST_WITHOUT_UIDL = 2000
_LONGEST_ID = 200
_NAMED = re.compile(rb"[0-9] +[^ \r\n]")
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
    """What the server said; `others` are names of messages without a unique-id. It is read only when something changed."""

    sizes_text: bytes
    ids_text: bytes
    others: Mapping[int, bytes] = field(default_factory=dict)

    @cached_property
    def digest(self) -> str:
        """The same for the same messages in the same places."""
        found = hashlib.blake2b(digest_size=16)
        for part in (self.sizes_text, b"\r\n", self.ids_text, b"\r\n", *self.others.values()):
            found.update(part)
        return found.hexdigest()

    @cached_property
    def items(self) -> Sequence[Item]:
        """All of it, in the server's order. Raises Broken."""
        ids = {**dict(_numbered(self.ids_text)), **self.others}
        seen: Counter[str] = Counter()
        items = []
        for number, words in _numbered(self.sizes_text):
            size = _count(words)
            if not ids.get(number):
                raise Broken("the server's LIST and UIDL name different messages")
            name = f"{size}:{_text(ids[number])}"
            seen[name] += 1
            if seen[name] > 1:
                name = f"{name} {seen[name]}"
            items.append(Item(number, size, name, key_of(name)))
        return items

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
    # A line each: as many sizes as unique-ids, and none of them empty.
    if ids_text is not None and sizes_text.count(b"\n") == ids_text.count(b"\n") == len(_NAMED.findall(ids_text)):
        return Listing(sizes_text, ids_text)
    ids = {number for number, words in _numbered(ids_text or b"") if words}
    return Listing(sizes_text, ids_text or b"", _by_header(session, [number for number, _ in _numbered(sizes_text) if number not in ids]))


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
