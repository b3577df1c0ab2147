"""The rules that come with reconcile, read once, with their examples."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from reconcile.policy.compile import compile_rules
from reconcile.policy.rule import RuleBook
from reconcile.policy.sight import Around
from reconcile.policy.try_rule import Trial
from reconcile.wiring.policies import policies_of
from reconcile.wiring.trying import between

FOLDER = Path(__file__).parents[2] / "policies"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shipped:
    """`wrong` says what is wrong with the documents and their expressions."""

    trials: dict[str, Trial]
    book: RuleBook
    wrong: list[str]


@cache
def shipped() -> Shipped:
    declared, findings = policies_of(FOLDER, None, prefix="policies/")
    of_rules = {key.name: one for key, one in declared.items() if key.kind == "PolicyRule"}
    book, faults = compile_rules(of_rules.values())
    around = Around(clock=time.thread_time, planned=between)
    return Shipped(
        trials={name: Trial(one, around) for name, one in sorted(of_rules.items())},
        book=book,
        wrong=[f"{finding.position}: {finding.message}" for finding in (*findings, *faults)],
    )
