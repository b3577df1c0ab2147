"""Keeping the bytes of one message while it is described, in memory that does not grow with it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain

from reconcile.errors import ReconcileError
from reconcile.lazy_dataclass import dataclass
from reconcile.model.content_digest import content_digest
from reconcile.model.message import MessageHeader
from reconcile.ports.mail_store import Place, Receiving
from reconcile.sync.decide.describe import Describer, Description, describe


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptMessage:
    """`place` is None where the same content is kept already."""

    found: Description
    place: Place | None


@dataclass(frozen=True, slots=True)
class SmallMessage:
    """Described, and not kept yet: `keep_small` does that for several at once."""

    found: Description
    message: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class UnkeptMessage:
    """A message that could not be described. `place` has its bytes where they were asked for, `raw` is their SHA-256."""

    error: Exception
    raw: bytes
    size: int
    place: Place | None
    header: MessageHeader | None = None


class NoAttachedMessage(Exception):
    """A mail in a forward mailbox that has not one mail attached."""

    def __init__(self) -> None:
        super().__init__("no mail is attached to it (message/rfc822), or several, or one that is too large")


def gathered(chunks: Iterator[bytes], limit: int) -> tuple[bytes, Iterator[bytes] | None]:
    """The whole message; or, where it is longer than `limit`, its beginning and the rest."""
    found, size = list[bytes](), 0
    for chunk in chunks:
        found.append(chunk)
        size += len(chunk)
        if size > limit:
            return b"".join(found), chunks
    return b"".join(found), None


def keep_as_it_is(receiving: Receiving, chunks: Iterator[bytes], error: Exception) -> UnkeptMessage:
    """The bytes of a message that is given up at once, because `error` will not change."""
    kept = keep_anyway(receiving, chunks, known_too=True)
    if isinstance(kept, UnkeptMessage):
        return UnkeptMessage(error=error, raw=kept.raw, size=kept.size, place=kept.place)
    return UnkeptMessage(error=error, raw=kept.found.raw, size=kept.found.size, place=kept.place, header=kept.found.header)


def keep(receiving: Receiving, chunks: Iterator[bytes]) -> KeptMessage | SmallMessage | UnkeptMessage:
    """Describe a message and append its bytes, unless it comes in one piece (then `keep_small` follows) or the same content is kept
    already. Consumes `chunks` whatever happens.

    A bug of ours in describing concerns this message only. Errors of the store and of the connection pass through.
    """
    first = next(chunks, b"")
    second = next(chunks, None)
    try:
        if second is None:
            return SmallMessage(describe(first), first)
        return _large(receiving, chain((first, second), chunks))
    except ReconcileError:
        raise
    except Exception as error:  # whatever the parser did not foresee must not hold up the others  # noqa: BLE001
        for _ in chunks:
            pass
        return UnkeptMessage(error=error, raw=b"", size=0, place=None)


def keep_anyway(receiving: Receiving, chunks: Iterator[bytes], *, known_too: bool = False) -> KeptMessage | UnkeptMessage:
    """As `keep`, but the bytes are kept even where describing fails; with `known_too` also where an activity has them."""
    digest, size, error = hashlib.sha256(), 0, None
    describer: Describer | None = Describer()
    receiving.begin()
    try:
        for chunk in chunks:
            receiving.write(chunk)
            digest.update(chunk)
            size += len(chunk)
            if describer is not None:
                try:
                    describer.take(chunk)
                except Exception as reason:  # noqa: BLE001
                    describer, error = None, reason
    except BaseException:
        receiving.discard()
        raise
    if describer is not None:
        try:
            found = describer.finish()
            return KeptMessage(found=found, place=receiving.end()) if known_too else _settled(receiving, found)
        except ReconcileError:
            raise
        except Exception as reason:  # noqa: BLE001
            error = reason
    assert error is not None
    return UnkeptMessage(error=error, raw=digest.digest(), size=size, place=receiving.end())


def keep_small(receiving: Receiving, messages: Sequence[SmallMessage]) -> list[KeptMessage]:
    """Append the bytes of those whose content is not kept yet. The store is asked once: each question by itself costs more in handing
    the interpreter over to another thread than in looking."""
    met = receiving.met({each.found.header.message_id for each in messages} - {""})
    told = [_told(each) if each.found.header.message_id in met else each for each in messages]
    asked = [(each.found.header.message_id, each.found.content) for each in told if each.found.content]
    known = receiving.known(asked) if asked else frozenset[tuple[str, bytes]]()
    return [_placed(receiving, each, known=(each.found.header.message_id, each.found.content) in known) for each in told]


def _told(small: SmallMessage) -> SmallMessage:
    content = content_digest([small.message], small.found.header_length)
    return replace(small, found=replace(small.found, content=content))


def _placed(receiving: Receiving, small: SmallMessage, *, known: bool) -> KeptMessage:
    if known:
        return KeptMessage(found=small.found, place=None)
    receiving.begin()
    receiving.write(small.message)
    return KeptMessage(found=small.found, place=receiving.end())


def _large(receiving: Receiving, chunks: Iterator[bytes]) -> KeptMessage:
    describer = Describer()
    receiving.begin()
    try:
        for chunk in chunks:
            describer.take(chunk)
            receiving.write(chunk)
        found = describer.finish()
    except BaseException:
        receiving.discard()
        raise
    return _settled(receiving, found)


def _settled(receiving: Receiving, found: Description) -> KeptMessage:
    if _known(receiving, found):
        receiving.discard()
        return KeptMessage(found=found, place=None)
    return KeptMessage(found=found, place=receiving.end())


def _known(receiving: Receiving, found: Description) -> bool:
    return bool(found.header.message_id and receiving.known([(found.header.message_id, found.content)]))
