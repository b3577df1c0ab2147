"""`reconcile parties import` is killed at any moment: the directory is as it was, or as the file has it."""

from __future__ import annotations

import random
import signal
import tempfile
import time
from pathlib import Path

import pytest

from reconcile.store.sqlite.database import Database
from reconcile.store.sqlite.parties import SqliteParties
from support.command import Commands

ROWS = 20_000
KILLS = 12


def table(file: Path, version: str) -> Path:
    """Half of the rows are in one version only, and all of the others differ."""
    first = 0 if version == "a" else ROWS // 2
    lines = (f"contact,{number:06},{version},p{number}@{version}.example\n" for number in range(first, first + ROWS))
    file.write_text("type,id,name,email\n" + "".join(lines))
    return file


def version(commands: Commands) -> str:
    with Database.open(commands.state / "test" / "engine.db", read_only=True) as database:
        rows = SqliteParties(database).parties()
        names = {row.ref.name for row in rows}
        assert len(rows) == ROWS, "neither of the two"
        assert len(names) == 1, "a mixture"
        (name,) = names
        found = SqliteParties(database).by_address([f"p{ROWS * 3 // 4}@a.example", f"p{ROWS * 3 // 4}@b.example"])
        assert [*found] == [f"p{ROWS * 3 // 4}@{name}.example"]
        return name


@pytest.mark.slow
def test_a_killed_import_has_happened_or_not(commands: Commands, tmp_path: Path) -> None:
    Database.open(commands.state / "test" / "engine.db").close()
    files = {name: table(tmp_path / f"{name}.csv", name) for name in ("a", "b")}
    begun = time.monotonic()
    assert commands.run("parties", "import", str(files["a"])).code == 0
    whole = time.monotonic() - begun
    dice, now, died = random.Random(7), "a", 0
    before = {*Path(tempfile.gettempdir()).glob("etilqs*")}
    for number in range(KILLS):
        other = "b" if now == "a" else "a"
        process = commands.start("parties", "import", str(files[other]), "--allow-removals")
        # Evenly over the whole of it, and somewhat beyond.
        time.sleep(whole * (number + dice.random()) / (KILLS - 2))
        process.send_signal(signal.SIGKILL)
        died += process.wait(60) != 0
        now = version(commands)
    assert died >= KILLS // 2
    assert {*Path(tempfile.gettempdir()).glob("etilqs*")} == before
    assert commands.run("parties", "import", str(files["b"]), "--allow-removals").code == 0
    assert version(commands) == "b"
