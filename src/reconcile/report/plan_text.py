"""A plan for people: what, from what to what, why, and what it means for the mail. Compact; colour only when asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import assert_never

from reconcile.model.canonical import Leaf
from reconcile.model.change import Adopt, Cause, Change, Command, Create, Delete, FieldChange, Forget, Note, Plan, SecretChange, Update
from reconcile.model.commit import Commit
from reconcile.model.judgement import Judgement
from reconcile.plan.list_change import list_change
from reconcile.report.commit_words import behind, behind_all, several, short, whole
from reconcile.report.findings_text import accepted_by
from reconcile.report.plan_groups import alike, names, shape_of
from reconcile.report.plan_rules import LISTED, approval_words, asked_of, objects, places, stops, told
from reconcile.report.safe_text import neutral

_GREEN, _YELLOW, _RED, _CYAN, _DIM, _BOLD = "32", "33", "31", "36", "2", "1"
#: Above this many changes the fields of new resources are left out and what is alike is said once, unless asked for all.
_MANY = 25
_KEYS = 6


class Paint:
    """Colours, or none."""

    def __init__(self, color: bool) -> None:
        self._color = color

    def __call__(self, text: str, code: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self._color else text


def plan_text(plan: Plan, *, color: bool, verbose: bool = False) -> str:
    """The whole plan, ending with its summary line; no trailing line break."""
    paint = Paint(color)
    lines = [_title(plan, paint)]
    full = verbose or len(plan.changes) + len(plan.held) + len(plan.notes) <= _MANY
    for changes in alike(plan.changes, lambda change: None if full else shape_of(change)):
        lines += _change(changes[0], _Why(paint, plan.commits), full) if len(changes) == 1 else _changes(changes, paint, plan.commits)
    for held in alike(plan.held, lambda one: None if full else (one.key.kind, one.reason)):
        subject = f"{held[0].key} is" if len(held) == 1 else f"{names([one.key for one in held])} are"
        lines.append(f"{paint('!', _YELLOW)} {neutral(subject)} held: {neutral(held[0].reason)}")
    lines += [f"{paint('?', _YELLOW)} could not be observed: {neutral(text)}" for text in plan.unobserved]
    for brake in plan.brakes:
        keys = ", ".join(str(key) for key in brake.keys[:_KEYS]) + (
            f" and {len(brake.keys) - _KEYS} more" if len(brake.keys) > _KEYS else ""
        )
        lines.append(paint(neutral(f"brake {brake.name}: "), f"{_BOLD};{_RED}") + neutral(brake.message))
        lines.append(paint(neutral(f"    {keys}; if that is meant: --lift-brake {brake.name}"), _DIM))
        lines.append(paint(neutral(f"    limit {brake.limit} of {brake.of} (scope: {brake.scope}; knob: {brake.knob})"), _DIM))
    lines += [paint(f"brake {neutral(name)} is lifted", _YELLOW) for name in plan.lifted]
    if plan.judgement is not None:
        lines += _rules(plan.judgement, paint)
    lines += [f"{paint('x', _RED)} cannot be undone: {neutral(text)}" for text in plan.lasting]
    for notes in alike(plan.notes, lambda note: None if full or note.key is None else (note.key.kind, note.message)):
        lines.append(_note(notes, paint))
    if not full:
        lines.append(paint("what is alike stands together; `reconcile plan --verbose` shows each with its fields", _DIM))
    lines.append(paint(summary(plan), _BOLD))
    return "\n".join(lines)


def _rules(judgement: Judgement, paint: Paint) -> Iterator[str]:
    groups = told(judgement)
    for group in groups[:LISTED]:
        first, asked = group.first, asked_of(judgement, group)
        color = f"{_BOLD};{_RED}" if stops(judgement, group) else _YELLOW if first.counts else _DIM
        yield paint(neutral(f"rule {first.rule}: "), color) + neutral(first.message)
        about = objects(group) if group.others else ""
        where = ", ".join(f"{place.file}:{place.line}" for place in places(group))
        yield paint(neutral("    " + "; ".join(text for text in (str(first.severity), about, where) if text)), _DIM)
        if first.accepted is not None and asked is None:
            yield paint(neutral(f"    accepted by {accepted_by(first.accepted)}"), _DIM)
        if asked is not None:
            yield from (f"    {paint('→', _CYAN)} {paint(neutral(words), _CYAN)}" for words in approval_words(asked))
        if first.hint and first.counts:
            yield paint(neutral(f"    help: {first.hint}"), _DIM)
    if len(groups) > LISTED:
        yield paint(f"rules say {len(groups) - LISTED:,} more things; --output json has all", _DIM)


def plan_head(plan: Plan, *, color: bool) -> str:
    """Title, what rules say and summary, for whoever has seen the rest."""
    paint = Paint(color)
    rules = [] if plan.judgement is None else _rules(plan.judgement, paint)
    return "\n".join([_title(plan, paint), *rules, paint(summary(plan), _BOLD)])


def summary(plan: Plan) -> str:
    """`create 1 · adopt 0 · update 2 · delete 0 · held 0 · unchanged 7`, and what else there is."""
    counts = summary_counts(plan)
    words = [f"{name} {counts[name]}" for name in ("create", "adopt", "update", "delete", "held", "unchanged")]
    words += [f"{name} {counts[name]}" for name in ("forget", "command", "unobserved", "brakes") if counts[name]]
    if plan.selection is not None or plan.left_out:
        words.append(f"left out {plan.left_out}")
    if counts["rules"]:
        words.append(f"rules {counts['rules']}")
    if plan.findings:
        words.append("1 finding" if plan.findings == 1 else f"{plan.findings} findings")
    return " · ".join(words)


def summary_counts(plan: Plan) -> dict[str, int]:
    """The figures of the summary line by name."""
    counts = dict.fromkeys(("create", "adopt", "update", "delete", "forget", "command"), 0)
    for change in plan.changes:
        counts[type(change).__name__.lower()] += 1
    return {
        **counts,
        "held": len(plan.held),
        "unchanged": plan.unchanged,
        "unobserved": len(plan.unobserved),
        "brakes": len(plan.brakes),
        "findings": plan.findings,
        "leftOut": plan.left_out,
        "rules": len(plan.judgement.stops) if plan.judgement is not None else 0,
    }


def title(plan: Plan) -> str:
    """What the plan is for and from, not yet made harmless."""
    revision = f" at {plan.revision[:12]}" if plan.revision and plan.revision[:12] not in plan.source else ""
    if plan.against:
        return f"{plan.environment}: {plan.source}{revision} compared with {plan.against}, without target and store; it cannot be applied"
    organization = f", organization {plan.organization_id}" if plan.organization_id else ""
    return f"plan for {plan.environment} on target {plan.target}{organization}, from {plan.source}{revision}"


def _title(plan: Plan, paint: Paint) -> str:
    return paint(neutral(title(plan)), _BOLD)


class _Why:
    """Says why, for one change: a commit is told in full the first time only."""

    def __init__(self, paint: Paint, commits: Mapping[str, Commit]) -> None:
        self.paint = paint
        self._commits = commits
        self._told: set[Commit] = set()

    def field(self, cause: Cause) -> str:
        """After a field."""
        return self.paint(cause_words(cause, self._commit(cause)), _DIM)

    def change(self, cause: Cause, words: str = "") -> str:
        """After the name of what changes; what moved shows in its sign."""
        place = [f"{cause.position.file}:{cause.position.line}"] if cause.position is not None else []
        said = [text for text in (*place, words, cause.note, self._commit(cause)) if text]
        return self.paint("   # " + neutral(", ".join(said)), _DIM) if said else ""

    def _commit(self, cause: Cause) -> str:
        commit = behind(cause, self._commits)
        if commit is None:
            return ""
        if commit in self._told:
            return f"commit {short(commit)}" if commit.id else whole(commit)
        self._told.add(commit)
        return whole(commit)


def _change(change: Change, why: _Why, full: bool) -> Iterator[str]:
    key, paint = neutral(str(change.key)), why.paint
    match change:
        case Create():
            yield f"{paint('+', _GREEN)} {key}{why.change(change.cause)}"
            if full:
                yield from (f"    {neutral(path)}: {value(leaf)}" for path, leaf in change.spec.items() if leaf is not None)
        case Adopt():
            yield f"{paint('±', _CYAN)} {key}{why.change(change.cause, 'is on the target already and becomes ours')}"
            yield from (_field(field, why) for field in change.fields)
        case Update():
            renamed = f" (was {neutral(str(change.previous))})" if change.previous is not None else ""
            yield f"{paint('~', _YELLOW)} {key}{renamed}"
            yield from (_field(field, why) for field in (*change.fields, *change.records))
            yield from (_secret(secret, why) for secret in change.rotated)
        case Delete():
            yield f"{paint('-', _RED)} {key}{why.change(change.cause)}"
        case Forget():
            yield f"{paint('-', _YELLOW)} {key}{why.change(change.cause, 'is no longer ours')}"
        case Command():
            yield f"{paint('!', _YELLOW)} {key}: {neutral(change.verb)} ({neutral(change.reason)})"
        case _:
            assert_never(change)
    for words in change.consequences:
        yield f"    {paint('→', _CYAN)} {paint(neutral(words), _CYAN)}"


def _changes(changes: Sequence[Change], paint: Paint, commits: Mapping[str, Commit]) -> Iterator[str]:
    """Changes of one shape: a line for their names, then what they have in common."""
    subject = neutral(names([change.key for change in changes]))
    why, by = _Why(paint, {}), several(behind_all(changes, commits))
    fields: Sequence[FieldChange] = ()
    match changes[0]:
        case Create() as first:
            yield f"{paint('+', _GREEN)} {subject}{why.change(replace(first.cause, position=None), by)}"
        case Adopt() as first:
            words = ", ".join(part for part in ("are on the target already and become ours", by) if part)
            yield f"{paint('±', _CYAN)} {subject}{why.change(replace(first.cause, position=None), words)}"
            fields = first.fields
        case Update() as first:
            yield f"{paint('~', _YELLOW)} {subject}" + (paint(f"   # {neutral(by)}", _DIM) if by else "")
            fields = first.fields
    for number, field in enumerate(fields):
        # One place for all of them is an assignment's; places of their own are shown one by one on demand.
        places = {change.fields[number].cause.position for change in changes if isinstance(change, (Adopt, Update))}
        cause = field.cause if len(places) == 1 else replace(field.cause, position=None)
        yield _field(replace(field, cause=cause), why)
    for words in changes[0].consequences:
        yield f"    {paint('→', _CYAN)} {paint(neutral(words), _CYAN)}"


def _note(notes: Sequence[Note], paint: Paint) -> str:
    first = notes[0]
    if len(notes) > 1:
        return f"{paint('i', _CYAN)} {neutral(names([note.key for note in notes if note.key is not None]))}: {neutral(first.message)}"
    subject = f"{first.key}: " if first.key is not None else ""
    place = f"  # {first.position.file}:{first.position.line}" if first.position is not None else ""
    return f"{paint('i', _CYAN)} {neutral(subject + first.message)}{paint(neutral(place), _DIM)}"


def _field(field: FieldChange, why: _Why) -> str:
    if isinstance(field.before, tuple) and isinstance(field.after, tuple):
        added, removed = list_change(field.before, field.after)
        parts = [f"+{neutral(item)}" for item in added] + [f"-{neutral(item)}" for item in removed]
        body = " ".join(parts) if parts else "other order"
    else:
        body = f"{value(field.before)} → {value(field.after)}"
    return f"    {neutral(field.path)}: {body}{why.field(field.cause)}"


def _secret(secret: SecretChange, why: _Why) -> str:
    body = f"the value behind {neutral(secret.reference)} is another one ({secret.before[:8] or 'not known'} → {secret.after[:8]})"
    return f"    {neutral(secret.path)}: {body}{why.field(secret.cause)}"


def cause_words(cause: Cause, commit: str = "") -> str:
    """`   # mailboxes/sales.yaml:12, changed outside`."""
    place = [f"{cause.position.file}:{cause.position.line}"] if cause.position is not None else []
    return "   # " + neutral(", ".join([*place, cause.moved.value, *(text for text in (cause.note, commit) if text)]))


def value(leaf: Leaf) -> str:
    """A leaf as it would stand in a file; `(none)` for nothing."""
    if leaf is None:
        return "(none)"
    if isinstance(leaf, bool):
        return "true" if leaf else "false"
    if isinstance(leaf, tuple):
        return "[" + ", ".join(neutral(item) for item in leaf) + "]"
    return neutral(str(leaf)) if leaf != "" else '""'
