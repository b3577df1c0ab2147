"""`env:NAME`: a secret in a variable of this process.

The variables are handed in; nothing here reads the process's environment by itself. The value is taken as it is: no
conversion, no trimming, so that a password made of digits stays text.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from reconcile.errors import SettingsError
from reconcile.lazy_dataclass import dataclass
from reconcile.model.secret import Secret, SecretRef


@dataclass(frozen=True, slots=True)
class EnvironmentSecrets:
    """`variables` is the environment, whose values are secrets and therefore not shown."""

    variables: Mapping[str, str] = field(repr=False)

    def resolve(self, reference: SecretRef) -> Secret:
        """Raises SettingsError when the variable is not set or is empty: an empty password is an accident of deployment."""
        if not self.variables.get(reference.name):
            state = "is empty" if reference.name in self.variables else "is not set"
            raise SettingsError(
                f"{reference}: the environment variable {reference.name} {state}",
                hint=f"Set {reference.name} where reconcile runs, for example in the service's EnvironmentFile.",
            )
        # Bytes that are no UTF-8 arrive as surrogates (PEP 383) and leave as the same bytes.
        return Secret(self.variables[reference.name].encode("utf-8", "surrogateescape"))
