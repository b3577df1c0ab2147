"""Twins for tests and the sandbox: secrets and sealed values in this process's memory only."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import field

from reconcile.errors import SettingsError
from reconcile.lazy_dataclass import dataclass
from reconcile.model.secret import Secret, SecretRef


@dataclass(slots=True)
class MemorySecrets:
    """`values` maps a reference as written ("env:PASSWORD") to its value; removing one is the fault a test can switch on."""

    values: Mapping[str, bytes] = field(repr=False)

    def resolve(self, reference: SecretRef) -> Secret:
        """Raises SettingsError for a reference without a value, or with an empty one."""
        value = self.values.get(str(reference))
        if not value:
            raise SettingsError(f"{reference}: no value is known for it", hint="Give one to the resolver.")
        return Secret(value)


@dataclass(slots=True)
class MemorySealer:
    """Keeps the values itself and hands out tickets in their place: nothing is encrypted, nothing outlives the process."""

    _kept: dict[bytes, tuple[str, Secret]] = field(default_factory=dict, repr=False)

    def seal(self, value: Secret, *, identity: str) -> bytes:
        """A new ticket each time."""
        ticket = secrets.token_bytes(16)
        self._kept[ticket] = (identity, value)
        return ticket

    def open(self, sealed: bytes, *, identity: str) -> Secret:
        """Raises SettingsError for a ticket of another sealer, a changed one, or another identity."""
        kept_for, value = self._kept.get(sealed, ("", None))
        if value is None or kept_for != identity:
            raise SettingsError(f"the sealed value of {identity} does not open", hint="Apply it again.")
        return value
