"""Findings as lint makes them, for tests of the reports: some of one cause, some accepted, some from strangers."""

from __future__ import annotations

from datetime import UTC, datetime

from reconcile.model.finding import Accepted, Finding, Severity
from reconcile.model.key import Key
from reconcile.model.policy_rule import PolicyRule
from reconcile.model.position import Position

PROFILE = Key("EmailServerProfile", "hub")
FILES = {
    "mailboxes/sales.yaml": b"kind: Mailbox\nspec:\n  port: 70000\n",
    "profiles/hub.yaml": b"kind: EmailServerProfile\nspec:\n  incoming:\n    useImpersonation: false\n",
}
#: What steers terminals, breaks out of Markdown, XML, workflow commands and JSON, or is no text at all.
HOSTILE = "</details>\n::error::x\r\n##[stop-commands]y\x1b[2J`` ` ```\n# h1\n<script>&\"'%0A,:;|@all #1 ![x](https://x.example)\udc80\u202e\x00]]>\ufffe"


def finding(
    number: int = 0, *, rule: str = "act-needs-impersonation", severity: Severity = Severity.ERROR, cause: Key | None = PROFILE
) -> Finding:
    """One of many mailboxes of one profile, each with its own place."""
    name = f"user{number:06}"
    return Finding(
        rule=rule,
        severity=severity,
        message=f"{name} synchronises appointments, and profile hub has no impersonation",
        hint="set spec.incoming.useImpersonation of hub to true",
        position=Position(f"mailboxes/{name[:5]}.yaml", number + 1, 3, 11),
        path="spec.act",
        resource=Key("Mailbox", name),
        related=(Position("profiles/hub.yaml", 4, 5, 21),),
        cause=cause,
        values=(("mailbox.act", "server-side"), ("profile.incoming.useImpersonation", "false")),
    )


def sample() -> list[Finding]:
    """In the order of printing."""
    alone = Finding(
        rule="schema/range",
        severity=Severity.ERROR,
        message="port is 70000, expected from 1 to 65535",
        hint="write a number from 1 to 65535",
        position=Position("mailboxes/sales.yaml", 3, 9, 14),
        path="spec.port",
        resource=Key("Mailbox", "sales"),
        related=(Position("b c#1.yaml", 7, 1),),
    )
    assigned = [
        Finding(
            rule="stable-location",
            severity=Severity.WARNING,
            message=f"{name} polls every minute",
            position=Position("assignments/all.yaml", 9, 16, 18),
            path="spec.poll",
            resource=Key("Mailbox", name),
        )
        for name in ("a", "b")
    ]
    waived = Finding(
        rule="tls-required",
        severity=Severity.ERROR,
        message="legacy speaks without TLS",
        position=Position("profiles/legacy.yaml", 8, 10, 14),
        path="spec.incoming.tls",
        resource=Key("EmailServerProfile", "legacy"),
        accepted=Accepted(by="waiver", name="legacy-until-spring", until=datetime(2027, 3, 31, tzinfo=UTC)),
    )
    known = Finding(
        rule="tls-required",
        severity=Severity.ERROR,
        message="old speaks without TLS",
        position=Position("profiles/old.yaml", 8, 10, 14),
        path="spec.incoming.tls",
        resource=Key("EmailServerProfile", "old"),
        accepted=Accepted(by="baseline"),
    )
    hostile = Finding(
        rule="text/encoding",
        severity=Severity.INFORMATION,
        message=HOSTILE,
        hint=HOSTILE,
        position=Position("a:b,c%\x1b\n`<d>.yaml", 1, 1),
        path=HOSTILE,
    )
    whole = Finding(rule="environment/missing", severity=Severity.WARNING, message="there is no Environment", position=Position("."))
    found = [alone, *(finding(number) for number in range(5)), *assigned, waived, known, hostile, whole]
    return sorted(found, key=Finding.sort_key)


def rule(name: str = "act-needs-impersonation", *, why: str = "Without it,\nnobody may read\nsomebody else's calendar.") -> PolicyRule:
    """What is said about it in reports."""
    return PolicyRule.model_validate(
        {
            "apiVersion": "reconcile/v1alpha2",
            "kind": "PolicyRule",
            "metadata": {"name": name},
            "spec": {
                "title": "Appointments, contacts and tasks of others need impersonation",
                "severity": "error",
                "message": "m",
                "rationale": why,
                "remediation": "Set useImpersonation of the profile.",
                "sources": [{"title": "Set up a profile", "date": "November 2016", "url": "https://docs.contoso.example/profile"}],
                "appliesTo": "Mailbox",
                "assert": "true",
                "tags": ["reliability", "security"],
            },
        }
    )
