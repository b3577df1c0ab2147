"""A missing server is never silent: it fails in continuous integration, and elsewhere the run says what to install."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from support import servers
from support.tree import ROOT


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that lacks a server nobody has."""
    missing = {"dovecot": servers.Server(program="no-such-dovecot", packages=("dovecot-imapd", "dovecot-pop3d"))}
    monkeypatch.setattr(servers, "SERVERS", missing)


@pytest.mark.usefixtures("bare")
def test_in_ci_a_missing_server_fails_the_test(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="needs dovecot, which is not installed"):
        servers.require("dovecot")


@pytest.mark.usefixtures("bare")
def test_elsewhere_the_reason_leads_to_the_line_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception) as caught:
        servers.require("dovecot")
    said = servers.closing_lines([f"Skipped: {caught.value.msg}", "Skipped: something else"])
    assert said == [
        "1 tests were not run: they need dovecot. To run them, install (Debian, Ubuntu):",
        "    sudo apt-get install -y --no-install-recommends dovecot-imapd dovecot-pop3d",
    ]


@pytest.mark.usefixtures("bare")
def test_missing_packages_are_named() -> None:
    assert servers.missing_packages() == ("dovecot-imapd", "dovecot-pop3d")


def test_nothing_missing_nothing_said() -> None:
    assert servers.closing_lines(["Skipped: something else"]) == []


def test_a_part_that_is_missing_counts(tmp_path: Path) -> None:
    (tmp_path / "imap").touch()
    for parts, found in (
        ([(str(tmp_path / "no"), str(tmp_path / "imap"))], True),
        ([(str(tmp_path / "imap"),), (str(tmp_path / "pop3"),)], False),
    ):
        assert (servers.Server(program=sys.executable, packages=(), parts=tuple(parts)).find() is not None) is found


@pytest.mark.parametrize(("said", "found"), [("Version=144.9", False), ("Version=145.0", True), ("Version=153.7.0", True), (None, True)])
def test_one_that_is_too_old_counts_as_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, said: str | None, found: bool) -> None:
    told_by = tmp_path / "application.ini"
    if said is not None:
        told_by.write_text(f"[App]\nName=Thunderbird\n{said}\nBuildID=1\n")
    server = servers.Server(program=sys.executable, packages=("thunderbird",), oldest=145, told_by=str(told_by))
    assert (server.find() is not None) is found
    if not found:
        monkeypatch.setenv("CI", "true")
        monkeypatch.setattr(servers, "SERVERS", {"thunderbird": server})
        with pytest.raises(pytest.fail.Exception, match="needs thunderbird 145 or later, which is not installed"):
            servers.require("thunderbird")


def test_the_list_for_the_makefile_needs_nothing_but_python() -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-I",
            "-S",
            "-c",
            "import sys; sys.path.insert(0, 'tests'); from support import servers; print(*servers.missing_packages())",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == list(servers.missing_packages())


def test_the_line_comes_last(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text((ROOT / "tests" / "conftest.py").read_text("utf-8"))
    (tmp_path / "test_probe.py").write_text(
        "import pytest\ndef test_probe():\n    pytest.skip('needs dovecot, which is not installed (Debian: dovecot-imapd)')\n"
    )
    arguments = [
        "-q",
        "-ra",
        "-n",
        "1",
        "-o",
        f"pythonpath={ROOT / 'tests'}",
        "-p",
        "no:cacheprovider",
        "--rootdir",
        str(tmp_path),
        str(tmp_path),
    ]
    done = subprocess.run([sys.executable, "-m", "pytest", *arguments], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "1 skipped" in done.stdout
    assert done.stdout.splitlines()[-1] == "    sudo apt-get install -y --no-install-recommends dovecot-imapd"
