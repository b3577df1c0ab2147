"""A change judged by its base: both read from the repository, linted by the rules of the base, and compared."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeAlias

from reconcile.cli.context import Context
from reconcile.cli.finding_reports import Found, Wishes, strictest
from reconcile.cli.revision import NOT_YET
from reconcile.errors import DesiredStateError, ReconcileError
from reconcile.lazy_dataclass import dataclass
from reconcile.model.exit_code import ExitCode
from reconcile.model.finding import Finding, Severity
from reconcile.model.gate import Compared, Gate
from reconcile.model.key import POLICY_KINDS
from reconcile.model.resource import DesiredState

if TYPE_CHECKING:
    from reconcile.cli.linted import Linted
    from reconcile.desired.documents import DocumentCache
    from reconcile.model.change import Plan
    from reconcile.model.policy_declared import PolicyDeclared
    from reconcile.policy.baseline import Baseline
    from reconcile.policy.configure import Configuration
    from reconcile.ports.source import Source
    from reconcile.report.rule_facts import Facts
    from reconcile.wiring.approvals import Approvals, Review
    from reconcile.wiring.judging import PoliciesOf

HEAD = "HEAD"
#: Rooms of built-in checks that look at documents which could be read.
_AFTER_READING = ("policy", "waiver", "baseline", "secret", "assignment")
#: A plan, and what it was made from → the plan as rules see it.
Plans: TypeAlias = "Callable[[Plan, DesiredState], Plan]"
#: The brake of the gate's own: an environment that is gone, or has another name, is applied no more.
ENVIRONMENT_REMOVED = "environment-removed"
_REMOVED = (
    "the change declares it no more: nothing is applied to it or taken away; under another name it would begin with nothing and read its "
    f"mail again. If that is meant: --lift-brake {ENVIRONMENT_REMOVED}"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the command line asks of a gate. `proposed` is the commit that people looked at, where the change is the forge's merge of it;
    `reviews` say who approved which commit there (NAME@COMMIT)."""

    base: str
    fail_on: str | None = None
    strict: bool = False
    lifted: Collection[str] = ()
    proposed: str | None = None
    reviews: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A gate, and what its reports need: the rules' documents, the marks of the base's findings, and the texts of the change."""

    gate: Gate
    known: Facts
    marks: frozenset[str]
    head: Linted
    docs_url: str

    def found(self, findings: Iterable[Finding]) -> Found:
        """Some of its findings, for a report."""
        return Found(
            findings=sorted(findings, key=Finding.sort_key),
            files=self.head.result.files,
            head={},
            contents=self.head.contents,
            prefix=self.gate.prefix,
            gate=self.gate.fail_on,
            known=self.known,
            old=self.marks,
            docs_url=self.docs_url,
            place_of=self.head.checks.places.get,
        )


@dataclass(slots=True, kw_only=True)
class Linting:
    """How each revision is linted: at one moment, with the baseline of the base, and once they are known by the documents of the base;
    `taken_back` are waivers that it had where the change began, and has no more."""

    context: Context
    cache: DocumentCache | None
    today: datetime
    baseline: Baseline | None
    judges: PoliciesOf | None = None
    taken_back: Sequence[PolicyDeclared] = ()

    def of(self, source: Source, reviews: Sequence[Review] = ()) -> Linted:
        """One revision."""
        from reconcile.cli.estate import estate_label
        from reconcile.cli.linted import linted
        from reconcile.wiring.approvals import Approvals
        from reconcile.wiring.judging import rule_checks

        context, today, cache, baseline = self.context, self.today, self.cache, self.baseline
        approvals = Approvals(folder=context.directory, revision=source.revision, reviews=reviews)
        back = self.taken_back
        checks = rule_checks(cache, today=today, policies_of=self.judges, approvals=approvals, baseline=baseline, taken_back=back)
        label, name = estate_label(context.directory), context.environment
        return linted(context, source, cache=cache, today=today, baseline=baseline, environment=name, keep=True, checks=checks, label=label)


def judge(context: Context, asked: Asked) -> Judged:
    """Raises DesiredStateError where a revision cannot be read as a whole, SettingsError for what is asked wrongly."""
    from reconcile.apply.gate import code_of, split
    from reconcile.cli.revision import untouched_cache
    from reconcile.policy.judges import judge_changes, judged_by
    from reconcile.report.rule_facts import facts
    from reconcile.wiring.approvals import Approvals, review
    from reconcile.wiring.estate import changed_files, merge_base, refuse_ambiguous, refuse_another, repository_prefix
    from reconcile.wiring.judging import BASELINE_FILE, read_baseline
    from reconcile.wiring.policies import rules_named, shipped_names

    reviews = [review(text) for text in asked.reviews]
    cache, folder = untouched_cache(context), context.directory
    refuse_another(folder)
    tip_source, head_source = _source(context, asked.base), _source(context, HEAD if context.revision is None else context.revision)
    refuse_ambiguous(folder, asked.base)
    linting = Linting(context=context, cache=cache, today=datetime.now(UTC), baseline=read_baseline(tip_source.octets))
    tip = linting.of(tip_source)
    linting.judges = judged_by(tip.states)
    common = merge_base(folder, tip.commit, head_source.revision)
    began = common or tip.commit
    before = tip if began == tip.commit else linting.of(_source(context, began))
    linting.taken_back = _taken_back(before, tip)
    if linting.taken_back:
        # Nor do they accept there what they accept no more here: it would look as if the change had brought it.
        before = linting.of(_source(context, began))
    head = linting.of(head_source, reviews)
    parts = split([*_with_baseline(before, head), *_own_faults(head, cache)], before.result.findings, reaching=_reaching(before, head))
    configurations = [rules.configuration for rules in tip.checks.rules.values()]
    approvers = sorted({approver.name for one in configurations for approver in one.approvers or ()})
    proposed = _source(context, asked.proposed).revision if asked.proposed is not None else head.commit
    approvals = Approvals(folder=folder, revision=head.commit, reviews=reviews)
    approved = _approved(approvals, configurations, proposed)
    environments = _compared(context, head, before, tip, asked, _plan_judge(approvals, linting, asked.fail_on, proposed))
    edits = judge_changes(
        before.states,
        head.states,
        changed_files(folder, before.commit, head.commit),
        baseline=f"{repository_prefix(folder)}{BASELINE_FILE}",
        grown=_grown(before, head),
    )
    gate = Gate(
        base=asked.base,
        base_commit=tip.commit,
        compared_commit=before.commit,
        head_commit=head.commit,
        prefix=repository_prefix(folder),
        new=parts.new,
        old=parts.old,
        mended=parts.mended,
        judges=[replace(one, approved=approved) for one in edits],
        approvers=approvers or None,
        environments=environments,
        fail_on=Wishes(fail_on=asked.fail_on).gate(strictest(one.fail_on for one in configurations)),
        strict=asked.strict,
        code=ExitCode.NOTHING_TO_DO,
        notes=[*_notes(tip, known_beginning=common is not None)],
    )
    code = code_of(parts.new, parts.old, environments, fail_on=gate.fail_on, strict=gate.strict, waits=gate.waits)
    named = {finding.rule for finding in (*parts.new, *parts.old)}
    rules = [*tip.checks.rules.values()]
    known = facts(rules_named(named, rules, cache), shipped_names(rules))
    return Judged(gate=replace(gate, code=code), known=known, marks=parts.marks, head=head, docs_url=context.settings.docs_url)


def _source(context: Context, revision: str) -> Source:
    """Raises DesiredStateError naming what to fetch."""
    from reconcile.cli.revision import fetch_hint
    from reconcile.wiring.estate import base_source

    if not revision.strip():
        # HEAD instead of it would be the base itself where a pipeline has checked that out, and pass.
        raise DesiredStateError("a revision without a name", hint="A variable of the pipeline is empty: name a branch, tag or commit.")
    source = base_source(context.directory, revision)
    try:
        _ = source.revision
    except DesiredStateError as error:
        raise DesiredStateError(error.message, hint=fetch_hint(revision) if "has no revision" in error.message else error.hint) from error
    return source


def _own_faults(head: Linted, cache: DocumentCache | None) -> list[Finding]:
    """What is wrong with rules and settings of the change itself: they do not judge it, but they are to judge the next one. Expressions are
    compiled, never evaluated."""
    from reconcile.wiring.policies import rules_of

    known = {*head.result.findings}
    faults = {fault: None for state in head.states.values() if state.policies for fault in rules_of(state, cache).findings}
    return [fault for fault in faults if fault not in known]


def _reaching(before: Linted, head: Linted) -> set[str]:
    """Fingerprints of findings that an environment has in the change and had not before: a layer of another one may have brought them,
    where they were known and put up with."""
    from reconcile.model.fingerprint import fingerprint

    found: set[str] = set()
    for name in head.by_environment.keys() & before.by_environment.keys():
        known = {fingerprint(finding) for finding in before.by_environment[name]}
        found |= {fingerprint(finding) for finding in head.by_environment[name] if finding.counts} - known
    return found


def _with_baseline(before: Linted, head: Linted) -> list[Finding]:
    """What the change brings, with what its baseline accepts and may not: it can only shrink once it is there. That it can shrink is not
    said of one that was just edited."""
    from reconcile.policy.baseline import growth
    from reconcile.wiring.judging import BASELINE_FILE, read_baseline, unreadable_baseline

    was = read_baseline(before.source.octets)
    try:
        now = read_baseline(head.source.octets)
    except ReconcileError as error:
        return [*head.result.findings, unreadable_baseline(error)]
    findings = [one for one in head.result.findings if one.rule != "baseline/can-shrink" or now == was]
    return [*findings, *growth(was, now, file=BASELINE_FILE)]


def _grown(before: Linted, head: Linted) -> list[str]:
    """What the baseline of the change accepts, and did not before."""
    from reconcile.policy.baseline import Baseline, grows
    from reconcile.wiring.judging import read_baseline

    try:
        after = read_baseline(head.source.octets)
    except ReconcileError as error:
        return [f"nothing that can be read: {error.message}"]
    return grows(read_baseline(before.source.octets) or Baseline(), after) if after is not None else []


def _approved(approvals: Approvals, configurations: Iterable[Configuration], commit: str) -> str:
    """Who proved to have approved the change, "" where anybody is missing: of each environment that names approvers it takes one."""
    from reconcile.policy.approvals import Proved

    said: list[str] = []
    for one in configurations:
        if not one.approvers:
            continue
        proofs = approvals.of_change([approver.name for approver in one.approvers], one, commit=commit)
        by = [f"{name} ({proof.how})" for name, proof in proofs.items() if isinstance(proof, Proved)]
        if not by:
            return ""
        said += by
    return ", ".join(dict.fromkeys(said))


def _compared(context: Context, head: Linted, before: Linted, tip: Linted, asked: Asked, plans: Plans) -> list[Compared]:
    names = sorted({*head.result.environments, *before.result.environments, *tip.result.environments})
    wanted = [name for name in names if context.environment in (None, name)]
    if fault := _hides_judges(tip, context.environment):
        problem = f"the base cannot be read as a whole, so nobody knows what judges: mend it first. {fault}"
        return [Compared(environment=name, problem=problem, code=ExitCode.COULD_NOT_OBSERVE) for name in wanted]
    return [_plan(context, name, head, before, asked, plans) for name in wanted]


def _taken_back(before: Linted, tip: Linted) -> list[PolicyDeclared]:
    stand = [one for state in tip.states.values() for one in state.policies.values()]
    had = [one for state in before.states.values() for one in state.policies.values() if one.key.kind == "Waiver"]
    return [one for one in had if not any(known.key == one.key and known.document == one.document for known in stand)]


def _notes(tip: Linted, *, known_beginning: bool) -> Iterator[str]:
    if not known_beginning:
        yield (
            "No commit is known that base and change both build on, so the comparison is with the tip of the base: what others merged "
            "since then shows as undone. Where the clone is shallow, git fetch --unshallow brings what is missing."
        )
    if not tip.result.environments:
        yield "The base has no environment in this folder, so only the rules that come with reconcile judge, and nobody is asked."


def _hides_judges(tip: Linted, only: str | None) -> str:
    """Why rules, settings or approvers of the base may be missing, "" where they are all known: a change is not let through because nobody
    could read who judges it."""
    unread = [name for name in tip.result.environments if name not in tip.states and only in (None, name)]
    for finding in sorted(tip.result.findings, key=Finding.sort_key):
        room, slash, _ = finding.rule.partition("/")
        if finding.severity is not Severity.ERROR or not slash or finding.rule in NOT_YET or room in _AFTER_READING:
            continue
        if unread or finding.resource is None or finding.resource.kind in (*POLICY_KINDS, "Environment"):
            return f"{finding.position}: {finding.message}"
    return f"environment {unread[0]} is broken there" if unread else ""


def _plan_judge(approvals: Approvals, linting: Linting, fail_on: str | None, commit: str) -> Plans:
    """Judges plans by the documents of the base. `commit` is what was approved."""
    from reconcile.wiring.plan_judging import PlanJudge

    def judged(plan: Plan, desired: DesiredState) -> Plan:
        policies = linting.judges(desired) if linting.judges is not None else desired.policies
        judge = PlanJudge(cache=linting.cache, approvals=approvals, now=lambda: linting.today, policies=policies)
        made = judge(plan, desired, commit=commit)
        if made.judgement is None or fail_on is None:
            return made
        return replace(made, judgement=replace(made.judgement, fail_on=Wishes(fail_on=fail_on).gate(Severity.ERROR)))

    return judged


def _plan(context: Context, name: str, head: Linted, before: Linted, asked: Asked, plans: Plans) -> Compared:
    from reconcile.apply.against import against
    from reconcile.cli.revision import nothing_at
    from reconcile.plan.commits import with_commits
    from reconcile.sync.decide.shortfalls import shortfalls
    from reconcile.wiring.estate import history

    desired, then = head.states.get(name), before.states.get(name)
    if name not in head.result.environments:
        code = ExitCode.NOTHING_TO_DO if ENVIRONMENT_REMOVED in asked.lifted else ExitCode.BRAKE
        return Compared(environment=name, problem=_REMOVED, code=code)
    if then is None and name in before.result.environments:
        return Compared(environment=name, problem="it cannot be read at the base: mend the base first", code=ExitCode.COULD_NOT_OBSERVE)
    if desired is None:
        return Compared(environment=name, problem="it cannot be read in the change: mend its findings", code=ExitCode.FINDINGS)
    started = then if then is not None else nothing_at(desired, before.commit)
    try:
        made = against(desired, started, f"git:{asked.base}", lifted={*asked.lifted} - {ENVIRONMENT_REMOVED}, deciding=shortfalls)
        plan = plans(made.plan, made.desired)
    except ReconcileError as error:
        return Compared(environment=name, problem=f"{error.message} {error.hint}".strip(), code=ExitCode.FAILURE)
    return Compared(environment=name, plan=with_commits(plan, history(context.directory, head.commit).last_commits))
