"""Which folders are read."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconcile.errors import DesiredStateError
from reconcile.source.folder import FolderSource


@pytest.mark.parametrize("root", [Path("/"), Path("/usr/.."), Path("here")])
def test_the_whole_machine_is_no_estate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, root: Path) -> None:
    (tmp_path / "here").symlink_to("/")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DesiredStateError, match="the root of this machine's files") as refused:
        FolderSource(root).list()
    assert "-C" in refused.value.hint
