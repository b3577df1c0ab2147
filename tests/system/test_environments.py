"""Three environments over one base from the command line: each its own plan, store and key, with the layer behind each change."""

from __future__ import annotations

import base64
import json
import shutil
from pathlib import Path

import pytest

from reconcile.cli.main import run
from reconcile.desired.yaml import read_values
from reconcile.model.canonical import flatten

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "environments"


@pytest.fixture
def estate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = tmp_path / "estate"
    shutil.copytree(EXAMPLE, root)
    monkeypatch.setenv("RECONCILE_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("RECONCILE_KEY", "file:{environment}.key")
    secrets = root / ".reconcile" / "secrets"
    secrets.mkdir(parents=True)
    for number, name in enumerate(("dev", "test", "prod")):
        key = secrets / f"{name}.key"
        key.write_bytes(base64.b64encode(bytes([number]) * 32))
        key.chmod(0o600)
        monkeypatch.setenv(f"SALES_{name.upper()}", f"password of {name}")
        monkeypatch.setenv(f"NEWSLETTER_{name.upper()}", f"password of the newsletter of {name}")
    return root


def test_each_environment_has_its_own_plan_store_and_key(estate: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["lint", "-C", str(estate), "--gate", "information"]) == 0
    for name in ("dev", "test", "prod"):
        assert run(["apply", "--yes", "-C", str(estate), "-e", name]) == 0
        assert run(["plan", "-C", str(estate), "-e", name, "--detailed-exitcode"]) == 0
    assert sorted(path.parent.name for path in (estate / ".reconcile").glob("*/engine.db")) == ["dev", "prod", "test"]
    (estate / ".reconcile/secrets/prod.key").unlink()
    base = estate / "base" / "sales.yaml"
    base.write_text(base.read_text().replace("ref: ${password}", "ref: ${password}\n      generation: 2"))
    capsys.readouterr()
    assert run(["apply", "--yes", "-C", str(estate), "-e", "dev"]) == 0
    assert run(["apply", "--yes", "-C", str(estate), "-e", "prod"]) == 1
    assert "prod.key" in capsys.readouterr().err


def test_a_change_names_the_layer_that_made_it(estate: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("test", "prod"):
        assert run(["apply", "--yes", "-C", str(estate), "-e", name]) == 0
    overlay = estate / "prod" / "sales.yaml"
    overlay.write_text(overlay.read_text().replace("filter: all", "filter: replies"))
    capsys.readouterr()
    assert run(["plan", "-C", str(estate), "-e", "test", "--detailed-exitcode"]) == 0
    capsys.readouterr()
    assert run(["plan", "-C", str(estate), "-e", "prod", "-o", "json", "--detailed-exitcode"]) == 2
    (change,) = json.loads(capsys.readouterr().out)["plan"]["changes"]
    (field,) = change["fields"]
    assert (change["key"], field["path"], field["cause"]["position"]["file"]) == ("Mailbox/sales", "filter", "prod/sales.yaml")


def leaves_of(file: Path) -> dict[str, set[str]]:
    """Kind/name → paths of the spec that a file writes, read as plainly as can be."""
    found: dict[str, set[str]] = {}
    for _, value in read_values(file.read_bytes()) or ():
        assert isinstance(value, dict)
        metadata, spec = value["metadata"], value.get("spec")
        assert isinstance(metadata, dict)
        key = f"{value['kind']}/{metadata['name']}"
        found[key] = set(flatten(spec)) if isinstance(spec, dict) else set()
    return found


def test_every_field_of_every_environment_shows_the_file_that_set_it(estate: Path, capsys: pytest.CaptureFixture[str]) -> None:
    overlaid = 0
    for name in ("dev", "test", "prod"):
        written: dict[tuple[str, str], str] = {}
        keys: set[str] = set()
        for layer in ("base", name):
            for file in sorted((estate / layer).glob("*.yaml")):
                for key, paths in leaves_of(file).items():
                    # `spec: null` in a later layer takes the document away.
                    (keys.add if paths else keys.discard)(key)
                    written.update({(key, path): f"{layer}/{file.name}" for path in paths})
        for key in sorted(keys):
            assert run(["render", key, "-C", str(estate), "-e", name, "-o", "json"]) == 0
            for field in json.loads(capsys.readouterr().out)["fields"]:
                if field["origin"] == "document":
                    path = field["path"]
                    secret = path.removesuffix(".generation")
                    file = written.get((key, path)) or written[key, f"{secret}.ref"]
                    assert field["position"]["file"] == file, (name, key, path)
                    assert field["layer"] == file.partition("/")[0]
                    overlaid += field["layer"] == name
    assert overlaid >= 4


def test_a_key_of_one_environment_is_changed_without_the_others(estate: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("dev", "test"):
        assert run(["apply", "--yes", "-C", str(estate), "-e", name]) == 0
    other = (estate / ".reconcile/secrets/test.key").read_bytes()
    capsys.readouterr()
    assert run(["key", "list", "-C", str(estate)]) == 1
    assert "Name it with -e NAME" in capsys.readouterr().err
    assert run(["key", "rotate", "-C", str(estate), "-e", "dev"]) == 0
    assert "1 resealed with" in capsys.readouterr().out
    assert run(["key", "prune", "--yes", "-C", str(estate), "-e", "dev"]) == 0
    capsys.readouterr()
    assert run(["key", "list", "-C", str(estate), "-e", "dev", "-o", "json"]) == 0
    (key,) = json.loads(capsys.readouterr().out)["keys"]
    assert key["environments"] == {"dev": 1}
    assert (estate / ".reconcile/secrets/test.key").read_bytes() == other
    for name in ("dev", "test"):
        assert run(["plan", "-C", str(estate), "-e", name, "--detailed-exitcode"]) == 0
