"""What `file:` takes and what it refuses."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconcile.errors import SettingsError
from reconcile.model.secret import SecretRef
from reconcile.secrets.file import LIMIT, FileSecrets

posix = pytest.mark.skipif(os.name != "posix", reason="links and permissions as on POSIX")

CERTIFICATE = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
PRIVATE_KEY = "-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----\n"


def _write(path: Path, content: str | bytes, mode: int = 0o600) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    path.chmod(mode)
    return path


def _resolve(directory: Path, name: str) -> bytes:
    return FileSecrets(directory).resolve(SecretRef("file", name)).reveal()


def _refusal(directory: Path, name: str) -> SettingsError:
    with pytest.raises(SettingsError) as caught:
        _resolve(directory, name)
    assert f"file:{name}" in caught.value.message
    assert caught.value.hint
    return caught.value


@pytest.mark.parametrize(
    ("content", "value"),
    [
        (b"x", b"x"),
        (b"x\n", b"x"),
        (b"x\r\n", b"x"),
        (b"x\n\n", b"x\n"),
        (b"x\r\n\r\n", b"x\r\n"),
        (b"x\r", b"x\r"),
        (b" x \n", b" x "),
        (b"\xff\xfe\n", b"\xff\xfe"),
    ],
)
def test_exactly_one_line_end_is_taken_off(tmp_path: Path, content: bytes, value: bytes) -> None:
    _write(tmp_path / "name", content)
    assert _resolve(tmp_path, "name") == value


@pytest.mark.parametrize("content", [b"", b"\n", b"\r\n"])
def test_an_empty_file_is_refused(tmp_path: Path, content: bytes) -> None:
    _write(tmp_path / "name", content)
    assert "is empty" in _refusal(tmp_path, "name").message


@pytest.mark.parametrize("name", ["/etc/passwd", "../name", "sub/../../name", "sub/../name", ".."])
def test_a_name_that_leads_elsewhere_is_refused(tmp_path: Path, name: str) -> None:
    _write(tmp_path / "name", "outside")
    _write(tmp_path / "secrets" / "sub" / "name", "inside")
    assert "relative" in _refusal(tmp_path / "secrets", name).message


def test_files_in_folders_below_are_found(tmp_path: Path) -> None:
    _write(tmp_path / "sub" / "name", "value\n")
    assert _resolve(tmp_path, "sub/name") == b"value"


@pytest.mark.parametrize("name", ["missing", "sub/missing", "nul\0inside"])
def test_a_missing_file_is_named(tmp_path: Path, name: str) -> None:
    assert "there is no file" in _refusal(tmp_path, name).message


def test_a_missing_directory_is_like_a_missing_file(tmp_path: Path) -> None:
    assert "there is no file" in _refusal(tmp_path / "nowhere", "name").message


def test_a_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "name").mkdir()
    assert _refusal(tmp_path, "name").message


def test_size_has_a_limit(tmp_path: Path) -> None:
    _write(tmp_path / "fits", b"x" * LIMIT)
    _write(tmp_path / "too-big", b"x" * (LIMIT + 1))
    assert len(_resolve(tmp_path, "fits")) == LIMIT
    assert str(LIMIT + 1) in _refusal(tmp_path, "too-big").message


@posix
def test_a_named_pipe_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "name", 0o600)
    assert "not a regular file" in _refusal(tmp_path, "name").message


@posix
@pytest.mark.parametrize("through", ["file", "folder"])
def test_a_link_out_of_the_directory_is_refused(tmp_path: Path, through: str) -> None:
    outside = _write(tmp_path / "outside" / "name", "value")
    inside = tmp_path / "secrets"
    inside.mkdir()
    if through == "file":
        (inside / "name").symlink_to(outside)
        assert "leads out" in _refusal(inside, "name").message
    else:
        (inside / "sub").symlink_to(outside.parent)
        assert "leads out" in _refusal(inside, "sub/name").message


@posix
def test_links_inside_are_followed_as_kubernetes_mounts_them(tmp_path: Path) -> None:
    _write(tmp_path / "..2026_11_22" / "password", "value", 0o400)
    (tmp_path / "..data").symlink_to("..2026_11_22")
    (tmp_path / "password").symlink_to("..data/password")
    assert _resolve(tmp_path, "password") == b"value"


@posix
def test_the_directory_itself_may_be_a_link(tmp_path: Path) -> None:
    _write(tmp_path / "real" / "name", "value")
    (tmp_path / "secrets").symlink_to("real")
    assert _resolve(tmp_path / "secrets", "name") == b"value"


@posix
def test_a_loop_of_links_is_an_answer_not_a_traceback(tmp_path: Path) -> None:
    (tmp_path / "one").symlink_to("two")
    (tmp_path / "two").symlink_to("one")
    assert "there is no file" in _refusal(tmp_path, "one").message


@posix
@pytest.mark.parametrize("mode", [0o604, 0o644, 0o602, 0o606, 0o666])
def test_a_file_open_to_every_account_is_refused_with_the_command_that_helps(tmp_path: Path, mode: int) -> None:
    path = _write(tmp_path / "name", "value", mode)
    assert f"chmod 600 {path.resolve()}" in _refusal(tmp_path, "name").hint


@posix
@pytest.mark.parametrize("mode", [0o400, 0o600, 0o640, 0o660])
def test_owner_and_group_may_have_it(tmp_path: Path, mode: int) -> None:
    _write(tmp_path / "name", "value", mode)
    assert _resolve(tmp_path, "name") == b"value"


@posix
def test_certificates_are_public(tmp_path: Path) -> None:
    _write(tmp_path / "ca.pem", CERTIFICATE * 2, 0o644)
    assert _resolve(tmp_path, "ca.pem").decode() == (CERTIFICATE * 2).removesuffix("\n")


@posix
@pytest.mark.parametrize(
    ("content", "mode"),
    [(CERTIFICATE, 0o646), (CERTIFICATE + PRIVATE_KEY, 0o644), (PRIVATE_KEY, 0o644), ("value\n" + CERTIFICATE, 0o644)],
    ids=["anyone-may-replace-it", "key-behind-it", "key", "something-before-it"],
)
def test_certificates_are_no_excuse(tmp_path: Path, content: str, mode: int) -> None:
    _write(tmp_path / "ca.pem", content, mode)
    assert "chmod 600" in _refusal(tmp_path, "ca.pem").hint


@pytest.fixture
def ordinary_account() -> Iterator[None]:
    """Root may read everything, so root steps down for as long as the test runs."""
    mine = os.geteuid()
    if mine == 0:
        os.seteuid(65534)
    yield
    os.seteuid(mine)


@posix
@pytest.mark.parametrize("closed", ["name", "."])
def test_what_this_account_may_not_read_is_named(ordinary_account: None, closed: str) -> None:
    directory = Path(tempfile.mkdtemp())
    _write(directory / "name", "value")
    (directory / closed).chmod(0)
    try:
        assert "may not be read by this account" in _refusal(directory, "name").message
    finally:
        directory.chmod(0o700)
        shutil.rmtree(directory)
