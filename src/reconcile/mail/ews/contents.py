"""Messages by their ids: as a whole, by their header, and large ones piece by piece."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from reconcile.errors import Unavailable
from reconcile.lazy_dataclass import dataclass
from reconcile.mail.ews.answers import Answer, T, answers, id_of, items_of
from reconcile.mail.ews.codes import Kind, kind_of
from reconcile.mail.ews.faults import refusal, translated
from reconcile.mail.ews.link import Link, gathered
from reconcile.mail.ews.mime import StreamedContent, split
from reconcile.mail.ews.place import PROTOCOL
from reconcile.model.remote_id import RemoteId
from reconcile.ports.mail import Listed

#: Messages and claimed octets of one request. A message of more than the second comes alone, piece by piece.
AT_ONCE: Final = 100
OCTETS: Final = 8 << 20
#: Of a header, so much is looked at.
HEADER: Final = 256 * 1024
#: The header as it came (PR_TRANSPORT_MESSAGE_HEADERS).
_HEADERS: Final = ("0x007D", "String")
#: Handed on at a time.
_CHUNK: Final = 4 << 20


@dataclass(frozen=True, slots=True)
class Missing:
    """The server has nothing to give for it. `gone`: because it is not there any more."""

    gone: bool


def groups(messages: Sequence[Listed]) -> Iterator[list[Listed]]:
    """As they are asked for together, in their order."""
    group, octets = list[Listed](), 0
    for message in messages:
        if group and (octets + message.size > OCTETS or len(group) == AT_ONCE):
            yield group
            group, octets = [], 0
        group.append(message)
        octets += message.size
    if group:
        yield group


def is_large(group: Sequence[Listed]) -> bool:
    """Whether it is one message that is not held in memory."""
    return len(group) == 1 and group[0].size > OCTETS


def contents_of(link: Link, group: Sequence[Listed]) -> list[bytes | Missing]:
    """Of each, in their order. Raises ReconcileError, also when the server is too busy for one of them: none of them counts then."""
    request = link.requests.get_items((one.remote_id.value for one in group), mime=True)
    largest = 4 * sum(max(one.size, 1 << 16) for one in group) + (8 << 20)
    with translated(link.where), link.stream(request) as pieces:
        skeleton, contents = split(gathered(pieces, largest, link.where), link.where)
        found = answers(skeleton, link.where)
    left = iter(contents)
    return [
        next(left, Missing(gone=False)) if item is not None and item.find(f"{T}MimeContent") is not None else missing
        for item, missing in _aligned(link, group, found)
    ]


def headers_of(link: Link, group: Sequence[Listed]) -> list[bytes | Missing]:
    """Up to and with the empty line; b"" where the server keeps none apart from the content."""
    request = link.requests.get_items((one.remote_id.value for one in group), tags=(_HEADERS,))
    found = link.ask(request, largest=len(group) * 2 * HEADER + (8 << 20))
    return [
        missing if item is None else _transported(item.findtext(f"{T}ExtendedProperty/{T}Value") or "")
        for item, missing in _aligned(link, group, found)
    ]


def _aligned(link: Link, group: Sequence[Listed], found: Sequence[Answer]) -> Iterator[tuple[Any, Missing]]:
    """The item of each answer, None where it was refused. Answers that do not stand for what was asked are none."""
    if len(found) != len(group):
        raise Unavailable(f"{link.where} gives {len(found)} answers about {len(group)} messages")
    busy = next((answer for answer in found if kind_of(answer.code) in (Kind.TRANSIENT, Kind.PROFILE) or answer.pause is not None), None)
    if busy is not None:
        raise refusal(busy, link.where)
    for listed, answer in zip(group, found, strict=True):
        item = next(items_of(answer), None) if answer.done else None
        if item is not None and id_of(item)[0] not in ("", listed.remote_id.value):
            raise Unavailable(f"{link.where} answers about another message than the one that was asked for")
        yield item, Missing(gone=answer.code == "ErrorItemNotFound")


def _transported(text: str) -> bytes:
    """The header as octets; b"" where it is not the whole one."""
    block = text.replace("\r\n", "\n").replace("\r", "\n").strip("\n").replace("\n", "\r\n").encode("utf-8", "replace")
    names = {line.partition(b":")[0].strip().lower() for line in block.split(b"\r\n")}
    return (block + b"\r\n\r\n")[:HEADER] if {b"from", b"message-id"} <= names else b""


def header_of(content: bytes) -> bytes:
    """Of a whole message, or of its beginning: everything up to and with the empty line, never nothing."""
    end = content.find(b"\r\n\r\n")
    return content[: end + 4 if end >= 0 else None][:HEADER] or b"\r\n"


def chunks_of(content: bytes) -> Iterator[bytes]:
    """One piece, unless it is larger than it claimed."""
    for start in range(0, len(content), _CHUNK) or (0,):
        yield content[start : start + _CHUNK]


@contextmanager
def streamed(link: Link, listed: Listed) -> Iterator[Iterator[bytes] | Missing]:
    """A large message while it arrives. Who stops reading loses the connection, which is made anew."""
    request = link.requests.get_items((listed.remote_id.value,), mime=True)
    with translated(link.where), link.stream(request) as pieces:
        content = StreamedContent(pieces, link.where)
        if not content.has_content:
            yield _refused(link, listed, content.rest)
        else:
            yield content.chunks()
            if content.ended:
                # The rest is what makes the connection usable again.
                _ = content.rest


def beginning_of(link: Link, name: str) -> bytes:
    """The header of a message of whatever size; b"" where there is none."""
    with streamed(link, Listed(RemoteId(PROTOCOL, name), None, 0)) as chunks:
        if isinstance(chunks, Missing):
            return b""
        beginning = b""
        for chunk in chunks:
            beginning += chunk
            if b"\r\n\r\n" in beginning or len(beginning) >= HEADER:
                break
    return header_of(beginning)


def _refused(link: Link, listed: Listed, document: bytes) -> Missing:
    (found,) = [*_aligned(link, (listed,), answers(document, link.where))]
    return found[1]
