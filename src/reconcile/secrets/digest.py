"""Keyed digests of secrets, by which a plan sees that the value behind a reference is another one.

HMAC-SHA-256 (RFC 2104) under a key derived from the one that seals credentials, so that neither store nor plan helps anybody to
guess a password. The reference is part of the message: equal values behind two references do not look alike.
"""

from __future__ import annotations

import hashlib
import hmac

from reconcile.model.secret import Secret, SecretRef
from reconcile.secrets.envelope import key_id

_VALUE_LENGTH = 24
_ID_LENGTH = 8


class KeyedDigests:
    """Implements SecretDigester with the master key of the environment."""

    __slots__ = ("_id", "_key")

    def __init__(self, master: Secret) -> None:
        self._key = Secret(hmac.digest(master.reveal(), b"reconcile secret digest", hashlib.sha256))
        self._id = key_id(master).hex()[:_ID_LENGTH]

    def digest(self, reference: SecretRef, value: Secret) -> str:
        """See `SecretDigester.digest`."""
        name = str(reference).encode()
        # The length in front: no reference and value run into those of another pair.
        message = len(name).to_bytes(4, "big") + name + value.reveal()
        return hmac.new(self._key.reveal(), message, hashlib.sha256).hexdigest()[:_VALUE_LENGTH] + self._id
