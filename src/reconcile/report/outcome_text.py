"""What an apply did, for people and for programs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import assert_never

from reconcile.model.discovered import Pinned
from reconcile.model.outcome import Applied, Failed, Outcome, Skipped
from reconcile.report.plan_text import Paint
from reconcile.report.safe_text import neutral

#: Up to this many changes each is named, above only those that went wrong.
_FEW = 20


def outcome_text(outcomes: Sequence[Outcome], *, color: bool) -> str:
    """A line per outcome worth one, and the summary."""
    paint = Paint(color)
    lines = [line for outcome in outcomes for line in _lines(outcome, paint, len(outcomes) <= _FEW)]
    return "\n".join([*lines, paint(outcome_summary(outcomes), "1")])


def outcome_summary(outcomes: Iterable[Outcome]) -> str:
    """`applied 3 · failed 0 · skipped 0`."""
    counts = outcome_counts(outcomes)
    words = [f"{name} {counts[name]}" for name in ("applied", "failed", "skipped")]
    return " · ".join(words + [f"{name} {counts[name]}" for name in ("voided", "already") if counts[name]])


def outcome_counts(outcomes: Iterable[Outcome]) -> dict[str, int]:
    """How many of each. Those an earlier run of the same plan did are counted as applied and as `already`."""
    counts = dict.fromkeys(("applied", "already", "failed", "skipped", "voided"), 0)
    for outcome in outcomes:
        match outcome:
            case Applied():
                counts["applied"] += 1
                counts["already"] += outcome.already
            case Failed():
                counts["failed"] += 1
            case Skipped():
                counts["voided" if outcome.voided else "skipped"] += 1
    return counts


def _lines(outcome: Outcome, paint: Paint, every: bool) -> Iterator[str]:
    key = neutral(str(outcome.key))
    match outcome:
        case Applied():
            if every or outcome.refused:
                yield f"{paint('✓', '32')} {key} applied" + (" by an earlier run" if outcome.already else "")
            for refused in outcome.refused:
                yield f"    {paint('i', '36')} {neutral(refused)}"
        case Failed():
            again = "; it may work later" if outcome.retryable else ""
            yield f"{paint('✗', '31')} {key} failed: {neutral(outcome.reason)}{again}"
        case Skipped():
            yield f"{paint('·', '33')} {key} {'is void' if outcome.voided else 'was skipped'}: {neutral(outcome.reason)}"
        case _:
            assert_never(outcome)


def outcome_json(outcome: Outcome) -> dict[str, object]:
    """One outcome as a document."""
    match outcome:
        case Applied():
            return {
                "key": str(outcome.key),
                "result": "applied",
                "externalId": outcome.external_id,
                "already": outcome.already,
                "refused": list(outcome.refused),
            }
        case Failed():
            return {"key": str(outcome.key), "result": "failed", "reason": outcome.reason, "retryable": outcome.retryable}
        case Skipped():
            return {"key": str(outcome.key), "result": "voided" if outcome.voided else "skipped", "reason": outcome.reason}
    assert_never(outcome)


def pinned_text(one: Pinned) -> str:
    """What became of a server that Autodiscover named for a mailbox."""
    words = f"{one.url} is not pinned: {one.why}" if one.why else f"its server is {one.url}, pinned as Autodiscover named it"
    return f"i {neutral(str(one.key))}: {neutral(words)}"


def pinned_json(one: Pinned) -> dict[str, object]:
    """The same as a document."""
    return {"key": str(one.key), "url": one.url, "pinned": not one.why, "why": one.why or None}
