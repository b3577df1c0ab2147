"""Single items that could not be dealt with, for people and programs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from reconcile.model.item_aside import ItemAside
from reconcile.report.counted import counted, several
from reconcile.report.safe_text import neutral

#: So many reasons are told.
_SHOWN: Final = 5


def aside_json(aside: ItemAside) -> dict[str, Any]:
    """One of them."""
    return {
        "item": aside.record_id or None,
        "remote": aside.remote_id.value if aside.remote_id is not None else None,
        "failures": aside.failures,
        "since": aside.since,
        "againAt": aside.again_at,
        "why": aside.why,
    }


def aside_words(aside: ItemAside) -> str:
    """One of them in a sentence."""
    times = f", {aside.failures} times since {_minute(aside.since)}" if aside.failures > 1 else ""
    return f"{_what(aside)} could not be dealt with{times}: {aside.why}; again after {_minute(aside.again_at)}"


def aside_lines(asides: Sequence[tuple[str, ItemAside]]) -> Iterator[str]:
    """Pairs of mailbox (its slug) and item: each reason once, with those that have it."""
    alike: dict[str, list[tuple[str, ItemAside]]] = {}
    for mailbox, aside in asides:
        alike.setdefault(aside.why, []).append((mailbox, aside))
    for why, group in [*alike.items()][:_SHOWN]:
        yield f"{counted(len(group), 'item')} could not be dealt with: {neutral(why)}"
        where: dict[str, list[str]] = {}
        for mailbox, aside in group:
            where.setdefault(mailbox, []).append(_what(aside))
        named = several([f"{neutral(mailbox)}: {several(whats)}" for mailbox, whats in where.items()])
        yield f"  {named}; tried again by themselves after {_minute(min(aside.again_at for _, aside in group))}"
    if len(alike) > _SHOWN:
        rest = sum(map(len, [*alike.values()][_SHOWN:]))
        yield f"{counted(rest, 'more item', 'more items')} for other reasons: `--output json` has all"


def _what(aside: ItemAside) -> str:
    return f"item {aside.record_id}" if aside.record_id else f"a new {aside.kind}"


def _minute(moment: str) -> str:
    return moment[:16].replace("T", " ")
