"""The composition root where it decides something by itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconcile.errors import PermanentError, SettingsError
from reconcile.settings import Settings
from reconcile.wiring.state import environment_name, environments, store_path


def _settings(folder: Path) -> Settings:
    return Settings(state_directory=folder, secrets_directory=folder, cache_directory=folder)


def test_environments_are_folders_with_a_store(tmp_path: Path) -> None:
    for name in ("prod", "dev", "secrets"):
        (tmp_path / name).mkdir()
    (tmp_path / "file").write_text("")
    for name in ("prod", "dev"):
        (tmp_path / name / "engine.db").write_bytes(b"")
    assert environments(_settings(tmp_path)) == ["dev", "prod"]
    assert environments(_settings(tmp_path / "missing")) == []
    with pytest.raises(SettingsError, match="dev, prod"):
        environment_name(_settings(tmp_path), None)
    assert environment_name(_settings(tmp_path), "dev") == "dev"
    with pytest.raises(SettingsError, match="nothing was applied to environment pord") as caught:
        environment_name(_settings(tmp_path), "pord")
    assert "dev, prod" in caught.value.hint


def test_a_state_directory_that_may_not_be_read_is_not_taken_for_empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(folder: Path) -> None:
        raise PermissionError(13, "Permission denied", str(folder))

    monkeypatch.setattr(Path, "iterdir", refuse)
    with pytest.raises(PermissionError):
        environments(_settings(tmp_path))


@pytest.mark.parametrize("name", ["", ".", "..", "../x", "/x", "a/b", "a\0b", "Prod", "x" * 64, "dev\n"])
def test_a_name_that_no_environment_can_have_is_no_path(name: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no name of an environment"):
        store_path(_settings(tmp_path), name)


def test_an_environment_whose_database_is_gone_is_not_passed_over_for_another(tmp_path: Path) -> None:
    """What is meant for it would be done to the one that is left, and `apply` would be named where `restore` is due."""
    (tmp_path / "prod" / "packs").mkdir(parents=True)
    (tmp_path / "prod" / "packs" / "00000001.pack").write_bytes(b"mail")
    for wanted in (None, "prod"):
        with pytest.raises(PermanentError, match="db is gone, but mail") as caught:
            environment_name(_settings(tmp_path), wanted)
        assert "reconcile restore" in caught.value.hint
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev" / "engine.db").write_bytes(b"SQLite format 3")
    assert environment_name(_settings(tmp_path), "dev") == "dev"
    with pytest.raises(PermanentError, match="db is gone, but mail"):
        environment_name(_settings(tmp_path), None)
    (tmp_path / "prod").rename(tmp_path / "Prod as it was")
    assert environment_name(_settings(tmp_path), None) == "dev"
