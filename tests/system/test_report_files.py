"""Files of reports: whole or not at all, over what a dead process left, and never through a link."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconcile.cli.finding_reports import write
from reconcile.errors import SettingsError


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    file = tmp_path / "lint.sarif"
    file.write_text("before, and longer than what comes")
    write(file, ["a", "\udc80", "ü\n"])
    assert file.read_bytes() == b"a\\udc80\xc3\xbc\n"


def test_what_fails_half_way_leaves_the_old_file(tmp_path: Path) -> None:
    def broken() -> Iterator[str]:
        yield "half"
        raise RuntimeError

    file = tmp_path / "lint.sarif"
    file.write_text("before")
    with pytest.raises(RuntimeError):
        write(file, broken())
    assert file.read_text() == "before"
    assert [path.name for path in tmp_path.iterdir()] == ["lint.sarif"]


@pytest.mark.parametrize("left", ["file", "link"])
def test_what_a_dead_process_of_this_number_left_is_no_obstacle(left: str, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("mine")
    draft = tmp_path / f".x.{os.getpid()}.unfinished"
    if left == "file":
        draft.write_text("half")
    else:
        draft.symlink_to(victim)
    write(tmp_path / "x", ["whole"])
    assert (tmp_path / "x").read_text() == "whole"
    assert victim.read_text() == "mine"
    assert not draft.exists()


def test_what_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    for file in (tmp_path / "no" / "such", tmp_path / "folder"):
        with pytest.raises(SettingsError, match="cannot be written"):
            write(file, ["x"])
