"""Loading the key that seals credentials, and making the default one."""

from __future__ import annotations

import base64
import os
import stat
import subprocess
import threading
from pathlib import Path

import pytest

from reconcile.errors import SettingsError
from reconcile.model.secret import Secret
from reconcile.secrets.key import DEFAULT_REFERENCE, load_key, load_ring
from reconcile.settings import Settings


def _load(directory: Path, *, create: bool, reference: str = "file:reconcile.key") -> Secret:
    settings = Settings(state_directory=directory, secrets_directory=directory, cache_directory=directory, key_reference=reference)
    return load_key(settings, create=create)


def test_the_default_key_is_made_once_and_kept(tmp_path: Path) -> None:
    directory = tmp_path / "state" / "secrets"
    made = _load(directory, create=True)
    assert len(made.reveal()) == 32
    assert _load(directory, create=True).reveal() == made.reveal()
    assert _load(directory, create=False).reveal() == made.reveal()
    assert sorted(os.listdir(directory)) == [".gitignore", "reconcile.key"]


@pytest.mark.skipif(os.name != "posix", reason="permissions as on POSIX")
def test_only_the_owner_may_read_the_made_key(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        _load(tmp_path / "secrets", create=True)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "secrets" / "reconcile.key").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "secrets").stat().st_mode) == 0o700


def test_git_does_not_see_the_made_key(tmp_path: Path) -> None:
    _load(tmp_path / ".reconcile" / "secrets", create=True)
    git = ["git", "-C", str(tmp_path), "-c", "init.defaultBranch=main"]
    subprocess.run([*git, "init", "-q"], check=True)
    seen = subprocess.run([*git, "status", "--short", "--untracked-files=all"], check=True, capture_output=True, text=True)
    assert seen.stdout == ""


def test_two_keys_are_different(tmp_path: Path) -> None:
    assert _load(tmp_path / "one", create=True).reveal() != _load(tmp_path / "two", create=True).reveal()


def test_without_leave_nothing_is_made(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"file:reconcile\.key"):
        _load(tmp_path / "secrets", create=False)
    assert not (tmp_path / "secrets").exists()


def test_a_key_that_somebody_named_is_never_made(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"file:own\.key"):
        _load(tmp_path / "secrets", create=True, reference="file:own.key")
    assert not (tmp_path / "secrets").exists()


def test_a_draft_that_a_crash_left_is_no_key(tmp_path: Path) -> None:
    (tmp_path / ".reconcile.key.0011223344556677").write_bytes(b"half")
    assert len(_load(tmp_path, create=True).reveal()) == 32


def test_a_broken_link_in_its_place_is_not_written_through(tmp_path: Path) -> None:
    directory = tmp_path / "secrets"
    directory.mkdir()
    (directory / "reconcile.key").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(SettingsError):
        _load(directory, create=True)
    assert not (tmp_path / "elsewhere").exists()


def test_all_who_start_together_get_the_same_key(tmp_path: Path) -> None:
    start = threading.Barrier(8)
    keys: list[bytes] = []

    def work() -> None:
        start.wait()
        keys.append(_load(tmp_path / "secrets", create=True).reveal())

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(keys) == 8
    assert len(set(keys)) == 1


def test_a_directory_that_cannot_be_made_is_an_answer(tmp_path: Path) -> None:
    (tmp_path / "secrets").write_text("a file in its place")
    with pytest.raises(SettingsError) as caught:
        _load(tmp_path / "secrets", create=True)
    assert "RECONCILE_KEY" in caught.value.hint


@pytest.mark.parametrize(
    "text",
    [b"hardly a key", base64.b64encode(b"k" * 31), base64.b64encode(b"k" * 33), b"k" * 32, b"\xff" * 44, b"*" * 44],
    ids=["words", "short", "long", "raw-bytes", "no-ascii", "no-base64"],
)
def test_what_is_no_key_is_refused_without_showing_it(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "own.key").write_bytes(text)
    (tmp_path / "own.key").chmod(0o600)
    with pytest.raises(SettingsError) as caught:
        _load(tmp_path, create=True, reference="file:own.key")
    assert "file:own.key" in caught.value.message
    assert "openssl" in caught.value.hint
    assert text.decode("latin-1") not in caught.value.message + caught.value.hint


def test_blanks_around_the_key_do_no_harm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECONCILE_TEST_KEY", " " + base64.b64encode(b"k" * 32).decode() + "\r\n")
    assert _load(tmp_path, create=False, reference="env:RECONCILE_TEST_KEY").reveal() == b"k" * 32


def test_a_key_in_place_of_its_reference_is_not_repeated(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="RECONCILE_KEY") as caught:
        _load(tmp_path, create=True, reference="a2FuYXJpZW52b2dlbA==")
    assert "a2FuYXJp" not in caught.value.message + caught.value.hint


def test_the_settings_name_the_default_that_is_made(tmp_path: Path) -> None:
    settings = Settings(state_directory=tmp_path, secrets_directory=tmp_path, cache_directory=tmp_path)
    assert settings.key_reference == str(DEFAULT_REFERENCE)


KEYS = [base64.b64encode(bytes([number]) * 32) for number in range(3)]


def _ring(directory: Path, text: bytes) -> list[bytes]:
    (directory / "reconcile.key").write_bytes(text)
    (directory / "reconcile.key").chmod(0o600)
    settings = Settings(state_directory=directory, secrets_directory=directory, cache_directory=directory)
    return [key.reveal() for key in load_ring(settings, create=False)]


@pytest.mark.parametrize("text", [b"\n".join(KEYS), b"\r\n".join(KEYS) + b"\r\n\r\n", b" ".join(KEYS), b"\n".join([*KEYS, KEYS[1]])])
def test_a_ring_is_one_key_a_line_in_its_order_and_each_once(tmp_path: Path, text: bytes) -> None:
    assert _ring(tmp_path, text) == [bytes([number]) * 32 for number in range(3)]


def test_a_bad_line_of_a_ring_is_numbered_and_not_shown(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="key 2 of 3") as caught:
        _ring(tmp_path, b"\n".join([KEYS[0], b"kanarienvogel", KEYS[2]]))
    assert "kanarien" not in caught.value.message + caught.value.hint


@pytest.mark.parametrize("text", [b" \n", b"\n\n"])
def test_a_ring_without_a_key_is_refused(tmp_path: Path, text: bytes) -> None:
    with pytest.raises(SettingsError, match=r"file:reconcile\.key"):
        _ring(tmp_path, text)


def test_a_key_for_each_environment_needs_the_name_of_one(tmp_path: Path) -> None:
    settings = Settings(
        state_directory=tmp_path, secrets_directory=tmp_path, cache_directory=tmp_path, key_reference="file:{environment}.key"
    )
    with pytest.raises(SettingsError, match="no environment was named"):
        load_key(settings, create=True)
    assert not [*tmp_path.iterdir()]
