"""An estate whose own rule asks for approval before a mailbox is deleted, on a real repository."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from reconcile.cli.main import run
from support.repository import Repository

RULE = """\
apiVersion: reconcile/v1alpha2
kind: PolicyRule
metadata: {name: deletions-are-approved}
spec:
  title: A mailbox goes only with approval
  severity: error
  message: "{change.name} goes, one of {plan.deletes}"
  rationale: Its mail is processed no more.
  remediation: Let somebody approve it.
  sources: [{title: Our handbook, date: "2026"}]
  appliesTo: Change
  assert: change.action != "delete"
  requiresApprovalOf: [REQUIRED]
  minimumApprovals: MINIMUM
  cause: environment
"""
ENVIRONMENT = "apiVersion: reconcile/v1alpha2\nkind: Environment\nmetadata: {name: test}\nspec: {timeZone: UTC}\n"


def rule(required: str = "any", minimum: int = 1) -> str:
    return RULE.replace("REQUIRED", required).replace("MINIMUM", str(minimum))


def mailbox(name: str) -> str:
    return (
        "apiVersion: reconcile/v1alpha2\nkind: Mailbox\n"
        f"metadata: {{name: {name}}}\nspec: {{emailAddress: {name}@contoso.example, type: queue}}\n"
    )


def settings(*approvers: tuple[str, str]) -> str:
    named = ", ".join(f"{{name: {name}{f', keys: [{json.dumps(key)}]' if key else ''}}}" for name, key in approvers)
    return f"apiVersion: reconcile/v1alpha2\nkind: PolicySettings\nmetadata: {{name: ours}}\nspec: {{approvers: [{named}]}}\n"


def estate(*mailboxes: str, **more: str) -> dict[str, str | None]:
    files: dict[str, str | None] = {"environment.yaml": ENVIRONMENT, "rule.yaml": rule(), **more}
    return {**files, **{f"mailboxes/{name}.yaml": mailbox(name) for name in mailboxes}}


@dataclass(frozen=True, slots=True)
class Command:
    """What one command ended with."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass(slots=True)
class Desk:
    """Runs commands in this process on the estate of a repository."""

    repository: Repository
    capsys: pytest.CaptureFixture[str]

    def __call__(self, command: str, *words: str, at: Path | None = None) -> Command:
        self.capsys.readouterr()
        code = run([command, *words, "-C", str(at or self.repository.root)])
        said = self.capsys.readouterr()
        return Command(int(code), said.out, said.err)

    def mailboxes(self) -> set[str]:
        """What the target has."""
        listed = self("mailboxes", "--output", "json").json
        return {one["mailbox"] for one in listed["mailboxes"]}

    def trail(self) -> list[tuple[str, str, str]]:
        """(action, key, result), the oldest first."""
        records = self("history", "--output", "json", "--limit", "100").json["records"]
        return [(one["action"], one["key"], one["result"]) for one in reversed(records)]
