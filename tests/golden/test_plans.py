"""Plans as people and programs see them: a folder per case with `desired/` and `observed.json`, and what comes out of it.

`observed.json` holds the rows a target shows, what it could not read, and the inventory. Refresh with --refresh-golden, and review
the difference like code.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from reconcile.desired.load import load
from reconcile.model.canonical import Leaf, digest
from reconcile.model.change import Plan
from reconcile.model.inventory import InventoryEntry
from reconcile.model.key import KINDS, Key
from reconcile.model.kinds import references
from reconcile.model.management import OnRemoval
from reconcile.model.observation import ObservedState, Present
from reconcile.plan import code, codec
from reconcile.plan.plan import make_plan
from reconcile.report.drift_text import drift_text
from reconcile.report.plan_json import plan_json
from reconcile.report.plan_text import plan_text
from reconcile.source.folder import FolderSource
from support.golden import Golden

HERE = Path(__file__).parent / "plans"
CASES = sorted(entry.name for entry in HERE.iterdir() if (entry / "desired").is_dir())


def spec_of(raw: dict[str, Any]) -> dict[str, Leaf]:
    return {path: tuple(leaf) if isinstance(leaf, list) else leaf for path, leaf in raw.items()}


def plan_of(folder: Path) -> Plan:
    raw = json.loads((folder / "observed.json").read_text(encoding="utf-8"))
    source = FolderSource(folder / "desired")
    listing = source.list()
    loaded = load(listing.files, listing.findings, source.read, environment=None, source="desired", revision="")
    assert loaded.desired is not None, loaded.findings
    observed = ObservedState(
        target="engine",
        organization_id=raw.get("organizationId"),
        rows=tuple(
            Present(
                kind=Key.parse(key).kind,
                name=Key.parse(key).name,
                external_id=row["id"],
                spec=spec_of(row["spec"]),
                version=digest(spec_of(row["spec"])),
            )
            for key, row in raw["rows"].items()
        ),
        unknown_rows=raw.get("unknownRows", {}),
        unknown_kinds=raw.get("unknownKinds", {}),
    )
    inventory = {}
    for text, entry in raw["inventory"].items():
        key, applied = Key.parse(text), spec_of(entry["applied"])
        inventory[key] = InventoryEntry(
            key=key,
            external_id=entry["id"],
            applied=applied,
            answered=spec_of(entry.get("answered", {})),
            source_file=entry.get("file", f"{key.name}.yaml"),
            source=entry.get("source", "desired"),
            revision="",
            applied_at="2026-01-01T00:00:00Z",
            depends_on=references(key.kind, applied),
            adopted=entry.get("adopted", False),
            on_removal=OnRemoval(entry["onRemoval"]) if "onRemoval" in entry else None,
            protected=entry.get("protected", False),
        )
    return make_plan(loaded.desired, observed, inventory, KINDS, lifted=raw.get("lifted", ()))


@pytest.mark.parametrize("case", CASES)
def test_case(case: str, golden: Golden) -> None:
    plan = plan_of(HERE / case)
    ended = code.of_plan(plan, changes_count=True)
    golden.check(f"{plan_text(plan, color=False)}\nexit {int(ended)} {ended.reason}\n", HERE / case / "expected.txt")
    golden.check(f"{drift_text(plan, color=False)}\n", HERE / case / "expected-drift.txt")
    document = json.dumps(plan_json(plan, ended), ensure_ascii=False, indent=1) + "\n"
    golden.check(document, HERE / case / "expected.json")
    assert codec.decode(codec.encode(plan)) == plan


def test_colour_adds_nothing_but_colour() -> None:
    import re

    plan = plan_of(HERE / CASES[0])
    colored = plan_text(plan, color=True)
    assert colored != plan_text(plan, color=False)
    assert re.sub(r"\x1b\[[0-9;]*m", "", colored) == plan_text(plan, color=False)
