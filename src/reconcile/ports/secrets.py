"""Resolving references to secrets."""

from __future__ import annotations

from typing import Protocol

from reconcile.model.secret import Secret, SecretRef


class SecretResolver(Protocol):
    """`env:` and `file:` today."""

    def resolve(self, reference: SecretRef) -> Secret:
        """Raises SettingsError naming the reference and the next step, never the value."""
        ...
