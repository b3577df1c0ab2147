"""What is installed brings its rules, providers and schemas: a wheel, built and used away from the repository."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]


def test_an_installed_wheel_judges_by_its_own_rules(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path / "dist")]
    subprocess.run(build, cwd=REPOSITORY, check=True, capture_output=True)
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    installed = tmp_path / "installed"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(installed)
    for folder in ("policies", "policies/providers", "schemas"):
        names = {path.name for path in (REPOSITORY / folder).iterdir() if path.is_file()}
        assert names <= {path.name for path in (installed / "reconcile" / folder).iterdir()}, folder
    mistake = REPOSITORY / "tests" / "estates" / "mistakes" / "04-appointments-by-delegation" / "estate"
    environment = {**os.environ, "PYTHONPATH": str(installed), "RECONCILE_CACHE_DIR": str(tmp_path / "cache")}
    command = "import reconcile, sys; from reconcile.cli.main import main; print(reconcile.__file__, file=sys.stderr); main()"
    lint = [sys.executable, "-c", command, "lint", "-C", str(mistake), "--output", "json"]
    done = subprocess.run(lint, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert str(installed) in done.stderr
    assert done.returncode == 3
    assert "act-needs-impersonation" in {finding["rule"] for finding in json.loads(done.stdout)["findings"]}
