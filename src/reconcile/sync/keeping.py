"""Keeping the bytes of one message while it is described, in memory that does not grow with it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

from reconcile.errors import ReconcileError
from reconcile.ports.mail_store import Place, Receiving
from reconcile.sync.decide.describe import Describer, Description, describe


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptMessage:
    """`place` is None where the same content is kept already."""

    found: Description
    place: Place | None


@dataclass(frozen=True, slots=True, kw_only=True)
class UnkeptMessage:
    """A message that could not be described. `place` has its bytes where they were asked for, `raw` is their SHA-256."""

    error: Exception
    raw: bytes
    size: int
    place: Place | None


def keep(receiving: Receiving, chunks: Iterator[bytes]) -> KeptMessage | UnkeptMessage:
    """Describe a message and append its bytes, unless the same content is kept already. Consumes `chunks` whatever happens.

    A bug of ours in describing concerns this message only. Errors of the store and of the connection pass through.
    """
    first = next(chunks, b"")
    second = next(chunks, None)
    try:
        if second is None:
            return _small(receiving, first)
        return _large(receiving, chain((first, second), chunks))
    except ReconcileError:
        raise
    except Exception as error:  # whatever the parser did not foresee must not hold up the others  # noqa: BLE001
        for _ in chunks:
            pass
        return UnkeptMessage(error=error, raw=b"", size=0, place=None)


def keep_anyway(receiving: Receiving, chunks: Iterator[bytes]) -> KeptMessage | UnkeptMessage:
    """As `keep`, but the bytes are kept even where describing fails."""
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
            return _settled(receiving, describer.finish())
        except ReconcileError:
            raise
        except Exception as reason:  # noqa: BLE001
            error = reason
    assert error is not None
    return UnkeptMessage(error=error, raw=digest.digest(), size=size, place=receiving.end())


def _small(receiving: Receiving, message: bytes) -> KeptMessage:
    found = describe(message)
    if _known(receiving, found):
        return KeptMessage(found=found, place=None)
    receiving.begin()
    receiving.write(message)
    return KeptMessage(found=found, place=receiving.end())


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
    return bool(found.header.message_id) and receiving.known(found.header.message_id, found.content)
