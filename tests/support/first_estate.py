"""The page docs/first-estate.md as steps that a test can take."""

from __future__ import annotations

import re
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "first-estate.md"


def steps() -> list[tuple[str, str]]:
    """Blocks of the page: `sh` with commands, or the file named last before with the lines to change in it."""
    page, found = PAGE.read_text("utf-8"), []
    for block in re.finditer(r"^```(sh|diff)\n(.*?)^```", page, re.DOTALL | re.MULTILINE):
        named = re.findall(r"`([\w/]+\.yaml)`", page[: block.start()])
        found.append(("sh" if block[1] == "sh" else named[-1], block[2]))
    return found


def edit(file: Path, difference: str) -> None:
    """Lines with a minus become those with a plus that follow, wherever they are; what is not there fails."""
    for old, new in re.findall(r"((?:^-.*\n)+)((?:^\+.*\n)+)", difference, re.MULTILINE):
        before, after = (re.sub(r"^.", "", lines, flags=re.MULTILINE) for lines in (old, new))
        assert before in file.read_text("utf-8"), f"{before!r} is not in {file}"
        file.write_text(file.read_text("utf-8").replace(before, after), "utf-8")
