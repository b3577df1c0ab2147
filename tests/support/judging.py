"""Small rules over small estates, from texts."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import NamedTuple

from reconcile.desired.policies import read_policies
from reconcile.model.finding import Finding
from reconcile.model.policy_rule import RuleExample
from reconcile.policy.compile import compile_rules
from reconcile.policy.evaluate import Evaluation, evaluate
from reconcile.policy.example import Example, read_example
from reconcile.policy.rule import Rule, RuleBook

TODAY = datetime(2026, 11, 22, tzinfo=UTC)
FILE = "rules.yaml"

PROFILE = """\
apiVersion: reconcile/v1alpha2
kind: EmailServerProfile
metadata: {name: mail}
spec:
  displayName: Mail
  serverType: imap-smtp
  incoming: {server: imap.contoso.example}
"""
MAILBOX = """\
apiVersion: reconcile/v1alpha2
kind: Mailbox
metadata: {name: sales}
spec:
  emailAddress: sales@contoso.example
  profile: mail
  incoming: server-side
"""


class _File(NamedTuple):
    path: str
    content_id: str = ""


def compiled(text: str) -> tuple[RuleBook, tuple[Finding, ...]]:
    """The rules of a text as file `rules.yaml`, and what is wrong with their expressions. Fails where a document cannot be read."""
    data = text.encode()

    def read(files: Iterable[_File]) -> Iterator[tuple[_File, bytes | Finding]]:
        return ((file, data) for file in files)

    declared, findings = read_policies([_File(FILE)], (), read)
    assert not findings, findings
    return compile_rules(declared.values())


def rule_text(assert_: str, *, over: str = "Mailbox", name: str = "tried", **more: str) -> str:
    """A whole rule document. `more` are further fields of the spec, as YAML on one line."""
    lines = {
        "title": "A rule that is tried",
        "severity": "warning",
        "message": "it does not hold",
        "rationale": "Because.",
        "remediation": "Mend it. Then go on.",
        "sources": "[{title: A page, date: '2016'}]",
        "appliesTo": over,
        "assert": repr(assert_) if "'" not in assert_ else '"' + assert_.replace("\\", "\\\\").replace('"', '\\"') + '"',
        **more,
    }
    spec = "\n".join(f"  {field}: {value}" for field, value in lines.items())
    return f"apiVersion: reconcile/v1alpha2\nkind: PolicyRule\nmetadata: {{name: {name}}}\nspec:\n{spec}\n"


def rule(assert_: str, **more: str) -> Rule:
    """The one rule, ready to be judged by."""
    book, findings = compiled(rule_text(assert_, **more))
    assert not findings, [(finding.position, finding.message) for finding in findings]
    return book.rules[0]


def estate(*documents: str, environment: str | None = None, **files: str) -> Example:
    """Documents as one estate."""
    example = RuleExample(documents="---\n".join(documents) or None, files=files, environment=environment)
    found = read_example(example)
    assert not isinstance(found, str), found
    return found


def judged(
    rules: Iterable[Rule], example: Example, *, today: datetime = TODAY, clock: Callable[[], float] = time.thread_time
) -> Evaluation:
    """What the rules find."""
    book = RuleBook(rules=tuple(rules))
    return evaluate(book, example.desired, today=today, others=lambda: example.others, clock=clock)


def said(evaluation: Evaluation) -> Mapping[str, str]:
    """Object → message of its finding."""
    return {str(finding.resource): finding.message for finding in evaluation.findings}
