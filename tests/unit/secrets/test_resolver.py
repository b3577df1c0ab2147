"""Which sibling a reference is sent to."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconcile.errors import SettingsError
from reconcile.model.secret import SecretRef
from reconcile.secrets.resolver import Resolver


def test_the_scheme_decides(tmp_path: Path) -> None:
    (tmp_path / "A").write_text("from file\n")
    (tmp_path / "A").chmod(0o600)
    resolver = Resolver(tmp_path, {"A": "from env"})
    assert [resolver.resolve(SecretRef(scheme, "A")).text() for scheme in ("env", "file")] == ["from env", "from file"]


def test_the_environment_is_read_when_the_reference_is_resolved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    resolver = Resolver(tmp_path)
    monkeypatch.setenv("RECONCILE_TEST_SECRET", "set later")
    assert resolver.resolve(SecretRef("env", "RECONCILE_TEST_SECRET")).text() == "set later"


def test_an_unknown_scheme_is_answered_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="nothing here resolves vault:") as caught:
        Resolver(tmp_path).resolve(SecretRef("vault", "A"))
    assert caught.value.hint.endswith("env:, file:")
