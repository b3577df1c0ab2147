"""The line and columns that a finding of a rule marks, wherever the field was written: document, assignment, layer, table, organization."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

import reconcile.wiring.policies
from reconcile.cli.main import run
from support.estate import PROFILE

RULES = """\
apiVersion: reconcile/v1alpha2
kind: PolicyRule
metadata: {name: quiet}
spec:
  title: Nothing comes in
  severity: error
  message: "{mailbox.name} takes mail in"
  rationale: r
  remediation: r
  sources: [{title: House rule, date: "2026"}]
  appliesTo: Mailbox
  assert: mailbox.incoming == "none"
  at: [mailbox.incoming]
---
apiVersion: reconcile/v1alpha2
kind: PolicyRule
metadata: {name: elsewhere}
spec:
  title: Another profile
  severity: error
  message: "{mailbox.name} is on {profile.name}"
  rationale: r
  remediation: r
  sources: [{title: House rule, date: "2026"}]
  appliesTo: Mailbox
  assert: profile.name != "contoso"
  at: [mailbox.outgoing]
  cause: profile
"""
ENVIRONMENT = "apiVersion: reconcile/v1alpha2\nkind: Environment\nmetadata: {name: test}\nspec: {timeZone: Europe/Berlin}\n"


def mailbox(name: str, more: str = "") -> str:
    return (
        f"apiVersion: reconcile/v1alpha2\nkind: Mailbox\nmetadata: {{name: {name}}}\nspec:\n"
        f"  emailAddress: {name}@contoso.example\n  type: queue\n  profile: contoso\n{more}"
    )


def found(root: Path, files: Mapping[str, str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """`rule resource file:line:from-to` of each finding of a rule."""
    (root / "none").mkdir(exist_ok=True)
    monkeypatch.setattr(reconcile.wiring.policies, "shipped_folder", lambda: root / "none")
    monkeypatch.setenv("RECONCILE_CACHE_DIR", str(root / "cache"))
    for path, text in {"environment.yaml": ENVIRONMENT, "rules.yaml": RULES, "profile.yaml": PROFILE, **files}.items():
        (root / "estate" / path).parent.mkdir(parents=True, exist_ok=True)
        (root / "estate" / path).write_text(text)
    run(["lint", "-C", str(root / "estate"), "-o", "json"])
    entries = json.loads(capsys.readouterr().out)["findings"]
    return sorted(
        f"{one['rule']} {one['resource']} {one['file']}:{one['line']}:{one['column']}-{one.get('endColumn')}"
        for one in entries
        if one["rule"] in ("quiet", "elsewhere")
    )


def test_where_a_field_was_written(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    files = {
        "own.yaml": mailbox("own", "  incoming: server-side\n"),
        "given.yaml": mailbox("given").replace("metadata: {name: given}", "metadata: {name: given, labels: {team: a}}"),
        "assignment.yaml": "apiVersion: reconcile/v1alpha2\nkind: MailboxAssignment\nmetadata: {name: all}\nspec:\n"
        "  selector: {labels: {team: a}}\n  settings:\n    incoming: server-side\n",
        "list.yaml": "apiVersion: reconcile/v1alpha2\nkind: MailboxList\nmetadata: {name: listed}\n"
        "spec:\n  file: list.csv\n  columns: {slug: metadata.name, address: emailAddress, in: incoming}\n  settings: {profile: contoso}\n",
        "list.csv": "slug,address,in\nrow,row@contoso.example,server-side\n",
    }
    places = [place for place in found(tmp_path, files, capsys, monkeypatch) if place.startswith("quiet")]
    assert places == [
        "quiet Mailbox/given assignment.yaml:7:15-26",
        "quiet Mailbox/own own.yaml:8:13-24",
        "quiet Mailbox/row list.csv:2:25-36",
    ]


def test_a_layer_that_sets_the_field(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    files = {
        "environment.yaml": ENVIRONMENT.replace("spec: {", "spec: {layers: [base, over], "),
        "base/profile.yaml": PROFILE,
        "base/rules.yaml": RULES,
        "base/sales.yaml": mailbox("sales", "  incoming: none\n"),
        "over/sales.yaml": "apiVersion: reconcile/v1alpha2\nkind: Mailbox\nmetadata: {name: sales}\nspec: {incoming: server-side}\n",
    }
    places = [place for place in found(tmp_path, files, capsys, monkeypatch) if place.startswith("quiet")]
    assert places == ["quiet Mailbox/sales over/sales.yaml:4:18-29"]


def test_one_cause_is_shown_where_it_is_declared(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {f"m{number}.yaml": mailbox(f"m{number}", "  incoming: none\n  outgoing: server-side\n") for number in range(5)}
    assert len([place for place in found(tmp_path, files, capsys, monkeypatch) if place.startswith("elsewhere")]) == 5
    run(["lint", "-C", str(tmp_path / "estate")])
    printed = capsys.readouterr().out
    assert printed.count("error[elsewhere]") == 1
    assert "--> profile.yaml:1:1" in printed
    assert "5 mailboxes for this reason: Mailbox/m0 (m0.yaml:9), Mailbox/m1 (m1.yaml:9), Mailbox/m2 (m2.yaml:9) and 2 more" in printed
