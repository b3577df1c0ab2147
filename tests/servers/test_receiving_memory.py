"""Memory stays bounded whatever the size of a message: measured on the real command."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from support.dovecot import PASSWORD, running
from support.receiving import apply_estate

USER = "sales@contoso.example"
_PROGRAM = """
import pathlib, sys
from reconcile.cli.main import run
code = run(sys.argv[1:])
# Not getrusage: its maximum is inherited from the process that started this one.
status = pathlib.Path("/proc/self/status").read_text()
print("peak", int(status.split("VmHWM:")[1].split()[0]) // 1024)
sys.exit(code)
"""


def peak(tmp_path: Path, megabytes: int) -> int:
    """Peak memory in MB of a sync that brings one message of that size."""
    with running(users={USER: PASSWORD}) as dovecot:
        line = b"0123456789abcde" * 5 + b"\r\n"
        dovecot.deliver(USER, b"Message-ID: <large@contoso.example>\r\n\r\n" + line * ((megabytes << 20) // len(line)))
        settings = apply_estate(tmp_path, port=dovecot.imaps, authority=dovecot.authority, passwords={USER: PASSWORD})
        command = [sys.executable, "-c", _PROGRAM, "sync", "--state-dir", str(settings.state_directory)]
        done = subprocess.run(
            [*command, "--secrets-dir", str(settings.secrets_directory)], stdout=subprocess.PIPE, check=True, env={**os.environ}, text=True
        )
    assert "1 e-mail tracked" in done.stdout
    stored = sum(path.stat().st_size for path in (settings.state_directory / "test" / "packs").glob("*.pack"))
    assert stored >= (megabytes << 20) * 0.99
    return int(done.stdout.rpartition("peak ")[2])


@pytest.mark.servers
@pytest.mark.slow
def test_three_hundred_megabytes(tmp_path: Path) -> None:
    found = peak(tmp_path, 300)
    print(f"peak {found} MB")
    assert found <= 80


@pytest.mark.servers
def test_forty_megabytes_take_little_more_than_nothing(tmp_path: Path) -> None:
    assert peak(tmp_path, 40) <= 80
