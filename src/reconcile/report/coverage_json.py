"""What assignments reach, for programs."""

from __future__ import annotations

from reconcile.desired.coverage import Coverage, Reach
from reconcile.model.exit_code import ExitCode

FORMAT_VERSION = "1.0"


def coverage_json(found: Coverage, code: ExitCode) -> dict[str, object]:
    """Every mailbox by name. `uncovered` is null when the target was not looked at."""
    return {
        "formatVersion": FORMAT_VERSION,
        "environment": found.environment,
        "assignments": [_reach(one) for one in found.assignments],
        "mailboxes": found.mailboxes,
        "takenOver": found.taken_over,
        "unassigned": [str(key) for key in found.unassigned],
        "withoutProfile": [str(key) for key in found.without_profile],
        "uncovered": None if found.uncovered is None else [*found.uncovered],
        "unread": [*found.unread],
        "held": [str(key) for key in found.held],
        "exit": code.reason,
    }


def _reach(one: Reach) -> dict[str, object]:
    return {
        "key": str(one.key),
        "position": {"file": one.position.file, "line": one.position.line},
        "priority": one.priority,
        "scope": one.scope,
        "selects": one.selects,
        "gives": one.gives,
        "fields": dict(one.fields),
    }
