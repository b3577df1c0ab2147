"""Seals values at rest: AES-256-GCM under a data key of their own, which the master key wraps.

A sealed value is, in this order (bytes):

    1    version (1)
    8    id of the master key
    12   nonce of the wrapping       (NIST SP 800-38D: 96 bits, never twice under one key)
    48   data key, wrapped           (32 + 16 of tag; associated data: the 9 bytes before)
    12   nonce of the value
    n+16 value and its tag           (associated data: the same 9 bytes, then the identity in UTF-8)

A data key serves one value, so the master key only ever encrypts random keys, and changing it later means to wrap
these anew without touching a value. The identity makes a value useless in any other row or field.
"""

from __future__ import annotations

import hashlib
import hmac
import os
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
    """One master key of 32 bytes; anything else is a ValueError (load it with `key.load_key`)."""

    __slots__ = ("_header", "_master")

    def __init__(self, master: Secret) -> None:
        if len(master.reveal()) != KEY_SIZE:
            raise ValueError(f"a master key has {KEY_SIZE} bytes")
        self._master = master
        self._header = bytes([VERSION]) + key_id(master)

    def seal(self, value: Secret, *, identity: str) -> bytes:
        """A different result each time, even for the same value."""
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        data_key = AESGCM.generate_key(bit_length=8 * KEY_SIZE)
        wrapping_nonce, nonce = os.urandom(_NONCE_SIZE), os.urandom(_NONCE_SIZE)
        wrapped = AESGCM(self._master.reveal()).encrypt(wrapping_nonce, data_key, self._header)
        body = AESGCM(data_key).encrypt(nonce, value.reveal(), self._header + identity.encode())
        return self._header + wrapping_nonce + wrapped + nonce + body

    def open(self, sealed: bytes, *, identity: str) -> Secret:
        """Raises SettingsError when the value was sealed with another key, belongs elsewhere, or was changed."""
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        self._check_header(sealed, identity)
        wrapping_nonce, wrapped = sealed[_HEADER_SIZE : _HEADER_SIZE + _NONCE_SIZE], sealed[_HEADER_SIZE + _NONCE_SIZE : _WRAPPED_END]
        nonce, body = sealed[_WRAPPED_END : _WRAPPED_END + _NONCE_SIZE], sealed[_WRAPPED_END + _NONCE_SIZE :]
        try:
            # The data key gets no name: a traceback that shows local variables must not show it.
            data = AESGCM(AESGCM(self._master.reveal()).decrypt(wrapping_nonce, wrapped, self._header))
            return Secret(data.decrypt(nonce, body, self._header + identity.encode()))
        except InvalidTag:
            raise SettingsError(
                f"the sealed value of {identity} was changed, or belongs to another row",
                hint="Restore the store from a backup, or raise the secret's generation and apply, which seals it anew.",
            ) from None

    def _check_header(self, sealed: bytes, identity: str) -> None:
        if len(sealed) < _SMALLEST or sealed[0] != VERSION:
            raise SettingsError(
                f"the sealed value of {identity} is damaged or was written by a later version of reconcile",
                hint="Use the version that wrote it, or raise the secret's generation and apply, which seals it anew.",
            )
        if sealed[:_HEADER_SIZE] != self._header:
            raise SettingsError(
                f"the value of {identity} was sealed with key {sealed[1:_HEADER_SIZE].hex()}, this is key {self._header[1:].hex()}",
                hint="Set RECONCILE_KEY to the reference of the key it was sealed with.",
            )


def key_id(master: Secret) -> bytes:
    """8 bytes that tell keys apart and say nothing about them."""
    return hmac.digest(master.reveal(), b"reconcile key id", hashlib.sha256)[:_ID_SIZE]
