"""What rules say of a plan, as people, programs and pull requests see it: a folder per case with what was applied, what is declared and who
approved. Refresh with --refresh-golden, and review the difference like code.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest

from reconcile.model.change import Plan
from reconcile.model.policy_rule import RuleExample
from reconcile.plan import code, codec
from reconcile.policy.approvals import NotProved, Proof, Proved
from reconcile.policy.example import read_before, read_example
from reconcile.report.plan_json import plan_json
from reconcile.report.plan_markdown import plan_markdown
from reconcile.report.plan_rules import refusal
from reconcile.report.plan_text import plan_head, plan_text
from reconcile.wiring.plan_judging import PlanJudge
from reconcile.wiring.trying import between
from support.golden import Golden

HERE = Path(__file__).parent / "plan_rules"
CASES = sorted(entry.name for entry in HERE.iterdir() if (entry / "documents.yaml").exists())


@dataclass
class Proofs:
    """Who approved, by name; nobody else did."""

    given: Mapping[str, str]
    reviews: tuple[object, ...] = field(default=())

    def of_waiver(self, *_: object) -> Proof:
        return Proved("named")

    def of_plan(self, names: Iterable[str], _: object, *, revision: str) -> tuple[str, Mapping[str, Proof]]:
        answers: dict[str, Proof] = {}
        for name in names:
            answers[name] = Proved(self.given[name]) if name in self.given else NotProved("commit 0123456789ab is not signed")
        return "0123456789abcdef", answers


def plan_of(folder: Path) -> Plan:
    case = json.loads((folder / "case.json").read_text(encoding="utf-8"))
    example = RuleExample(
        documents=(folder / "documents.yaml").read_text(encoding="utf-8"),
        before=(folder / "before.yaml").read_text(encoding="utf-8"),
        lifted=tuple(case["lifted"]),
    )
    found = read_example(example)
    assert not isinstance(found, str), found
    before = read_before(example, found)
    assert not isinstance(before, str), before
    plan, desired = between(before.desired, found.desired, example.lifted)
    judge = PlanJudge(cache=None, approvals=Proofs(case["approved"]), now=lambda: datetime(2026, 11, 22, 10, tzinfo=UTC))  # type: ignore[arg-type]
    return judge(plan, desired)


@pytest.mark.parametrize("case", CASES)
def test_case(case: str, golden: Golden) -> None:
    plan = plan_of(HERE / case)
    ended = code.of_plan(plan, changes_count=False)
    golden.check(f"{plan_text(plan, color=False)}\nexit {int(ended)} {ended.reason}\n{refusal(plan)}\n", HERE / case / "expected.txt")
    golden.check(plan_markdown(plan), HERE / case / "expected.md")
    document = plan_json(plan, ended)
    inner = document["plan"]
    assert isinstance(inner, dict)
    shown = {**document, "plan": {name: inner[name] for name in ("formatVersion", "figures", "judgement", "brakes", "lifted")}}
    golden.check(json.dumps(shown, ensure_ascii=False, indent=1) + "\n", HERE / case / "expected.json")
    assert codec.decode(codec.encode(plan)) == plan
    head = plan_head(plan, color=False)
    assert all(line in plan_text(plan, color=False) for line in head.splitlines())
