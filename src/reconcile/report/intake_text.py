"""What became of a batch, for people."""

from __future__ import annotations

from reconcile.model.intake import Refused, Tally
from reconcile.report.counted import counted
from reconcile.report.safe_text import neutral


def refused_lines(file: str, outcome: Refused) -> list[str]:
    """Where, why, and what to do."""
    place = f"{neutral(file)}:{outcome.line}:{outcome.column}"
    version = f" (version {outcome.version})" if outcome.version is not None else ""
    key = f" [{neutral(outcome.client_key)}]" if outcome.client_key else ""
    return [f"{place}: refused, {outcome.refusal}{version}: {neutral(outcome.message)}{key}", f"  next: {neutral(outcome.hint)}"]


def tally_line(tally: Tally, noun: str) -> str:
    """`3 mails: 2 added, 1 refused`."""
    counts = [f"{number} {result}" for result, number in tally.taken.items() if number]
    counts += [f"{tally.refused} refused"] if tally.refused else []
    lines = counted(sum(tally.taken.values()) + tally.refused, noun)
    return f"{lines}: {', '.join(counts)}" if counts else f"no {noun}s: there was no line"
