"""A readiness report for programs. `formatVersion` rises in its second number when fields are added, in its first when they change."""

from __future__ import annotations

from reconcile.model import instant
from reconcile.model.exit_code import ExitCode
from reconcile.policy.readiness import Affected, Lack, Readiness, Standing
from reconcile.report.rule_facts import Facts, facts_about

_FORMAT_VERSION = "1.1"


def readiness_json(found: Readiness, known: Facts, code: ExitCode, *, source: str) -> dict[str, object]:
    """Every mailbox is named. `source` says what was looked at."""
    return {
        "formatVersion": _FORMAT_VERSION,
        "report": found.topic.name,
        "title": found.topic.title,
        "environment": found.environment,
        "source": source,
        "today": instant.text(found.today),
        "milestones": [
            {
                "date": instant.text(one.start),
                "says": one.says,
                "source": one.source,
                "profiles": [profile.key.name for profile in found.stopping(one)],
                "mailboxes": sum(len(profile.mailboxes) for profile in found.stopping(one)),
            }
            for one in found.topic.milestones
        ],
        "standing": {
            str(standing): {
                "profiles": len(found.standing(standing)),
                "mailboxes": sum(len(profile.mailboxes) for profile in found.standing(standing)),
            }
            for standing in Standing
        },
        "profiles": [_profile(one, known) for one in found.profiles],
        "notJudged": [{"name": name, "displayName": shown, "mailboxes": number} for name, shown, number in found.elsewhere],
        "held": found.held,
        "exit": int(code),
    }


def _profile(one: Affected, known: Facts) -> dict[str, object]:
    return {
        "name": one.key.name,
        "displayName": one.display_name,
        "serverType": one.server_type,
        "server": one.server or None,
        "standing": str(one.standing),
        "stops": None if one.stops is None else instant.text(one.stops),
        "mailboxes": [{"name": name, "emailAddress": address} for name, address in one.mailboxes],
        "missing": [_lack(lack, known) for lack in one.lacks],
    }


def _lack(lack: Lack, known: Facts) -> dict[str, object]:
    finding = lack.finding
    return {
        "rule": finding.rule,
        "severity": str(finding.severity),
        "from": None if lack.start is None else instant.text(lack.start),
        "resource": None if finding.resource is None else str(finding.resource),
        "message": finding.message,
        "remediation": facts_about(finding.rule, finding.severity, known).remedy or finding.hint,
        "file": finding.position.file,
        "line": finding.position.line,
    }
