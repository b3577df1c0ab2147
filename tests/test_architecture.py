"""The walls of the house: what docs/architecture.md says, held on the code."""

from __future__ import annotations

import ast
import configparser
import importlib
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import grimp
import pytest

from reconcile.wiring.implementations import IMPLEMENTATIONS
from support.tree import PACKAGE, ROOT, modules

#: Stop here: past this a file becomes a folder of the same name.
LONGEST_FILE = 400

#: Names that say nothing about what is inside.
EMPTY_NAMES = {"utils", "util", "helpers", "helper", "common", "manager", "managers", "misc", "base", "core"}

#: Each costs tens of milliseconds or more, and no command needs all of them.
HEAVY = {
    "aiosmtpd", "cryptography", "deepdiff", "email", "exchangelib", "imapclient", "jsonschema", "jsonschema_rs", "lxml", "orjson", "pydantic",
    "requests", "ruamel", "sqlite3", "ssl", "trustme",
}  # fmt: skip


def _lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    program = shutil.which("lint-imports", path=str(Path(sys.executable).parent))
    assert program is not None, "lint-imports is not installed beside this Python; next: make develop"
    # The package is taken from the folder, not from where it is installed.
    code = "import sys; sys.path.insert(0, 'src'); from importlinter.cli import lint_imports_command as c; c(['--no-cache'])"
    return subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False, timeout=120)


def test_import_contracts_hold() -> None:
    done = _lint_imports(ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("module", "text", "contract"),
    [
        ("model/probe.py", "import reconcile.plan", "Floors"),
        ("targets/probe.py", "import reconcile.plan", "Implementations and ports"),
        ("mail/probe.py", "import reconcile.store", "Floors"),
        ("sync/probe.py", "import reconcile.store", "receive ports"),
        ("plan/probe.py", "import random", "Pure rooms"),
        ("store/probe.py", "import cryptography", "cryptography lives"),
        ("loft/__init__.py", "", "Floors"),
    ],
)
def test_import_contracts_can_be_broken(tmp_path: Path, module: str, text: str, contract: str) -> None:
    """A contract that nothing can break guards nothing."""
    _bare_rooms(tmp_path)
    assert _lint_imports(tmp_path).returncode == 0
    probe = tmp_path / "src" / "reconcile" / module
    probe.parent.mkdir(exist_ok=True)
    probe.write_text(text + "\n")
    done = _lint_imports(tmp_path)
    assert done.returncode != 0
    assert contract in done.stdout + done.stderr


def test_two_files_of_the_sandbox_that_import_each_other_are_seen(tmp_path: Path) -> None:
    _bare_rooms(tmp_path)
    for name, other in (("one", "two"), ("two", "one")):
        (tmp_path / "src" / "reconcile" / "sandbox" / f"{name}.py").write_text(f"import reconcile.sandbox.{other}\n")
    done = _lint_imports(tmp_path)
    assert done.returncode != 0
    assert "one direction" in done.stdout + done.stderr


def _circles(package: str) -> list[list[str]]:
    """Modules of a package that import each other, through others too; imports inside functions and for types only count."""
    graph = grimp.build_graph(package, cache_dir=None)
    imported = {module: graph.find_modules_directly_imported_by(module) for module in sorted(graph.modules)}
    while free := {module for module, others in imported.items() if not others & imported.keys()}:
        imported = {module: others for module, others in imported.items() if module not in free}
    # What is left leads into a circle; what nobody of these imports is in none.
    while free := imported.keys() - set[str]().union(*imported.values()):
        imported = {module: others for module, others in imported.items() if module not in free}
    return [[module, *sorted(others & imported.keys())] for module, others in imported.items()]


def test_no_modules_import_each_other_in_a_circle() -> None:
    assert _circles("reconcile") == []


def test_a_circle_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = {
        "one": "def late():\n    from circling import two\n",
        "two": "import circling.three",
        "three": "from circling.one import late",
        "before": "import circling.one",
    }
    (tmp_path / "circling").mkdir()
    for name, text in {"__init__": "", **texts}.items():
        (tmp_path / "circling" / f"{name}.py").write_text(text + "\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert [found[0] for found in _circles("circling")] == ["circling.one", "circling.three", "circling.two"]


def _bare_rooms(folder: Path) -> None:
    """The contracts, and empty rooms to hold to them: enough to be checked, and much faster than the whole package."""
    shutil.copy(ROOT / ".importlinter", folder)
    for init in PACKAGE.rglob("__init__.py"):
        room = folder / "src" / "reconcile" / init.parent.relative_to(PACKAGE)
        room.mkdir(parents=True, exist_ok=True)
        (room / "__init__.py").touch()
    for name in ("settings", "errors", "lazy_dataclass"):
        (folder / "src" / "reconcile" / f"{name}.py").touch()


def test_every_room_is_on_a_floor_and_every_floor_has_its_room() -> None:
    parser = configparser.ConfigParser()
    parser.read(ROOT / ".importlinter", "utf-8")
    floors = parser["importlinter:contract:floors"]["layers"].replace("|", " ").split()
    rooms = {path.stem for path in PACKAGE.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()} - {"__init__", "__main__"}
    assert sorted(floors) == sorted(rooms)


def test_every_room_stands_in_the_picture() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    rooms = {path.name for path in PACKAGE.iterdir() if (path / "__init__.py").exists()}
    assert {room for room in rooms if f"`{room}`" not in text} == set()


def test_no_file_is_too_long() -> None:
    lengths = {path.relative_to(ROOT).as_posix(): len(path.read_text("utf-8").splitlines()) for path in modules()}
    assert {path: length for path, length in lengths.items() if length > LONGEST_FILE} == {}


def test_every_file_is_named_after_what_is_in_it() -> None:
    named = [*modules(), *(ROOT / "tests" / "support").rglob("*.py")]
    assert [path for path in named if EMPTY_NAMES & {path.stem, path.parent.name}] == []


def test_every_module_says_what_it_is_for() -> None:
    silent = [
        path for path in modules() if path.read_text("utf-8").strip() and ast.get_docstring(ast.parse(path.read_text("utf-8"))) is None
    ]
    assert silent == []


@pytest.mark.parametrize("room", ["targets", "mail", "store", "secrets"])
def test_every_room_of_implementations_has_a_twin_in_memory(room: str) -> None:
    assert [path for path in (PACKAGE / room).iterdir() if path.stem.startswith("memory")] != []


def test_no_package_imports_what_is_in_it() -> None:
    """A package that imports its modules makes everybody pay for all of them."""
    found = [
        f"{path.relative_to(ROOT)}: {name}"
        for path in PACKAGE.rglob("__init__.py")
        for name in _imports(ast.parse(path.read_text("utf-8")))
        if name != "__future__"
    ]
    assert found == []


def _imports(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield "." * node.level + (node.module or "")


def _clock_readings(source: str) -> list[int]:
    """Lines on which the time of day is read: `datetime.now()`, `date.today()`, `time.time()`, under whatever prefix."""
    readings = {
        ("datetime", "now"),
        ("datetime", "utcnow"),
        ("datetime", "today"),
        ("date", "today"),
        ("time", "time"),
        ("time", "time_ns"),
    }
    return [
        node.lineno
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name | ast.Attribute)
        and (node.value.id if isinstance(node.value, ast.Name) else node.value.attr, node.attr) in readings
    ]


def test_only_the_command_line_and_the_wiring_read_the_clock() -> None:
    allowed = {*(PACKAGE / "wiring").rglob("*.py"), *(PACKAGE / "cli").rglob("*.py")}
    found = {str(path.relative_to(ROOT)): _clock_readings(path.read_text("utf-8")) for path in modules() if path not in allowed}
    assert {path: lines for path, lines in found.items() if lines} == {}


@pytest.mark.parametrize(
    "source", ["datetime.now()", "dt.datetime.now(UTC)", "date.today()", "f = time.time", "datetime.datetime.utcnow()"]
)
def test_a_reading_of_the_clock_is_seen(source: str) -> None:
    assert _clock_readings(source) == [1]


@pytest.mark.parametrize("source", ["clock.now()", "now = 1", "time.monotonic()", "today", "x.datetime"])
def test_a_clock_that_was_passed_in_is_none(source: str) -> None:
    assert _clock_readings(source) == []


def test_help_imports_no_heavy_library_and_no_command() -> None:
    code = (
        "import json, sys\n"
        "from reconcile.cli.main import COMMANDS, run\n"
        "code = run(['--help'])\n"
        "print(json.dumps([code, sorted({name.partition('.')[0] for name in sys.modules}), sorted(set(COMMANDS.values()) & set(sys.modules))]),"
        " file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    exit_code, loaded, commands = json.loads(done.stderr.splitlines()[-1])
    assert exit_code == 0
    assert "Write and check:" in done.stdout
    assert HEAVY & set(loaded) == set()
    assert commands == []


#: Where suites get the implementations they run on from.
_SUITES = [*(ROOT / "tests" / "contract").glob("*.py"), *(ROOT / "tests" / "support").glob("*.py")]


@pytest.mark.parametrize("name", [name for names in IMPLEMENTATIONS.values() for name in names])
def test_every_implementation_exists_and_is_tried_by_a_contract_suite(name: str) -> None:
    module, _, kind = name.rpartition(".")
    assert hasattr(importlib.import_module(f"reconcile.{module}"), kind)
    assert [path.name for path in _SUITES if kind in path.read_text("utf-8")] != []


def test_every_port_has_a_twin_in_memory_and_something_real() -> None:
    assert {port for port, names in IMPLEMENTATIONS.items() if len(names) < 2} == set()
