"""Seals values at rest: AES-256-GCM under a data key of their own, which the master key wraps.

A sealed value is, in this order (bytes):

    1    version (1)
    8    id of the master key
    12   nonce of the wrapping       (NIST SP 800-38D: 96 bits, never twice under one key)
    48   data key, wrapped           (32 + 16 of tag; associated data: the 9 bytes before)
    12   nonce of the value
    n+16 value and its tag           (associated data: the same 9 bytes, then the identity in UTF-8)

A data key serves one value, so the master key only ever encrypts random keys. The identity makes a value useless in any other row
or field. A ring of master keys makes changing them possible: the first one seals, the id says which one opens, and a value that is
sealed anew moves to the first.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Callable, Sequence
from typing import Final

from reconcile.errors import SettingsError
from reconcile.model.secret import Secret

VERSION: Final = 1
KEY_SIZE: Final = 32

_ID_SIZE: Final = 8
_NONCE_SIZE: Final = 12
_TAG_SIZE: Final = 16
_HEADER_SIZE: Final = 1 + _ID_SIZE
_WRAPPED_END: Final = _HEADER_SIZE + _NONCE_SIZE + KEY_SIZE + _TAG_SIZE
_SMALLEST: Final = _WRAPPED_END + _NONCE_SIZE + _TAG_SIZE


class Envelope:
    """A ring of master keys of 32 bytes, at least one; anything else is a ValueError (load it with `key.load_ring`).

    `again` reads the ring as it is now. It is asked before each sealing, so that nothing new is sealed with a key that is about to go,
    and once when a value names a key that is not known: a process that runs on needs no restart when keys change.
    """

    __slots__ = ("_again", "_ring")

    def __init__(self, *masters: Secret, again: Callable[[], Sequence[Secret]] | None = None) -> None:
        self._ring = _ring(masters)
        self._again = again

    def _read_again(self) -> None:
        if self._again is not None:
            self._ring = _ring(self._again())

    def seal(self, value: Secret, *, identity: str) -> bytes:
        """A different result each time, even for the same value."""
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        self._read_again()
        identifier, master = next(iter(self._ring.items()))
        header = bytes([VERSION]) + identifier
        data_key = AESGCM.generate_key(bit_length=8 * KEY_SIZE)
        wrapping_nonce, nonce = os.urandom(_NONCE_SIZE), os.urandom(_NONCE_SIZE)
        wrapped = AESGCM(master.reveal()).encrypt(wrapping_nonce, data_key, header)
        body = AESGCM(data_key).encrypt(nonce, value.reveal(), header + identity.encode())
        return header + wrapping_nonce + wrapped + nonce + body

    def open(self, sealed: bytes, *, identity: str) -> Secret:
        """Raises SettingsError when the value was sealed with another key, belongs elsewhere, or was changed."""
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        master, header = self._master(sealed, identity), sealed[:_HEADER_SIZE]
        wrapping_nonce, wrapped = sealed[_HEADER_SIZE : _HEADER_SIZE + _NONCE_SIZE], sealed[_HEADER_SIZE + _NONCE_SIZE : _WRAPPED_END]
        nonce, body = sealed[_WRAPPED_END : _WRAPPED_END + _NONCE_SIZE], sealed[_WRAPPED_END + _NONCE_SIZE :]
        try:
            # The data key gets no name: a traceback that shows local variables must not show it.
            data = AESGCM(AESGCM(master.reveal()).decrypt(wrapping_nonce, wrapped, header))
            return Secret(data.decrypt(nonce, body, header + identity.encode()))
        except InvalidTag:
            raise SettingsError(
                f"the sealed value of {identity} was changed, or belongs to another row",
                hint="Restore the store from a backup, or raise the secret's generation and apply, which seals it anew.",
            ) from None

    def _master(self, sealed: bytes, identity: str) -> Secret:
        if sealing_key(sealed) is None:
            raise SettingsError(
                f"the sealed value of {identity} is damaged or was written by a later version of reconcile",
                hint="Use the version that wrote it, or raise the secret's generation and apply, which seals it anew.",
            )
        identifier = sealed[1:_HEADER_SIZE]
        if identifier not in self._ring:
            self._read_again()
        master = self._ring.get(identifier)
        if master is None:
            known = ", ".join(each.hex() for each in self._ring)
            raise SettingsError(
                f"the value of {identity} was sealed with key {identifier.hex()}, this is key {known}",
                hint="Set RECONCILE_KEY to the reference of the key it was sealed with, or put that key back as a further line.",
            )
        return master


def _ring(masters: Sequence[Secret]) -> dict[bytes, Secret]:
    if not masters or any(len(master.reveal()) != KEY_SIZE for master in masters):
        raise ValueError(f"a master key has {KEY_SIZE} bytes")
    return {key_id(master): master for master in masters}


def sealing_key(sealed: bytes) -> str | None:
    """Id of the master key of a sealed value, hexadecimal; None for what this version cannot read."""
    return None if len(sealed) < _SMALLEST or sealed[0] != VERSION else sealed[1:_HEADER_SIZE].hex()


def key_id(master: Secret) -> bytes:
    """8 bytes that tell keys apart and say nothing about them."""
    return hmac.digest(master.reveal(), b"reconcile key id", hashlib.sha256)[:_ID_SIZE]
