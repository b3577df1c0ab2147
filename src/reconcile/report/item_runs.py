"""What looks at appointments, contacts and tasks did."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from reconcile.lazy_dataclass import dataclass
from reconcile.report.counted import counted, several
from reconcile.report.safe_text import neutral

#: Counts of a look, and the words for them.
WORDS: Mapping[str, str] = {
    "imported": "came in",
    "taken": "changed here",
    "deleted_here": "deleted here",
    "created": "made there",
    "updated": "changed there",
    "deleted_there": "deleted there",
    "linked": "tied again",
    "parted": "parted",
    "conflicts": "changed on both sides",
    "held": "held back",
    "announced": "announced to attendees",
    "braked": "deletions held by the brake (`reconcile status`)",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemRunLine:
    """One mailbox. `failed` are words about single items. One that was not `tried` has a server that is away."""

    mailbox: str
    counts: Mapping[str, int]
    error: str = ""
    hint: str = ""
    skipped: str = ""
    failed: Sequence[str] = ()
    tried: bool = True


def runs_json(lines: Sequence[ItemRunLine]) -> list[dict[str, Any]]:
    """One object a mailbox."""
    return [
        {
            "mailbox": line.mailbox,
            **{_camel(name): count for name, count in line.counts.items()},
            "failed": list(line.failed),
            "skipped": line.skipped or None,
            "tried": line.tried,
            "error": {"message": line.error, "hint": line.hint} if line.error else None,
        }
        for line in lines
    ]


def runs_lines(lines: Sequence[ItemRunLine]) -> Iterator[str]:
    """Only what has news. What went wrong in many mailboxes alike is told once."""
    alike: dict[tuple[str, str], list[str]] = {}
    for line in lines:
        if _only_failed(line):
            alike.setdefault((line.error, line.hint), []).append(line.mailbox)
    for (error, hint), names in alike.items():
        yield f"  {neutral(several(names))}: {neutral(error)}"
        yield from [f"    next: {neutral(hint)}"] if hint else []
    for line in lines:
        if _only_failed(line):
            continue
        said = [f"{count} {WORDS[name]}" for name, count in line.counts.items() if count]
        if line.error or line.skipped or said or line.failed:
            words = [neutral(line.error or line.skipped), ", ".join(said)]
            yield f"  {neutral(line.mailbox)}: {'; '.join(filter(None, words)) or 'nothing new'}"
        if line.error and line.hint:
            yield f"    next: {neutral(line.hint)}"
        yield from (f"    not done: {neutral(words)}" for words in line.failed[:5])
        if line.failed[5:]:
            yield f"    and {counted(len(line.failed) - 5, 'more item', 'more items')} not done"


def _only_failed(line: ItemRunLine) -> bool:
    return bool(line.error) and not line.failed and not any(line.counts.values())


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)
