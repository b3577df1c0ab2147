"""Credentials at rest: sealed, bound to the row and field they belong to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from reconcile.model.secret import Secret, SecretRef


class Sealer(Protocol):
    """Authenticated encryption with associated data (AES-256-GCM envelope)."""

    def seal(self, value: Secret, *, identity: str) -> bytes:
        """`identity` names row and field ("mailbox-id/credentials.password"); a sealed value moved elsewhere does not open."""
        ...

    def open(self, sealed: bytes, *, identity: str) -> Secret:
        """Raises SettingsError when the key is another one or the value was tampered with."""
        ...


class SecretDigester(Protocol):
    """Tells two values apart without keeping either."""

    def digest(self, reference: SecretRef, value: Secret) -> str:
        """32 hexadecimal characters, the same for the same reference and value under the same key, and of no use without that key;
        the last 8 name the key (see `model.secret.comparable`)."""
        ...


class Credentials(Protocol):
    """What a connector may ask for."""

    def credential(self, external_id: str, path: str) -> Secret | None:
        """The value applied for that row and field ("credentials.password"), or None when none was applied."""
        ...


class SealedValues(Protocol):
    """The raw storage behind `Credentials`."""

    def sealed_value(self, external_id: str, path: str) -> bytes | None: ...

    def sealed_values(self) -> Mapping[tuple[str, str], bytes]:
        """All of them, for a run over many mailboxes."""
        ...
