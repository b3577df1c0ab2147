"""What a gate says, for programs."""

from __future__ import annotations

from reconcile.model.gate import Compared, Gate, JudgeChange
from reconcile.plan.judgement_document import judgement_document
from reconcile.report.findings_json import counts_json, finding_json, position_json
from reconcile.report.gate_markdown import verdict
from reconcile.report.plan_text import summary_counts
from reconcile.report.rule_facts import Facts

FORMAT_VERSION = "1.0"


def gate_json(gate: Gate, known: Facts) -> dict[str, object]:
    """`findings` are those of the change, each with `new`."""
    return {
        "formatVersion": FORMAT_VERSION,
        "verdict": verdict(gate),
        "base": {"name": gate.base, "commit": gate.base_commit},
        "comparedWith": gate.compared_commit,
        "head": {"commit": gate.head_commit},
        "folder": gate.prefix,
        **({"notes": [*gate.notes]} if gate.notes else {}),
        "failOn": str(gate.fail_on) if gate.fail_on is not None else "never",
        "counts": {"new": counts_json(gate.new), "existing": counts_json(gate.old), "mended": gate.mended},
        "judges": [_judge(one) for one in gate.judges],
        "approvers": None if gate.approvers is None else [*gate.approvers],
        "environments": [_environment(one) for one in gate.environments],
        "findings": [
            {**finding_json(finding, known), "new": is_new}
            for is_new, several in ((True, gate.new), (False, gate.old))
            for finding in several
        ],
        "exit": gate.code.reason,
    }


def _judge(one: JudgeChange) -> dict[str, object]:
    entry: dict[str, object] = {"what": one.what, "action": one.action}
    if one.position is not None:
        entry |= position_json(one.position)
    if one.changes:
        entry["changes"] = [*one.changes]
    if one.approved:
        entry["approved"] = one.approved
    return entry


def _environment(one: Compared) -> dict[str, object]:
    if one.plan is None:
        return {"name": one.environment, "problem": one.problem}
    brakes = [{"name": brake.name, "message": brake.message} for brake in one.plan.brakes]
    judged = {} if one.plan.judgement is None else {"judgement": judgement_document(one.plan.judgement)}
    return {"name": one.environment, "summary": summary_counts(one.plan), "brakes": brakes, "held": len(one.plan.held), **judged}
