"""`lint --fix` and `lint --suggest`: what rules would edit, proved on the estate, shown or written."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from reconcile.cli.context import Context
from reconcile.cli.linted import Linted, linted
from reconcile.model.finding import Finding

if TYPE_CHECKING:
    from datetime import datetime

    from reconcile.desired.documents import DocumentCache
    from reconcile.model.policy_rule import RuleEdit
    from reconcile.model.resource import DesiredState
    from reconcile.policy.baseline import Baseline
    from reconcile.policy.fixes import Fix, Judged, Mending, Suggestion
    from reconcile.report.fix_text import Offer, Replacement


def mended(
    context: Context, found: Linted, *, cache: DocumentCache | None, today: datetime, baseline: Baseline | None, more: Sequence[Fix] = ()
) -> Mending:
    """The fixes of the findings that count in `found`, which was linted with `keep`, and `more` that others propose. Writes nothing."""
    from reconcile.policy.fixes import Fix, Judged, Mending, mend
    from reconcile.wiring.estate import edited_source

    def judge(contents: Mapping[str, bytes]) -> Judged:
        source = edited_source(found.source, contents) if contents else found.source
        again = linted(context, source, cache=cache, today=today, baseline=baseline, environment=None, keep=True)
        return Judged(again.result.findings, again.states)

    proposed: list[Fix] = [*more]
    told: list[Suggestion] = []
    for one in dict.fromkeys(_proposals(found, cache)):
        if isinstance(one, Fix):
            proposed.append(one)
        else:
            told.append(one)
    if not proposed:
        return Mending(suggestions=told)
    # One environment was looked at, and a file may belong to several.
    whole = context.environment is None
    before = Judged(found.result.findings, found.states) if whole else judge({})
    mending = mend(proposed, before, found.contents, judge)
    mending.suggestions[:0] = told
    return mending


def offers(found: Linted, mending: Mending) -> dict[Finding, Offer]:
    """How each finding may be mended; an edit is what its own fix makes of the file, without the others."""
    from reconcile.policy.fixes import words_of
    from reconcile.report.fix_text import Offer

    offered: dict[Finding, Offer] = {}
    by_file: dict[str, list[Fix]] = {}
    for one in mending.fixes:
        by_file.setdefault(one.file, []).append(one)
    for file, fixes in by_file.items():
        for one, edits in _edits(found, file, fixes, mending.contents[file]):
            offered.update(dict.fromkeys(one.findings, Offer(words_of(one), tuple(edits))))
    for finding, words in mending.suggestions:
        offered.setdefault(finding, Offer(words))
    return offered


def _edits(found: Linted, file: str, fixes: Sequence[Fix], after: bytes) -> Iterator[tuple[Fix, list[Replacement]]]:
    """Of a file in which each document has one fix its part of the whole difference: what hundreds of documents share is compared once."""
    from reconcile.desired.edit import Refused, edit
    from reconcile.report.fix_text import replacements

    before = found.contents(file) or b""
    starts = {
        desired.resources[one.key].position.line: one for desired in found.states.values() for one in fixes if one.key in desired.resources
    }
    if len(starts) == len(fixes) > 1:
        order = sorted(starts)
        parts: dict[int, list[Replacement]] = {start: [] for start in order}
        for part in replacements(file, before, after):
            parts[order[max(bisect_right(order, part.line) - 1, 0)]].append(part)
        if all(parts.values()):
            yield from ((starts[start], several) for start, several in parts.items())
            return
    for one in fixes:
        alone = edit(before, file=file, kind=one.key.kind, name=one.key.name, edits=one.edits)
        assert not isinstance(alone, Refused), "it was made before"
        yield one, replacements(file, before, alone)


def diff(found: Linted, mending: Mending, prefix: str) -> list[str]:
    """One text a file, all fixes together."""
    from reconcile.report.fix_text import unified_diff

    return [*unified_diff({file: found.contents(file) or b"" for file in mending.contents}, mending.contents, prefix=prefix)]


def still_offered(found: Linted, mending: Mending) -> dict[Finding, Offer]:
    """The suggestions of before for what is found after fixes were written."""
    from reconcile.model.fingerprint import fingerprint
    from reconcile.report.fix_text import Offer

    words = {fingerprint(finding): text for finding, text in reversed(mending.suggestions)}
    return {finding: Offer(text) for finding in found.result.findings if (text := words.get(fingerprint(finding), ""))}


def write_fixes(context: Context, found: Linted, mending: Mending) -> list[dict[str, object]]:
    """Every file, or up to the first that somebody else changed meanwhile; what was done, for programs. Raises TransientError,
    SettingsError."""
    from reconcile.policy.fixes import words_of
    from reconcile.wiring.estate import replace_file

    done: list[dict[str, object]] = []
    for file, after in sorted(mending.contents.items()):
        before = found.contents(file)
        assert before is not None, "it was read when the edit was made"
        replace_file(context.directory, file, before, after, command="lint --fix")
        for one in mending.fixes:
            if one.file == file:
                rules = sorted({finding.rule for finding in one.findings})
                done.append({"file": file, "resource": str(one.key), "description": words_of(one), "rules": rules})
                context.say(f"fixed {file}: {words_of(one)} ({', '.join(rules)})")
    return done


def _proposals(found: Linted, cache: DocumentCache | None) -> Iterator[Fix | Suggestion]:
    """In the order of the findings."""
    from reconcile.policy.fixes import Fix, Suggestion, words_of
    from reconcile.policy.propose import documents_of, propose
    from reconcile.wiring.policies import rules_named

    counting = [finding for finding in found.result.findings if finding.counts and "/" not in finding.rule]
    where: dict[Finding, list[DesiredState]] = {}
    for environment, findings in found.by_environment.items():
        for finding in findings:
            where.setdefault(finding, []).append(found.states[environment])
    documents = rules_named({finding.rule for finding in counting}, found.checks.rules.values(), cache)
    edits: dict[str, Sequence[RuleEdit]] = {}
    for rule in documents:
        edits.setdefault(rule.metadata.name, rule.spec.fix)  # of two with one name the one that comes with reconcile holds
    exposed = {finding.position.file for finding in found.result.findings if finding.rule.startswith("secret/")}
    written = lru_cache(maxsize=8)(lambda file: documents_of(found.contents(file)))  # findings come file by file
    for finding in counting:
        for desired in where.get(finding, ()):
            one = propose(finding, edits.get(finding.rule, ()), desired, written)
            if isinstance(one, Fix) and one.file in exposed:
                yield Suggestion(finding, f"{words_of(one)}; nothing is edited while {one.file} holds a secret in the clear")
            elif one is not None:
                yield one
