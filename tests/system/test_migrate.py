"""`reconcile migrate` on a folder: what it writes, what it leaves, what it ends with."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from reconcile.cli.main import run
from support.estate import ENVIRONMENT, PROFILE, mailbox


@pytest.fixture
def estate(tmp_path: Path) -> Path:
    root = tmp_path / "estate"
    (root / "base").mkdir(parents=True)
    texts = {"e.yaml": ENVIRONMENT.replace("spec: {", "spec: {layers: [base], "), "base/p.yaml": PROFILE, "base/m.yaml": mailbox()}
    for name, text in texts.items():
        (root / name).write_text(text.replace("v1alpha2", "v1alpha1").replace("layers:", "folders:"))
    (root / "base" / "new.yaml").write_text(mailbox("new"))
    return root


def test_check_writes_nothing_and_ends_with_2(estate: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = {path: path.read_bytes() for path in estate.rglob("*.yaml")}
    assert run(["migrate", "--check", "-C", str(estate)]) == 2
    assert {path: path.read_bytes() for path in estate.rglob("*.yaml")} == before
    assert capsys.readouterr().out.splitlines() == ["would change base/m.yaml", "would change base/p.yaml", "would change e.yaml"]


def test_files_are_rewritten_once(estate: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (estate / "e.yaml").chmod(0o640)
    assert run(["lint", "-C", str(estate), "--gate", "warning"]) == 3
    assert "reconcile migrate" in capsys.readouterr().out
    assert run(["migrate", "-C", str(estate), "-o", "json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["changed"], told["documents"], told["written"]) == (["base/m.yaml", "base/p.yaml", "e.yaml"], 3, True)
    assert "layers: [base]" in (estate / "e.yaml").read_text()
    assert stat.S_IMODE((estate / "e.yaml").stat().st_mode) == 0o640
    assert run(["lint", "-C", str(estate), "--gate", "information"]) == 0
    assert run(["migrate", "-C", str(estate), "--check"]) == 0
    assert not [*estate.rglob(".reconcile-unfinished*")]


def test_only_what_is_named(estate: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(estate)
    assert run(["migrate", "base/m.yaml"]) == 0
    assert capsys.readouterr().out == "changed base/m.yaml\n"
    assert run(["migrate", "nowhere.yaml"]) == 64
    assert run(["migrate", ".."]) == 64
    assert run(["migrate", "--check", "base"]) == 2


def test_a_broken_file_is_reported_and_left(estate: Path, capsys: pytest.CaptureFixture[str]) -> None:
    broken = (estate / "base" / "m.yaml").read_bytes() + b"  owner: 'x\n"
    (estate / "base" / "m.yaml").write_bytes(broken)
    assert run(["migrate", "-C", str(estate)]) == 3
    assert "yaml/syntax" in capsys.readouterr().out
    assert (estate / "base" / "m.yaml").read_bytes() == broken
    assert "v1alpha2" in (estate / "e.yaml").read_text()


def test_a_file_with_a_name_as_long_as_can_be(estate: Path, capsys: pytest.CaptureFixture[str]) -> None:
    blocked = estate / "base" / f"{'x' * 250}.yaml"
    blocked.write_text(mailbox().replace("v1alpha2", "v1alpha1"))
    assert run(["migrate", "-C", str(estate)]) == 0
    blocked.unlink()
    assert "error" not in capsys.readouterr().err
