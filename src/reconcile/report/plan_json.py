"""A plan for programs: the document of the plan file, its summary, and the reason of the exit code."""

from __future__ import annotations

from reconcile.model.change import Adopt, Change, Command, Create, Delete, Forget, Plan, Update
from reconcile.model.exit_code import ExitCode
from reconcile.plan.document import change_document, document
from reconcile.report.plan_text import summary_counts

FORMAT_VERSION = "1.0"


def plan_json(plan: Plan, code: ExitCode) -> dict[str, object]:
    """`plan` is what `--out` writes."""
    return {"formatVersion": FORMAT_VERSION, "plan": document(plan), "summary": summary_counts(plan), "exit": code.reason}


def drift_json(plan: Plan, code: ExitCode) -> dict[str, object]:
    """What differs, without anything that could be carried out."""
    whole = document(plan)
    kept = (
        "target",
        "environment",
        "organizationId",
        "source",
        "revision",
        "held",
        "unobserved",
        "unchanged",
        "notes",
        "selection",
        "leftOut",
    )
    return {
        "formatVersion": FORMAT_VERSION,
        "drift": bool(plan.changes),
        **{name: whole[name] for name in kept},
        "differences": [_difference(change) for change in plan.changes],
        "exit": code.reason,
    }


def _difference(change: Change) -> dict[str, object]:
    whole = change_document(change)
    kept = {name: whole[name] for name in ("key", "externalId", "fields", "records", "cause", "previous") if whole.get(name) is not None}
    gone = isinstance(change, Update) and change.orphan
    return {"kind": "undeclared" if gone else _WORDS[type(change)], **kept}


_WORDS: dict[type, str] = {
    Create: "missing",
    Adopt: "unmanaged",
    Update: "differs",
    Delete: "undeclared",
    Forget: "undeclared",
    Command: "command",
}
