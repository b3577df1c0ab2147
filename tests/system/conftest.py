"""What tests of the whole command line share."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.command import Commands


@pytest.fixture
def commands(tmp_path: Path) -> Commands:
    """With a password behind `file:password`."""
    made = Commands(state=tmp_path / "state", cache=tmp_path / "cache")
    secrets = made.state / "secrets"
    secrets.mkdir(parents=True, mode=0o700)
    (secrets / "password").write_text("correct horse\n")
    (secrets / "password").chmod(0o600)
    return made
