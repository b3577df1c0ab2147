"""What a gate says, as one comment that a pipeline keeps up to date, and as the summary of its run.

The verdict comes first, then edits of what judges, new findings, and what the change would do. It fits whatever happens: what is left out
is counted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby

from reconcile.model.exit_code import ExitCode
from reconcile.model.gate import Compared, Gate, JudgeChange
from reconcile.report.finding_groups import PlaceOf, nowhere
from reconcile.report.findings_markdown import Sections, counted_findings, left_out, place_code
from reconcile.report.markdown_blocks import LIMIT, Block, fitted
from reconcile.report.markdown_text import code, prose
from reconcile.report.plan_markdown import plan_markdown
from reconcile.report.plan_rules import rules_against
from reconcile.report.rule_facts import Facts

#: GitHub takes a summary of 1 MiB a step (docs.github.com, Actions, workflow commands, job summaries).
SUMMARY_LIMIT = 900_000
#: Octets of a comment in UTF-8: as base64 it passes through the output of a job as one environment variable.
MOST_OCTETS = 90_000
#: Environments whose plan is shown, edits that are listed, and rules that are named of findings that are not new.
_PLANS = 12
_JUDGES = 40
_RULES = 20
#: Parts of the limit where not everything fits: edits of what judges, new findings, plans.
_SHARES = (0.15, 0.45, 0.35)


def gate_markdown(gate: Gate, known: Facts, *, mark: str = "", limit: int = LIMIT, place_of: PlaceOf = nowhere) -> str:
    """The comment, with a line break at its end. `mark` tells several gates of one repository apart."""
    # Also what a waiver of the base accepts: by a label or a name, a change can bring itself below one.
    new = Sections(gate.new, known, place_of)
    text = _fitting(gate, new, mark, limit)
    while (octets := len(text.encode("utf-8", "replace"))) > MOST_OCTETS and limit <= LIMIT:
        limit = min(limit - 1000, int(limit * MOST_OCTETS / octets))
        text = _fitting(gate, new, mark, limit)
    return text


def marker(mark: str) -> str:
    """The first line, by which whoever posts it finds the comment again."""
    return f"<!-- reconcile ci{f' {mark}' if mark else ''} -->"


def verdict(gate: Gate) -> str:
    """`passed`, or what stops the change."""
    reasons = []
    counting = [finding for finding in (*gate.new, *(gate.old if gate.strict else ())) if finding.counts]
    if gate.fail_on is not None and (number := sum(finding.severity >= gate.fail_on for finding in counting)):
        reasons.append(f"{number:,} {'' if gate.strict else 'new '}{'finding' if number == 1 else 'findings'} at or above {gate.fail_on}")
    brakes = sum(len(one.plan.brakes) for one in gate.environments if one.plan is not None)
    if brakes:
        reasons.append(f"{brakes:,} {'brake stands' if brakes == 1 else 'brakes stand'}")
    plans = [one.plan for one in gate.environments if one.plan is not None]
    if rules := {rule for plan in plans for rule in rules_against(plan)}:
        reasons.append(f"{len(rules):,} {'rule stands' if len(rules) == 1 else 'rules stand'} against the plan")
    unknown = [one.environment for one in gate.environments if one.plan is None and one.code is not ExitCode.NOTHING_TO_DO]
    if unknown:
        reasons.append(f"{len(unknown):,} {'environment' if len(unknown) == 1 else 'environments'} could not be compared")
    if gate.waits:
        reasons.append("an approval is missing")
    if not reasons and gate.code is not ExitCode.NOTHING_TO_DO:
        reasons.append("something is held")
    return f"failed: {', '.join(reasons)}" if gate.code is not ExitCode.NOTHING_TO_DO else "passed"


def _fitting(gate: Gate, new: Sections, mark: str, limit: int) -> str:
    head = "\n".join(_head(gate, mark))
    tail = "\n".join(_old(gate))
    left = limit - len(head) - len(tail) - 10
    parts: Sequence[Callable[[int], str]] = (
        lambda most: _judges(gate, most),
        lambda most: _new(gate, new, most),
        lambda most: _plans(gate, most),
    )
    whole = [part(left) for part in parts]
    if sum(map(len, whole)) > left:
        # Each gets its share, and what one does not need goes to those that come after it.
        whole, spare = [], 0
        for part, share in zip(parts, _SHARES, strict=True):
            most = int(left * share) + spare
            whole.append(part(most))
            spare = max(0, most - len(whole[-1]))
    return "\n".join(text for text in (head, *whole, tail) if text).rstrip("\n") + "\n"


def _head(gate: Gate, mark: str) -> Iterator[str]:
    yield marker(mark)
    yield f"### Configuration check {verdict(gate)}\n"
    compared = f"Compared with {code(gate.base)} ({code(gate.base_commit[:12])}) at commit {code(gate.head_commit[:12])}"
    if gate.behind:
        compared += f"; the base has moved on, so the comparison is with {code(gate.compared_commit[:12])}, where the change began"
    where = f", in {code(gate.prefix)}" if gate.prefix else ""
    yield f"{compared}{where}. Rules, settings, waivers and brakes are those of the base.\n"
    yield from (f"**{prose(note)}**\n" for note in gate.notes)


def _judges(gate: Gate, limit: int) -> str:
    if not gate.judges:
        return ""
    waiting = [one for one in gate.judges if not one.approved]
    noun = "edit" if len(gate.judges) == 1 else "edits"
    lines = [f"#### {len(gate.judges):,} {noun} of what judges this change\n"]
    lines.append(f"They count once they are merged, not for this change. {_who(gate) if waiting else 'All are approved.'}\n")
    blocks = [Block("\n".join(lines)), *(Block(_judge(one), 1) for one in gate.judges[:_JUDGES])]
    if len(gate.judges) > _JUDGES:
        blocks.append(Block(f"- and {len(gate.judges) - _JUDGES:,} more"))
    return fitted(lambda _: blocks, limit, lambda _, weight: f"- {weight:,} more did not fit") + "\n"


def _who(gate: Gate) -> str:
    if not gate.approvers:
        return "**Approval needed** from whoever merges: the base names no approvers (`approvers` of a `PolicySettings`)."
    return f"**Approval needed** from one of {', '.join(code(name) for name in gate.approvers)}."


def _judge(one: JudgeChange) -> str:
    where = f" at {place_code(one.position)}" if one.position is not None else ""
    approved = f", approved: {prose(one.approved)}" if one.approved else ""
    lines = [f"- {code(one.what)} {one.action}{where}{approved}"]
    return "\n".join([*lines, *(f"  - {code(change)}" for change in one.changes)])


def _new(gate: Gate, sections: Sections, limit: int) -> str:
    if not gate.new:
        return "#### New findings: none\n"
    head = Block(f"#### New findings: {counted_findings(gate.new)}\n")
    return fitted(lambda names: [head, *sections.blocks(names)], limit, lambda _, weight: left_out(weight + sections.beyond))


def _plans(gate: Gate, limit: int) -> str:
    shown = gate.environments[:_PLANS]
    most = limit // max(1, len(shown)) - 100
    texts = [_plan(one, most) for one in shown]
    if len(gate.environments) > _PLANS:
        texts.append(f"{len(gate.environments) - _PLANS:,} more environments are not shown; `reconcile plan --against` shows each.\n")
    return "\n".join(texts)


def _plan(one: Compared, limit: int) -> str:
    if one.plan is None:
        return f"#### Environment {code(one.environment)}\n\nCould not be compared: {prose(one.problem)}\n"
    # Its first line is a mark of its own, which would be found as well.
    return plan_markdown(one.plan, limit=max(limit, 1500)).partition("\n")[2]


def _old(gate: Gate) -> Iterator[str]:
    if gate.mended:
        yield f"{gate.mended:,} {'finding' if gate.mended == 1 else 'findings'} of the base {'is' if gate.mended == 1 else 'are'} mended.\n"
    if not gate.old:
        return
    fails = "" if gate.strict else ", and failing nothing here"
    yield f"<details><summary>Not new{fails}: {counted_findings(gate.old)}</summary>\n"
    by_rule = sorted(finding.rule for finding in gate.old if finding.counts)
    rules = [(rule, len([*several])) for rule, several in groupby(by_rule)]
    yield from (f"- {code(rule)}: {number:,}" for rule, number in rules[:_RULES])
    if len(rules) > _RULES:
        yield f"- and {len(rules) - _RULES:,} more rules"
    yield "\n</details>\n"
