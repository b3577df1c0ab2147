"""Every finding about a tree, for all its environments or for one."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence
from typing import TypeAlias

from reconcile.desired.documents import DocumentCache
from reconcile.desired.estate import Estate, Read, read_estate
from reconcile.desired.load import LoadResult, resolve, with_findings
from reconcile.desired.pages import F
from reconcile.lazy_dataclass import dataclass
from reconcile.model.finding import Finding, Severity
from reconcile.model.position import Position
from reconcile.model.resource import DesiredState

#: What looks at a whole desired state: the seam for rules written as policies. The second argument gives the other environments of the
#: estate that can be used, resolved when it is called.
Checks: TypeAlias = Callable[[DesiredState, Callable[[], Sequence[DesiredState]]], Iterable[Finding]]


def no_checks(desired: DesiredState, others: Callable[[], Sequence[DesiredState]]) -> Iterable[Finding]:
    """Documents alone."""
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

    @functools.cache
    def resolved(name: str | None) -> LoadResult:
        return resolve(estate, environment=name, source=source, revision=revision)

    for name in wanted:
        result = resolved(name)
        if result.desired is not None:
            others = functools.partial(_others, resolved, names, result.desired.environment)
            result = with_findings(result, checks(result.desired, others))
        findings |= set(result.findings)
    estate.places.save()
    if environment is None:
        findings |= {*estate.documents.findings, *_outside(estate)}
    return LintResult(
        environments=names,
        findings=tuple(sorted(findings, key=Finding.sort_key)),
        files=len(files),
        documents=len(estate.documents.documents),
    )


def load_and_check(
    files: Sequence[F],
    refused: Sequence[Finding],
    read: Read[F],
    *,
    environment: str | None,
    source: str,
    revision: str,
    cache: DocumentCache | None = None,
    checks: Checks,
) -> tuple[LoadResult, Sequence[Finding]]:
    """`load`, and beside its result what the checks say of it; they hold nothing back."""
    estate = read_estate(files, refused, read, cache=cache)

    @functools.cache
    def resolved(name: str | None) -> LoadResult:
        return resolve(estate, environment=name, source=source, revision=revision)

    result = resolved(environment)
    found: Sequence[Finding] = ()
    if result.desired is not None:
        others = functools.partial(_others, resolved, estate.environments.named, result.desired.environment)
        found = [*checks(result.desired, others)]
    estate.places.save()
    return result, found


def _others(resolved: Callable[[str | None], LoadResult], names: Sequence[str], environment: str) -> Sequence[DesiredState]:
    found = (resolved(name).desired for name in names if name != environment)
    return [one for one in found if one is not None]


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
