"""A mailbox's lease where its folder does not play along."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from reconcile.errors import Locked, PermanentError
from reconcile.store.sqlite.leases import Leases


def test_a_second_holder_hears_who_the_first_is(tmp_path: Path) -> None:
    with Leases(tmp_path / "leases").hold("m1"):
        with pytest.raises(Locked, match=f"process {os.getpid()} on "), Leases(tmp_path / "leases").hold("m1"):
            pass
        assert f"process {os.getpid()} on " in (Leases(tmp_path / "leases").holder("m1") or "")
    assert Leases(tmp_path / "leases").holder("m1") is None


def test_a_folder_that_cannot_be_used_is_no_bug(tmp_path: Path) -> None:
    (tmp_path / "leases").write_text("a file")
    leases = Leases(tmp_path / "leases")
    with pytest.raises(PermanentError, match="cannot be used") as caught, leases.hold("m1"):
        pass
    assert caught.value.hint
    with pytest.raises(PermanentError, match="cannot be used"):
        leases.holder("m1")


def test_a_full_disk_keeps_nobody_from_holding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "pwrite", full)
    leases = Leases(tmp_path / "leases")
    with leases.hold("m1"):
        assert leases.holder("m1") == "another process"
