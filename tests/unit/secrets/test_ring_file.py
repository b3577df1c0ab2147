"""Changing the ring where it lies."""

from __future__ import annotations

import base64
import stat
import threading
from pathlib import Path

import pytest

from reconcile.errors import Locked, SettingsError
from reconcile.model.secret import Secret
from reconcile.secrets.key import load_ring, new_key
from reconcile.secrets.ring_file import held_ring
from reconcile.settings import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    made = Settings(state_directory=tmp_path, secrets_directory=tmp_path, cache_directory=tmp_path)
    load_ring(made, create=True)
    return made


def test_a_new_key_stands_in_front_and_permissions_stay(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "reconcile.key").chmod(0o640)
    (old,) = load_ring(settings, create=False)
    with held_ring(settings) as file:
        file.put((new_key(), *file.keys()))
    ring = load_ring(settings, create=False)
    assert len(ring) == 2
    assert ring[1].reveal() == old.reveal()
    assert stat.S_IMODE((tmp_path / "reconcile.key").stat().st_mode) == 0o640
    assert sorted(path.name for path in tmp_path.iterdir()) == [".gitignore", ".reconcile.key.lock", "reconcile.key"]


def test_two_that_change_it_do_not_lose_a_key(settings: Settings) -> None:
    with held_ring(settings), pytest.raises(Locked), held_ring(settings):
        pass
    keys = [new_key() for _ in range(8)]

    def add(key: Secret) -> None:
        while True:
            try:
                with held_ring(settings) as file:
                    file.put((key, *file.keys()))
                return
            except Locked:
                continue

    threads = [threading.Thread(target=add, args=(key,)) for key in keys]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {key.reveal() for key in keys} < {key.reveal() for key in load_ring(settings, create=False)}


def test_what_a_platform_mounts_is_not_replaced(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "mounted").mkdir()
    (tmp_path / "reconcile.key").rename(tmp_path / "mounted" / "reconcile.key")
    (tmp_path / "reconcile.key").symlink_to(tmp_path / "mounted" / "reconcile.key")
    with pytest.raises(SettingsError, match="is a link") as caught, held_ring(settings):
        pass
    assert "openssl" in caught.value.hint


def test_a_variable_cannot_be_changed_and_what_to_do_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RING", base64.b64encode(bytes(32)).decode())
    settings = Settings(state_directory=tmp_path, secrets_directory=tmp_path, cache_directory=tmp_path, key_reference="env:RING")
    with pytest.raises(SettingsError, match="env:RING") as caught, held_ring(settings):
        pass
    assert "openssl" in caught.value.hint
