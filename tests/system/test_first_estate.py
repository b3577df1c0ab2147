"""The page for the first estate, done as it is written."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from reconcile.sandbox.corpus.addresses import MAILBOXES
from reconcile.sandbox.world import Place, World
from support.first_estate import edit, steps

#: What the page says that only a person or another terminal does.
ELSEWHERE = "reconcile sandbox"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    place = Place(directory=tmp_path / "sandbox", secrets_directory=tmp_path / "sandbox" / "secrets")
    with World(place=place, mailboxes=MAILBOXES, now=lambda: datetime.now(UTC)) as world:
        world.fill()
        yield world


def test_the_page_works_as_written(tmp_path: Path, world: World) -> None:
    beside = tmp_path / "bin"
    beside.mkdir()
    (beside / "reconcile").write_text(f'#!/bin/sh\nexec {sys.executable} -m reconcile.cli.main "$@"\n')
    (beside / "reconcile").chmod(0o755)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("RECONCILE_", "GIT_"))}
    who = {f"GIT_{role}_{what}": "ops@contoso.example" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    environment = {**kept, **who, "PATH": f"{beside}:{kept['PATH']}", "RECONCILE_CACHE_DIR": str(tmp_path / "cache")}
    place, shown = tmp_path, ""
    for step, text in steps():
        if step != "sh":
            edit(place / step, text.replace("20993", str(world.ports.imaps)).replace("20587", str(world.ports.submission)))
            continue
        if text.startswith(ELSEWHERE):
            continue
        done = subprocess.run(
            ["bash", "-euc", text], cwd=place, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 0, text + done.stdout + done.stderr
        shown += done.stdout
        if "cd my-estate" in text:
            place = tmp_path / "my-estate"
            environment["RECONCILE_SECRETS_DIR"] = str(world.place.secrets_directory)
    assert "incoming mail stops" in shown
    assert re.search(r"1\s+sent\s+sales\s+sales@contoso\.example\s+To myself", shown)
    assert "no drift in production" in shown

    def more(command: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(["bash", "-uc", command], cwd=place, env=environment, capture_output=True, timeout=60)

    raw = more("reconcile activities show 3 --raw")
    assert more("reconcile activities export ../mail").stdout.endswith(b" e-mails written to ../mail\n")
    assert raw.stdout == (tmp_path / "mail" / "00000003.eml").read_bytes() != b""
    mistaken = more("reconcile activities export 3")
    assert (mistaken.returncode, (place / "3").exists()) == (1, False)
    assert b"next: One e-mail: reconcile activities show 3 --raw > 3.eml" in mistaken.stderr
