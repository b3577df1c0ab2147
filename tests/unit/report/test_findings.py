"""Findings as text and JSON."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

from reconcile.model.finding import Accepted, Finding, Severity
from reconcile.model.key import Key
from reconcile.model.position import Position
from reconcile.report.findings_json import counts_json, findings_document, findings_json
from reconcile.report.findings_text import findings_text, summary
from reconcile.report.rule_facts import facts
from support.findings import finding, rule

FILES = {"a.yaml": b"kind: Mailbox\nspec:\n  port: 70000\n", "latin.yaml": b"x\nS\xfcd\n"}
RANGE = Finding(
    rule="schema/range",
    severity=Severity.ERROR,
    message="port is 70000, expected from 1 to 65535",
    hint="write a number from 1 to 65535",
    position=Position("a.yaml", 3, 9, 14),
    path="spec.port",
    resource=Key("Mailbox", "sales"),
    related=(Position("b.yaml", 7, 1),),
)
EXPECTED = """\
error[schema/range]: port is 70000, expected from 1 to 65535
 --> a.yaml:3:9
  |
3 |   port: 70000
  |         ^^^^^
  = see also: b.yaml:7:1
  = help: write a number from 1 to 65535"""


def text(*findings: Finding, color: bool = False) -> list[str]:
    return list(findings_text(findings, FILES.get, color=color))


def test_text() -> None:
    assert text(RANGE) == [EXPECTED]


def test_color_only_adds_escapes() -> None:
    import re

    (colored,) = text(RANGE, color=True)
    assert colored != EXPECTED
    assert re.sub(r"\x1b\[[0-9;]*m", "", colored) == EXPECTED


def test_what_cannot_be_read_has_no_excerpt() -> None:
    gone = Finding(rule="yaml/syntax", severity=Severity.ERROR, message="m", position=Position("gone.yaml", 3, 1))
    assert text(gone) == ["error[yaml/syntax]: m\n --> gone.yaml:3:1"]
    whole = Finding(rule="source/link", severity=Severity.ERROR, message="m", position=Position("a.yaml"))
    assert text(whole)[0].splitlines()[1] == " --> a.yaml"
    latin = Finding(rule="text/encoding", severity=Severity.ERROR, message="m", position=Position("latin.yaml", 2, 2))
    assert text(latin)[0].splitlines()[3] == "2 | S\ufffdd"


def test_names_and_messages_cannot_steer_the_terminal() -> None:
    hostile = Finding(rule="x/y", severity=Severity.WARNING, message="a\x1b[2Jb\nc", hint="d\x07", position=Position("e\x1b.yaml", 1, 1))
    (block,) = text(hostile)
    assert "\x1b" not in block
    assert "\x07" not in block
    assert "a\\x1b[2Jb\\x0ac" in block


def test_files_are_read_once_while_findings_stay_in_them() -> None:
    reads: list[str] = []

    def contents(path: str) -> bytes | None:
        reads.append(path)
        return FILES.get(path)

    assert len(list(findings_text([RANGE, RANGE, RANGE], contents, color=False))) == 3
    assert reads == ["a.yaml"]


def test_summary() -> None:
    warning = Finding(rule="x/y", severity=Severity.WARNING, message="m", position=Position("b.yaml"))
    information = Finding(rule="x/y", severity=Severity.INFORMATION, message="m", position=Position("b.yaml"))
    assert summary([], files=1) == "no findings in 1 file"
    assert summary([RANGE, RANGE, warning, information], files=3) == "2 errors, 1 warning, 1 information in 2 files; 3 files read"


def test_json() -> None:
    (entry,) = json.loads(json.dumps(findings_json([RANGE])))
    assert entry == {
        "rule": "schema/range",
        "severity": "error",
        "message": "port is 70000, expected from 1 to 65535",
        "hint": "write a number from 1 to 65535",
        "file": "a.yaml",
        "line": 3,
        "column": 9,
        "endColumn": 14,
        "path": "spec.port",
        "resource": "Mailbox/sales",
        "related": [{"file": "b.yaml", "line": 7, "column": 1}],
        "fingerprint": "bcd9a8d0f6ff61f24d517de8caa92036",
        "title": "A number outside its limits.",
        "docs": "docs/findings.md",
    }
    assert counts_json([RANGE]) == {"error": 1, "warning": 0, "information": 0, "accepted": 0}


def test_json_says_cause_values_and_who_accepts() -> None:
    waived = replace(finding(), accepted=Accepted(by="waiver", name="w", until=datetime(2027, 3, 31, tzinfo=UTC)))
    (entry,) = findings_json([waived], facts([rule()], ["act-needs-impersonation"]))
    assert entry["cause"] == "EmailServerProfile/hub"
    assert entry["values"] == {"mailbox.act": "server-side", "profile.incoming.useImpersonation": "false"}
    assert entry["accepted"] == {"by": "waiver", "name": "w", "until": "2027-03-31T00:00:00Z"}
    assert (entry["title"], entry["docs"]) == (
        "Appointments, contacts and tasks of others need impersonation",
        "docs/policies/act-needs-impersonation.md",
    )
    assert counts_json([waived, finding()]) == {"error": 1, "warning": 0, "information": 0, "accepted": 1}
    document = json.loads("".join(findings_document({"formatVersion": "1.1"}, [waived], facts([rule()], ["act-needs-impersonation"]))))
    assert document == {"formatVersion": "1.1", "findings": [entry]}
