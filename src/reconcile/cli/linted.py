"""One run of lint over a source, as lint itself and the proof of its fixes need it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import field
from datetime import datetime
from typing import TYPE_CHECKING

from reconcile.cli.context import Context
from reconcile.lazy_dataclass import dataclass
from reconcile.model.finding import Finding

if TYPE_CHECKING:
    from reconcile.desired.documents import DocumentCache
    from reconcile.desired.lint import LintResult
    from reconcile.model.resource import DesiredState
    from reconcile.policy.baseline import Baseline
    from reconcile.ports.source import Source, SourceFile
    from reconcile.wiring.judging import RuleChecks


@dataclass(slots=True, kw_only=True)
class Linted:
    """`states` are the environments that can be used, `by_environment` what rules found in each, before the baseline."""

    source: Source
    files: Mapping[str, SourceFile]
    checks: RuleChecks
    result: LintResult
    states: Mapping[str, DesiredState] = field(default_factory=dict)
    by_environment: Mapping[str, Sequence[Finding]] = field(default_factory=dict)

    @property
    def commit(self) -> str:
        """The revision that was read."""
        return self.source.revision

    def contents(self, path: str) -> bytes | None:
        """The octets of a file of the estate; None where they cannot be had."""
        if path not in self.files:
            return None
        read = next((content for _, content in self.source.read([self.files[path]])), None)
        return read if isinstance(read, bytes) else None


def linted(
    context: Context,
    source: Source,
    *,
    cache: DocumentCache | None,
    today: datetime,
    baseline: Baseline | None,
    environment: str | None,
    keep: bool = False,
    checks: RuleChecks | None = None,
    label: str = "",
) -> Linted:
    """`keep`: fill in `states` and `by_environment`, which take memory. `checks` stand in the place of those of the source's own documents,
    `label` in the place of its own. Raises DesiredStateError where the source cannot be read."""
    from reconcile.desired.lint import lint
    from reconcile.wiring.approvals import Approvals
    from reconcile.wiring.judging import rule_checks

    if checks is None:
        approvals = Approvals(folder=context.directory, revision=context.revision)
        checks = rule_checks(cache, today=today, approvals=approvals, baseline=baseline)
    judging = checks
    states: dict[str, DesiredState] = {}
    found: dict[str, Sequence[Finding]] = {}

    def watching(desired: DesiredState, others: Callable[[], Sequence[DesiredState]]) -> Iterable[Finding]:
        states[desired.environment] = desired
        found[desired.environment] = judging(desired, others)
        return found[desired.environment]

    listing = source.list()
    result = lint(
        listing.files,
        listing.findings,
        source.read,
        environment=environment,
        source=label or source.label,
        revision=source.revision,
        cache=cache,
        checks=watching if keep else checks,
    )
    return Linted(
        source=source,
        files={file.path: file for file in listing.files},
        checks=checks,
        result=checks.finished(result, whole=environment is None),
        states=states,
        by_environment=found,
    )
