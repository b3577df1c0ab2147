"""Environments that compare themselves with each other are each looked at once, and compiled rules are read once."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from reconcile.desired.documents import DocumentCache
from reconcile.desired.lint import lint
from reconcile.policy.world import World
from reconcile.source.document_cache import SqliteDocumentCache
from reconcile.source.folder import FolderSource
from reconcile.wiring import policies
from reconcile.wiring.judging import rule_checks

NUMBER = 8
DOCUMENTS = """apiVersion: reconcile/v1alpha2
kind: Environment
metadata: {{name: e{number}}}
spec: {{target: {{type: engine}}, timeZone: UTC, layers: [e{number}]}}
---
apiVersion: reconcile/v1alpha2
kind: Mailbox
metadata: {{name: sales}}
spec: {{displayName: Sales, emailAddress: {address}, type: queue, profile: one, incoming: server-side}}
---
apiVersion: reconcile/v1alpha2
kind: EmailServerProfile
metadata: {{name: one}}
spec: {{displayName: One, serverType: imap-smtp, incoming: {{server: imap.contoso.example}}}}
---
apiVersion: reconcile/v1alpha2
kind: PolicyRule
metadata: {{name: own}}
spec:
  title: One environment an address
  severity: warning
  message: "also in {{counts.elsewhere}}"
  rationale: Two would both answer.
  remediation: Decide.
  sources: [{{title: Own, date: "2026"}}]
  appliesTo: Mailbox
  assert: counts.elsewhere == []
"""


def test_lint_of_many_environments_looks_at_each_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It made a view of every other environment for each: three hundred took 23 s, and nine now."""
    for number in range(NUMBER):
        folder = tmp_path / "estate" / f"e{number}"
        folder.mkdir(parents=True)
        spelled = {3: "Sales@MÜLLER.example", 4: "sales@xn--mller-kva.example"}
        address = spelled.get(number, "sales@müller.example") if number < 6 else f"sales{number}@müller.example"
        (folder / "all.yaml").write_text(DOCUMENTS.format(number=number, address=address))
    views: list[World] = []
    kept: list[str] = []
    made, asked = World.__init__, policies._kept

    def counting(self: World, *arguments: Any, **more: Any) -> None:
        views.append(self)
        made(self, *arguments, **more)

    def noting(cache: DocumentCache | None, name: str, said: str) -> Any:
        kept.append(name)
        return asked(cache, name, said)

    monkeypatch.setattr(World, "__init__", counting)
    monkeypatch.setattr(policies, "_kept", noting)

    source = FolderSource(tmp_path / "estate", now=time.time)
    listing = source.list()
    result = lint(
        listing.files,
        listing.findings,
        source.read,
        environment=None,
        source="",
        revision="",
        checks=rule_checks(SqliteDocumentCache(tmp_path), today=datetime(2026, 11, 22, tzinfo=UTC)),
    )

    said = {one.position.file: one.message for one in result.findings if one.rule == "own"}
    others = {number: ", ".join(f"e{other}" for other in range(6) if other != number) for number in range(6)}
    assert said == {f"e{number}/all.yaml": f"also in {names}" for number, names in others.items()}
    assert len(views) == 2 * NUMBER, "one as itself, one as another"
    assert kept.count("shipped-rules") == 1
    assert kept.count("own-rules") == NUMBER, "the same text in other files is another rule"
