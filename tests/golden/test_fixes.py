"""What `lint --fix` writes, byte for byte, and what `lint --suggest` says where nothing can be edited.

A case is a folder with `estate/`, `expected.txt` (stdout of --suggest) and `after/` with the files that --fix changed. Environment and
rules of `_base` are added unless the case has its own environment; the rules that come with reconcile are off.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from reconcile.cli.main import run
from support.golden import Golden
from support.own_rules import shipped_off

HERE = Path(__file__).parent / "fixes"
CASES = sorted(entry.name for entry in HERE.iterdir() if (entry / "estate").is_dir())


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One for all cases: the rules that come with reconcile are compiled once."""
    return tmp_path_factory.mktemp("cache")


@pytest.mark.parametrize("case", CASES)
def test_case(
    case: str, cache: Path, tmp_path: Path, golden: Golden, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECONCILE_CACHE_DIR", str(cache))
    monkeypatch.setenv("COLUMNS", "100")
    root = tmp_path / "estate"
    shutil.copytree(HERE / case / "estate", root)
    if not (root / "environment.yaml").exists():
        shutil.copy(HERE / "_base" / "environment.yaml", root)
    (root / "rules").mkdir()
    shutil.copy(HERE / "_base" / "rules.yaml", root / "rules")
    (root / "rules" / "quiet.yaml").write_text(shipped_off())
    subprocess.run(["git", "init", "-q", "."], cwd=root, check=True)
    before = contents(root)

    run(["lint", "-C", str(root), "--suggest"])
    suggested = capsys.readouterr().out
    golden.check(suggested, HERE / case / "expected.txt")
    assert contents(root) == before, "to suggest writes nothing"

    run(["lint", "-C", str(root), "--fix"])
    said = capsys.readouterr().err
    after = contents(root)
    changed = {path for path in after if after[path] != before.get(path)}
    assert after.keys() == before.keys()
    assert ("fixed " in said) == bool(changed)
    for path in sorted(changed):
        golden.check(after[path].decode(), HERE / case / "after" / path)
    kept = HERE / case / "after"
    assert {str(file.relative_to(kept)) for file in kept.rglob("*") if file.is_file()} == changed

    if not changed:
        return
    run(["lint", "-C", str(root), "--fix"])
    assert "fixed " not in capsys.readouterr().err, "a second run has nothing to do"
    assert contents(root) == after

    # The difference that was suggested is what git takes, and comes to the same bytes.
    for path, content in before.items():
        (root / path).write_bytes(content)
    if changed:
        subprocess.run(
            ["git", "apply"], cwd=root, input=suggested.encode(), check=True, env={**os.environ, "GIT_CONFIG_GLOBAL": os.devnull}
        )
    assert contents(root) == after


def contents(root: Path) -> dict[str, bytes]:
    return {str(file.relative_to(root)): file.read_bytes() for file in root.rglob("*") if file.is_file() and ".git" not in file.parts}
