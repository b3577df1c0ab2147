"""Every finding about a tree, for all its environments or for one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from reconcile.desired.documents import DocumentCache
from reconcile.desired.estate import Estate, Read, read_estate
from reconcile.desired.load import resolve, with_findings
from reconcile.desired.pages import F
from reconcile.model.finding import Finding, Severity
from reconcile.model.position import Position
from reconcile.model.resource import DesiredState

#: What looks at a whole desired state: the seam for rules written as policies.
Checks: TypeAlias = Callable[[DesiredState], Iterable[Finding]]


def no_checks(desired: DesiredState) -> Iterable[Finding]:
    """Until there are policies."""
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LintResult:
    """`findings` in the order of printing; `files` and `documents` count what was read."""

    environments: tuple[str, ...]
    findings: tuple[Finding, ...]
    files: int
    documents: int

    def reaches(self, gate: Severity) -> bool:
        """Whether any finding that counts is at or above the gate."""
        return any(finding.severity >= gate and finding.counts for finding in self.findings)


def lint(
    files: Sequence[F],
    refused: Sequence[Finding],
    read: Read[F],
    *,
    environment: str | None,
    source: str,
    revision: str,
    cache: DocumentCache | None = None,
    checks: Checks = no_checks,
) -> LintResult:
    """Arguments as for `load`; without `environment` every declared one is checked. Raises nothing for bad input."""
    estate = read_estate(files, refused, read, cache=cache)
    names = estate.environments.named
    wanted: tuple[str | None, ...] = names if environment is None and names else (environment,)
    findings: set[Finding] = set()
    for name in wanted:
        result = resolve(estate, environment=name, source=source, revision=revision)
        if result.desired is not None:
            result = with_findings(result, checks(result.desired))
        findings |= set(result.findings)
    if environment is None:
        findings |= {*estate.documents.findings, *_outside(estate)}
    return LintResult(
        environments=names,
        findings=tuple(sorted(findings, key=Finding.sort_key)),
        files=len(files),
        documents=len(estate.documents.documents),
    )


def _outside(estate: Estate[F]) -> Iterable[Finding]:
    """Documents of ours that no environment takes."""
    scopes = [*estate.environments.usable.values()]
    if len(scopes) < len(estate.environments.named) or not scopes:
        return
    for document in estate.documents.documents:
        ours = document.api_version.startswith("reconcile/") and document.kind != "Environment"
        if ours and not any(scope.holds(document.file) for scope in scopes):
            yield Finding(
                rule="environment/outside",
                severity=Severity.INFORMATION,
                message="the document stands in a folder that no Environment names",
                hint="move it, or add its folder to an Environment",
                position=Position(document.file, document.line),
            )
