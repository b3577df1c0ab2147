"""A change judged by its base: both read from the repository, linted by the rules of the base, and compared."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from reconcile.cli.context import Context
from reconcile.cli.finding_reports import Found, Wishes, strictest
from reconcile.errors import DesiredStateError, ReconcileError
from reconcile.model.exit_code import ExitCode
from reconcile.model.finding import Finding
from reconcile.model.gate import Compared, Gate
from reconcile.model.resource import DesiredState

if TYPE_CHECKING:
    from reconcile.desired.documents import DocumentCache
    from reconcile.desired.lint import LintResult
    from reconcile.ports.source import Source, SourceFile
    from reconcile.report.rule_facts import Facts
    from reconcile.wiring.judging import PoliciesOf, RuleChecks

HEAD = "HEAD"
#: The brake of the gate's own: an environment that is gone, or has another name, is applied no more.
ENVIRONMENT_REMOVED = "environment-removed"
_REMOVED = (
    "the change declares it no more: nothing is applied to it or taken away; under another name it would begin with nothing and read its "
    f"mail again. If that is meant: --lift-brake {ENVIRONMENT_REMOVED}"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A gate, and what its reports need: the rules' documents, the marks of the base's findings, and the texts of the change."""

    gate: Gate
    known: Facts
    marks: frozenset[str]
    files: int
    contents: Callable[[str], bytes | None]
    docs_url: str

    def found(self, findings: Iterable[Finding]) -> Found:
        """Some of its findings, for a report."""
        ordered = sorted(findings, key=Finding.sort_key)
        return Found(
            findings=ordered,
            files=self.files,
            head={},
            contents=self.contents,
            prefix=self.gate.prefix,
            gate=self.gate.fail_on,
            known=self.known,
            old=self.marks,
            docs_url=self.docs_url,
        )

    def safe(self, text: str) -> str:
        """Text of the change, for a terminal or the log of a pipeline."""
        from reconcile.report.safe_text import neutral

        return neutral(text)


@dataclass(slots=True, kw_only=True)
class Side:
    """One revision, linted. `states` are its environments that can be used."""

    commit: str
    files: Mapping[str, SourceFile]
    source: Source
    result: LintResult
    checks: RuleChecks
    states: Mapping[str, DesiredState] = field(default_factory=dict)

    def contents(self, path: str) -> bytes | None:
        """A file of it."""
        if path not in self.files:
            return None
        read = next((content for _, content in self.source.read([self.files[path]])), None)
        return read if isinstance(read, bytes) else None


def judge(context: Context, base: str, *, wishes: Wishes, strict: bool, lifted: Collection[str]) -> Judged:
    """Raises DesiredStateError where a revision cannot be read as a whole."""
    from reconcile.apply.gate import code_of, split
    from reconcile.cli.revision import untouched_cache
    from reconcile.policy.judges import judge_changes, judged_by
    from reconcile.report.rule_facts import facts
    from reconcile.wiring.estate import base_source, changed_files, merge_base, repository_prefix
    from reconcile.wiring.policies import rules_named, shipped_names

    cache = untouched_cache(context)
    today = datetime.now(UTC)
    tip = _linted(context, _source(context, base), cache, today, None)
    judges = judged_by(tip.states)
    head = _linted(context, _source(context, context.revision or HEAD), cache, today, judges)
    began = merge_base(context.directory, tip.commit, head.commit) or tip.commit
    before = tip if began == tip.commit else _linted(context, base_source(context.directory, began), cache, today, judges)
    parts = split([*head.result.findings, *_own_faults(head, cache)], before.result.findings)
    environments = _compared(context, head, before, base, lifted)
    configurations = [rules.configuration for rules in tip.checks.rules.values()]
    fail_on = wishes.gate(strictest(one.fail_on for one in configurations))
    approvers = sorted({approver.name for one in configurations for approver in one.approvers or ()})
    gate = Gate(
        base=base,
        base_commit=tip.commit,
        compared_commit=before.commit,
        head_commit=head.commit,
        prefix=repository_prefix(context.directory),
        new=parts.new,
        old=parts.old,
        mended=parts.mended,
        judges=judge_changes(before.states, head.states, changed_files(context.directory, before.commit, head.commit)),
        approvers=approvers or None,
        environments=environments,
        fail_on=fail_on,
        strict=strict,
        code=code_of(parts.new, parts.old, environments, fail_on=fail_on, strict=strict),
    )
    named = {finding.rule for finding in (*parts.new, *parts.old)}
    known = facts(rules_named(named, tip.checks.rules.values(), cache), shipped_names(tip.checks.rules.values()))
    return Judged(
        gate=gate, known=known, marks=parts.marks, files=head.result.files, contents=head.contents, docs_url=context.settings.docs_url
    )


def _source(context: Context, revision: str) -> Source:
    """Raises DesiredStateError naming what to fetch."""
    from reconcile.cli.revision import fetch_hint
    from reconcile.wiring.estate import base_source

    source = base_source(context.directory, revision)
    try:
        _ = source.revision
    except DesiredStateError as error:
        raise DesiredStateError(error.message, hint=fetch_hint(revision) if "has no revision" in error.message else error.hint) from error
    return source


def _linted(context: Context, source: Source, cache: DocumentCache | None, today: datetime, judges: PoliciesOf | None) -> Side:
    from reconcile.cli.estate import estate_label
    from reconcile.desired.lint import lint
    from reconcile.wiring.judging import rule_checks

    states: dict[str, DesiredState] = {}
    checks = rule_checks(cache, today=today, policies_of=judges)

    def watching(desired: DesiredState, others: Callable[[], Sequence[DesiredState]]) -> Iterable[Finding]:
        states[desired.environment] = desired
        return checks(desired, others)

    listing = source.list()
    result = lint(
        listing.files,
        listing.findings,
        source.read,
        environment=context.environment,
        source=estate_label(context.directory),
        revision=source.revision,
        cache=cache,
        checks=watching,
    )
    files = {file.path: file for file in listing.files}
    return Side(commit=source.revision, files=files, source=source, result=result, checks=checks, states=states)


def _own_faults(head: Side, cache: DocumentCache | None) -> list[Finding]:
    """What is wrong with rules and settings of the change itself: they do not judge it, but they are to judge the next one. Expressions are
    compiled, never evaluated."""
    from reconcile.wiring.policies import rules_of

    known = {*head.result.findings}
    faults = {fault: None for state in head.states.values() if state.policies for fault in rules_of(state, cache).findings}
    return [fault for fault in faults if fault not in known]


def _compared(context: Context, head: Side, before: Side, base: str, lifted: Collection[str]) -> list[Compared]:
    names = sorted({*head.result.environments, *before.result.environments})
    wanted = [name for name in names if context.environment in (None, name)]
    return [_plan(context, name, head, before, base, lifted) for name in wanted]


def _plan(context: Context, name: str, head: Side, before: Side, base: str, lifted: Collection[str]) -> Compared:
    from reconcile.apply.against import against
    from reconcile.cli.revision import nothing_at
    from reconcile.plan.commits import with_commits
    from reconcile.sync.decide.shortfalls import shortfalls
    from reconcile.wiring.estate import history

    desired, then = head.states.get(name), before.states.get(name)
    if name not in head.result.environments:
        code = ExitCode.NOTHING_TO_DO if ENVIRONMENT_REMOVED in lifted else ExitCode.BRAKE
        return Compared(environment=name, problem=_REMOVED, code=code)
    if then is None and name in before.result.environments:
        return Compared(environment=name, problem="it cannot be read at the base: mend the base first", code=ExitCode.COULD_NOT_OBSERVE)
    if desired is None:
        return Compared(environment=name, problem="it cannot be read in the change: mend its findings", code=ExitCode.FINDINGS)
    started = then if then is not None else nothing_at(desired, before.commit)
    try:
        plan = against(desired, started, f"git:{base}", lifted={*lifted} - {ENVIRONMENT_REMOVED}, deciding=shortfalls)
    except ReconcileError as error:
        return Compared(environment=name, problem=f"{error.message} {error.hint}".strip(), code=ExitCode.FAILURE)
    return Compared(environment=name, plan=with_commits(plan, history(context.directory, head.commit).last_commits))
