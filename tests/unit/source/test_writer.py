"""New files of an estate: whole, inside, over nothing, through no link, also when the process dies."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconcile.errors import SettingsError
from reconcile.source.writer import EstateWriter


def test_folders_are_made_on_the_way(tmp_path: Path) -> None:
    EstateWriter(tmp_path / "new").write("a/b/c.yaml", [b"one ", b"two"])
    assert (tmp_path / "new/a/b/c.yaml").read_bytes() == b"one two"
    assert [path.name for path in (tmp_path / "new/a/b").iterdir()] == ["c.yaml"]


@pytest.mark.parametrize("path", ["../x.yaml", "a/../x.yaml", "/x.yaml", "a//x.yaml", "", "a/", "."])
def test_no_path_leads_out(path: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no path inside the estate"):
        EstateWriter(tmp_path / "estate").write(path, [b"x"])
    assert not (tmp_path / "x.yaml").exists()


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("mine")
    with pytest.raises(SettingsError, match="nothing is overwritten"):
        EstateWriter(tmp_path).write("a.yaml", [b"theirs"])
    assert (tmp_path / "a.yaml").read_text() == "mine"
    assert os.listdir(tmp_path) == ["a.yaml"]


def test_links_are_not_followed(tmp_path: Path) -> None:
    outside, estate = tmp_path / "outside", tmp_path / "estate"
    outside.mkdir()
    estate.mkdir()
    (estate / "folder").symlink_to(outside)
    (estate / "file.yaml").symlink_to(outside / "file.yaml")
    writer = EstateWriter(estate)
    assert writer.exists("file.yaml")
    with pytest.raises(SettingsError, match="links are not followed"):
        writer.write("folder/x.yaml", [b"x"])
    with pytest.raises(SettingsError, match="nothing is overwritten"):
        writer.write("file.yaml", [b"x"])
    assert list(outside.iterdir()) == []


def test_a_file_on_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "mailboxes").write_text("")
    with pytest.raises(SettingsError, match="a link or no folder"):
        EstateWriter(tmp_path).write("mailboxes/x.yaml", [b"x"])


def test_a_file_system_without_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object, **more: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    writer = EstateWriter(tmp_path)
    writer.write("a.yaml", [b"x"])
    with pytest.raises(SettingsError, match="nothing is overwritten"):
        writer.write("a.yaml", [b"y"])
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"a.yaml": b"x"}


def test_what_cannot_be_read_to_its_end_leaves_nothing(tmp_path: Path) -> None:
    def chunks() -> Iterator[bytes]:
        yield b"half"
        raise ValueError("the source broke")

    with pytest.raises(ValueError, match="broke"):
        EstateWriter(tmp_path).write("a.yaml", chunks())
    assert list(tmp_path.iterdir()) == []


DIE = """
import os, signal, sys
from pathlib import Path
from reconcile.source.writer import EstateWriter
def chunks():
    yield b"half"
    os.kill(os.getpid(), signal.SIGKILL)
writer = EstateWriter(Path(sys.argv[1]))
writer.write("m/first.yaml", [b"whole"])
writer.write("m/second.yaml", chunks())
"""


def test_a_killed_process_leaves_whole_files_and_the_next_one_sweeps(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", DIE, str(tmp_path)], check=False)
    left = sorted(path.name for path in (tmp_path / "m").iterdir())
    assert left[1:] == ["first.yaml"]
    assert left[0].startswith(".reconcile-unfinished-")
    (tmp_path / "m" / f".reconcile-unfinished-{os.getppid()}").write_text("of a process that lives")
    EstateWriter(tmp_path).write("m/second.yaml", [b"whole"])
    names = sorted(path.name for path in (tmp_path / "m").iterdir())
    assert names == [f".reconcile-unfinished-{os.getppid()}", "first.yaml", "second.yaml"]
