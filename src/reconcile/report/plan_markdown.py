"""A plan as a comment for a pull request: what stops it first, then a table of counts, then the changes, alike ones together.

At most `LIMIT` characters, whatever the plan. What does not fit is counted. The same plan gives the same text.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reconcile.model.change import Plan
from reconcile.model.key import KINDS, Key
from reconcile.report.findings_text import accepted_by
from reconcile.report.markdown_blocks import LIMIT, Block, fitted
from reconcile.report.markdown_groups import grouped
from reconcile.report.markdown_text import code, prose
from reconcile.report.plan_groups import alike
from reconcile.report.plan_rules import LISTED, approval_words, asked_of, places, stops, told
from reconcile.report.plan_text import summary_counts

_ACTIONS = ("create", "adopt", "update", "delete", "forget", "command")
#: Names of a brake or of held resources, and so many different ones of anything that is listed.
_NAMED = 10
_LISTED = 25


def plan_markdown(plan: Plan, *, limit: int = LIMIT) -> str:
    """The comment, with a line break at its end."""
    groups = grouped(plan)
    head = [Block(text) for part in (_head, _rules, _brakes, _held, _lasting, _table) for text in part(plan)]
    tail = [Block(text) for text in _notes(plan)]
    return fitted(lambda names: [*head, *(Block(group.block(names), len(group.changes)) for group in groups), *tail], limit, _left_out)


def _left_out(blocks: int, changes: int) -> str:
    words = f"{changes:,} changes" if changes else f"{blocks:,} other parts"
    return f"\n**{words} did not fit into this comment.** `reconcile plan --verbose` shows all of them.\n"


def _head(plan: Plan) -> Iterator[str]:
    # A fixed mark, by which a workflow finds its own comment again.
    yield f"<!-- reconcile plan {plan.environment} -->"
    counts = summary_counts(plan)
    said = [f"{name} {counts[name]:,}" for name in _ACTIONS if counts.get(name)]
    yield f"### Plan for {code(plan.environment)}: {' · '.join(said) or 'nothing to do'}\n"
    revision = f" at commit {code(plan.revision[:12])}" if plan.revision else ""
    if plan.against:
        yield f"Compared with {code(plan.against)}{revision}, without looking at the target. It cannot be applied.\n"
    else:
        yield f"For target {code(plan.target)}{revision}.\n"
    if plan.findings:
        yield f"**{plan.findings:,} {'error' if plan.findings == 1 else 'errors'} in the files:** what is in them is held.\n"
    if plan.selection is not None:
        chosen = " ".join(code(pattern) for pattern in plan.selection.only[:_NAMED]) or "everything"
        left = " ".join(code(pattern) for pattern in plan.selection.exclude[:_NAMED])
        yield f"Only {chosen}{f' without {left}' if left else ''}: {plan.left_out:,} changes left out.\n"
    elif plan.left_out:
        yield f"{plan.left_out:,} changes of other resources left out.\n"


def _rules(plan: Plan) -> Iterator[str]:
    judgement = plan.judgement
    if judgement is None or not judgement.findings:
        return
    groups = told(judgement)
    yield f"#### Rules: {'stopped' if judgement.stops else 'nothing stops it'}\n"
    for group in groups[:LISTED]:
        first, asked = group.first, asked_of(judgement, group)
        mark = f"**{code(first.rule)}**" if stops(judgement, group) else code(first.rule)
        where = ", ".join(code(f"{place.file}:{place.line}") for place in places(group))
        yield f"- {mark} ({first.severity}{f', {where}' if where else ''}): {prose(first.message)}"
        if group.others:
            yield f"  {_named([finding.resource for finding in group.findings if finding.resource is not None])}"
        if first.accepted is not None and asked is None:
            yield f"  - accepted by {prose(accepted_by(first.accepted))}"
        if asked is not None:
            yield from (f"  - {prose(words)}" for words in approval_words(asked))
        if first.hint and first.counts:
            yield f"  - help: {prose(first.hint)}"
    if len(groups) > LISTED:
        yield f"- and {len(groups) - LISTED:,} more"
    yield ""


def _brakes(plan: Plan) -> Iterator[str]:
    if plan.brakes:
        yield "#### Brakes\n"
    for brake in plan.brakes[:_LISTED]:
        where = f" What sets the limit: {prose(brake.knob)}." if brake.knob else ""
        yield f"- **{code(brake.name)}** {prose(brake.message)}.{where} If that is meant: {code(f'--lift-brake {brake.name}')}"
        yield f"  {_named(brake.keys)}"
    for name in plan.lifted[:_LISTED]:
        yield f"- {code(name)} tripped and is lifted"
    if plan.brakes or plan.lifted:
        yield ""


def _held(plan: Plan) -> Iterator[str]:
    if plan.held or plan.unobserved:
        yield f"#### Held: {len(plan.held):,}\n"
    groups = alike(plan.held, lambda held: (held.key.kind, held.reason))
    for held in groups[:_LISTED]:
        yield f"- {_named([one.key for one in held])}: {prose(held[0].reason)}"
    if len(groups) > _LISTED:
        yield f"- {sum(len(held) for held in groups[_LISTED:]):,} more for other reasons"
    yield from (f"- could not be observed: {prose(text)}" for text in plan.unobserved[:_LISTED])
    if len(plan.unobserved) > _LISTED:
        yield f"- {len(plan.unobserved) - _LISTED:,} more could not be observed"
    if plan.held or plan.unobserved:
        yield ""


def _lasting(plan: Plan) -> Iterator[str]:
    if plan.lasting:
        yield "#### What cannot be undone\n"
        yield from (f"- {prose(text)}" for text in plan.lasting[:_LISTED])
        if len(plan.lasting) > _LISTED:
            yield f"- and {len(plan.lasting) - _LISTED:,} more"
        yield ""


def _table(plan: Plan) -> Iterator[str]:
    """Only words of ours and figures: nothing that could break out of a cell."""
    rows: dict[str, dict[str, int]] = {}
    for change in plan.changes:
        kind = change.key.kind if change.key.kind in KINDS else "other"
        counts = rows.setdefault(kind, {})
        action = type(change).__name__.lower()
        counts[action] = counts.get(action, 0) + 1
    if not rows:
        return
    shown = [action for action in _ACTIONS if any(action in counts for counts in rows.values())]
    lines = [f"| | {' | '.join(shown)} |", f"|---{'|---:' * len(shown)}|"]
    told = [kind for kind in (*KINDS, "other") if kind in rows]
    lines += [f"| {kind} | {' | '.join(f'{rows[kind].get(action, 0):,}' for action in shown)} |" for kind in told]
    yield "\n".join([*lines, f"\n{plan.unchanged:,} unchanged.\n"])


def _notes(plan: Plan) -> Iterator[str]:
    groups = alike(plan.notes, lambda note: None if note.key is None else (note.key.kind, note.message))
    if not groups:
        return
    lines = [f"<details><summary>{len(plan.notes):,} {'note' if len(plan.notes) == 1 else 'notes'}</summary>\n"]
    for notes in groups[:_LISTED]:
        keys = [note.key for note in notes if note.key is not None]
        lines.append(f"- {f'{_named(keys)}: ' if keys else ''}{prose(notes[0].message)}")
    if len(groups) > _LISTED:
        lines.append(f"- and {sum(len(notes) for notes in groups[_LISTED:]):,} more")
    yield "\n".join([*lines, "\n</details>\n"])


def _named(keys: Sequence[Key]) -> str:
    more = f" and {len(keys) - _NAMED:,} more" if len(keys) > _NAMED else ""
    return ", ".join(code(str(key)) for key in keys[:_NAMED]) + more
