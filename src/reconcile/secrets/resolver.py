"""Sends a reference to what knows its scheme. The one file of this room that knows its siblings."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from reconcile.errors import SettingsError
from reconcile.model.secret import Secret, SecretRef
from reconcile.ports.secrets import SecretResolver
from reconcile.secrets.env import EnvironmentSecrets
from reconcile.secrets.file import FileSecrets


class Resolver:
    """`directory` is what `file:` references are relative to, `variables` what `env:` references name (default: this process's)."""

    __slots__ = ("_by_scheme",)

    def __init__(self, directory: Path, variables: Mapping[str, str] = os.environ) -> None:
        self._by_scheme: Mapping[str, SecretResolver] = {"env": EnvironmentSecrets(variables), "file": FileSecrets(directory)}

    def resolve(self, reference: SecretRef) -> Secret:
        """Raises SettingsError when nothing knows the scheme, or as the one that knows it does."""
        resolver = self._by_scheme.get(reference.scheme)
        if resolver is None:
            known = ", ".join(f"{scheme}:" for scheme in self._by_scheme)
            raise SettingsError(f"{reference}: nothing here resolves {reference.scheme}:", hint=f"Write a reference with one of {known}")
        return resolver.resolve(reference)
