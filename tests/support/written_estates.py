"""The estates in tests/estates: what is right, and what is wrong with the findings a specialist expects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ruamel.yaml import YAML

from support.tree import ROOT

ESTATES: Final = ROOT / "tests" / "estates"

#: What an entry of expected.yaml has, in this order.
FIELDS: Final = ("severity", "file", "line", "value", "says", "because", "topic", "rule")


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """One finding. `line` counts from 1 in `file`, which is relative to the estate; `value` is that line without its indentation."""

    severity: str
    file: str
    line: int
    value: str
    says: str
    because: str
    topic: str
    rule: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """One estate: `root` is what `lint -C` takes."""

    name: str
    root: Path
    expected: tuple[Expected, ...] = ()

    def __str__(self) -> str:
        return self.name


def correct() -> Sequence[Written]:
    """Those that give no error and no warning, by number."""
    return [Written(name=folder.name, root=folder) for folder in sorted((ESTATES / "correct").iterdir())]


def mistakes() -> Sequence[Written]:
    """Those with one mistake each, by number."""
    return [
        Written(name=folder.name, root=folder / "estate", expected=tuple(Expected(**entry) for entry in entries(folder)))
        for folder in sorted((ESTATES / "mistakes").iterdir())
    ]


def entries(folder: Path) -> Sequence[Mapping[str, Any]]:
    """What expected.yaml of a mistake says, as it stands there."""
    loaded: Sequence[Mapping[str, Any]] = YAML(typ="safe", pure=True).load((folder / "expected.yaml").read_text("utf-8"))
    return loaded
