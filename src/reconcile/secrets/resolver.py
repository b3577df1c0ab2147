"""Sends a reference to the room that knows its scheme."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from reconcile.errors import SettingsError
from reconcile.model.secret import Secret, SecretRef
from reconcile.ports.secrets import SecretResolver


@dataclass(frozen=True, slots=True)
class SchemeResolver:
    """`by_scheme` maps "env", "file" to what resolves them."""

    by_scheme: Mapping[str, SecretResolver]

    def resolve(self, reference: SecretRef) -> Secret:
        """Raises SettingsError when nothing knows the scheme, or as the one that knows it does."""
        resolver = self.by_scheme.get(reference.scheme)
        if resolver is None:
            known = ", ".join(f"{scheme}:" for scheme in sorted(self.by_scheme))
            raise SettingsError(f"{reference}: nothing here resolves {reference.scheme}:", hint=f"Write a reference with one of {known}")
        return resolver.resolve(reference)
