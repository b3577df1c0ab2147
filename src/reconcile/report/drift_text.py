"""Drift for people: where the target differs from git, field by field, and which side moved. Nothing here proposes to write."""

from __future__ import annotations

from collections.abc import Iterator
from typing import assert_never

from reconcile.model.change import Adopt, Change, Command, Create, Delete, Forget, Plan, Update
from reconcile.plan.removal import ORPHAN
from reconcile.report.plan_text import Paint, cause_words, value
from reconcile.report.safe_text import neutral


def drift_text(plan: Plan, *, color: bool) -> str:
    """One block per resource that differs, ending with a summary line."""
    paint = Paint(color)
    lines: list[str] = []
    for change in plan.changes:
        lines += _change(change, paint)
    lines += [f"{paint('!', '33')} {neutral(str(held.key))} was not compared: {neutral(held.reason)}" for held in plan.held]
    lines += [f"{paint('?', '33')} could not be observed: {neutral(text)}" for text in plan.unobserved]
    lines += [f"{paint('i', '36')} {neutral(note.message)}" for note in plan.notes if note.key is None]
    lines += [f"{paint('i', '36')} {neutral(f'{note.key}: {note.message}')}" for note in plan.notes if note.message == ORPHAN]
    lines.append(paint(_summary(plan), "1"))
    return "\n".join(lines)


def _summary(plan: Plan) -> str:
    if not plan.changes:
        words = f"no drift in {plan.environment}: as git says {plan.unchanged}"
    else:
        words = f"drift in {plan.environment}: differs {len(plan.changes)} · as git says {plan.unchanged}"
    unknown = len(plan.held) + len(plan.unobserved)
    words += f" · not compared {unknown}" if unknown else ""
    return words + (f" · left out {plan.left_out}" if plan.selection is not None else "")


def _change(change: Change, paint: Paint) -> Iterator[str]:
    match change:
        case Create():
            yield f"{paint(str(change.key), '1')}: declared, not on the target{paint(cause_words(change.cause), '2')}"
        case Delete():
            yield f"{paint(str(change.key), '1')}: on the target, no longer declared"
        case Forget():
            yield f"{paint(str(change.key), '1')}: ours, no longer declared"
        case Adopt() | Update():
            words = "on the target, but not ours yet" if isinstance(change, Adopt) else "differs"
            if isinstance(change, Update) and change.orphan:
                words = "on the target, no longer declared"
            yield f"{paint(str(change.key), '1')}: {words}"
            for field in () if isinstance(change, Update) and change.orphan else change.fields:
                both = f"git says {value(field.after)}, the target has {value(field.before)}"
                yield f"    {neutral(field.path)}: {both}{paint(cause_words(field.cause), '2')}"
            for record in change.records if isinstance(change, Update) else ():
                both = f"git says {value(record.after)}, the inventory has {value(record.before)}"
                yield f"    {neutral(record.path)}: {both}{paint(cause_words(record.cause), '2')}"
            if isinstance(change, Update) and change.previous is not None:
                yield f"    it is called {change.previous.name} there"
        case Command():
            yield f"{paint(str(change.key), '1')}: {change.verb} was not carried out"
        case _:
            assert_never(change)
