"""Every form of the report of the same findings, as it is written."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconcile.cli.finding_reports import FORMS, Found, Wishes, pieces
from reconcile.model.finding import Severity
from reconcile.report.findings_json import FORMAT_VERSION
from reconcile.report.rule_facts import facts
from support.findings import FILES, rule, sample
from support.golden import Golden

CASES = Path(__file__).parent / "reports"
NAMES = {
    "text": "text.txt",
    "json": "findings.json",
    "sarif": "findings.sarif",
    "junit": "junit.xml",
    "github": "github.txt",
    "gitlab": "gitlab.json",
    "markdown": "markdown.md",
}


@pytest.mark.parametrize("form", FORMS)
def test_reports(form: str, golden: Golden, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    found = Found(
        findings=sample(),
        files=3,
        head={"formatVersion": FORMAT_VERSION},
        contents=FILES.get,
        prefix="desired-state/",
        gate=Severity.ERROR,
        known=facts([rule()], ["act-needs-impersonation"]),
    )
    golden.check("".join(pieces(form, found, Wishes(show_accepted=form == "text"))), CASES / NAMES[form])
