"""Which room a reference is sent to."""

from __future__ import annotations

import pytest

from reconcile.errors import SettingsError
from reconcile.model.secret import SecretRef
from reconcile.secrets.memory import MemorySecrets
from reconcile.secrets.resolver import SchemeResolver


def test_the_scheme_decides() -> None:
    resolver = SchemeResolver({"env": MemorySecrets({"env:A": b"from env"}), "file": MemorySecrets({"file:A": b"from file"})})
    assert [resolver.resolve(SecretRef(scheme, "A")).reveal() for scheme in ("env", "file")] == [b"from env", b"from file"]


def test_an_unknown_scheme_is_answered_with_the_known_ones() -> None:
    resolver = SchemeResolver({"file": MemorySecrets({}), "env": MemorySecrets({})})
    with pytest.raises(SettingsError, match="nothing here resolves vault:") as caught:
        resolver.resolve(SecretRef("vault", "A"))
    assert caught.value.hint.endswith("env:, file:")
