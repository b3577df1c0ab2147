"""Expected outputs in files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Golden:
    """`refresh` comes from `pytest --refresh-golden`."""

    refresh: bool

    def check(self, actual: str, expected: Path) -> None:
        """The file holds the text; a missing file fails unless refreshing."""
        if self.refresh:
            expected.parent.mkdir(parents=True, exist_ok=True)
            expected.write_text(actual, encoding="utf-8", newline="")
            return
        assert expected.exists(), f"{expected} is missing: run pytest --refresh-golden, and review what it writes"
        with expected.open(encoding="utf-8", newline="") as file:
            assert actual == file.read()
