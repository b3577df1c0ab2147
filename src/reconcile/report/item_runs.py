"""What looks at appointments, contacts and tasks did, and how mailboxes stand with them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from reconcile.lazy_dataclass import dataclass
from reconcile.report.counted import counted
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
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemRunLine:
    """One mailbox. `failed` are words about single items."""

    mailbox: str
    counts: Mapping[str, int]
    error: str = ""
    hint: str = ""
    skipped: str = ""
    failed: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemStanding:
    """How one mailbox stands with one kind. `at` is UTC RFC 3339, "" for never."""

    mailbox: str
    kind: str
    linked: int
    at: str
    error: str
    hint: str


def runs_json(lines: Sequence[ItemRunLine]) -> list[dict[str, Any]]:
    """One object a mailbox."""
    return [
        {
            "mailbox": line.mailbox,
            **{_camel(name): count for name, count in line.counts.items()},
            "failed": list(line.failed),
            "skipped": line.skipped or None,
            "error": {"message": line.error, "hint": line.hint} if line.error else None,
        }
        for line in lines
    ]


def runs_lines(lines: Sequence[ItemRunLine]) -> Iterator[str]:
    """Only what has news."""
    for line in lines:
        said = [f"{count} {WORDS[name]}" for name, count in line.counts.items() if count]
        if line.error or line.skipped or said or line.failed:
            yield f"  {neutral(line.mailbox)}: {neutral(line.error or line.skipped) or ', '.join(said) or 'nothing new'}"
        if line.error and line.hint:
            yield f"    next: {neutral(line.hint)}"
        yield from (f"    not done: {neutral(words)}" for words in line.failed[:5])
        if line.failed[5:]:
            yield f"    and {counted(len(line.failed) - 5, 'more item', 'more items')} not done"


def standings_json(standings: Sequence[ItemStanding]) -> list[dict[str, Any]]:
    """One object a mailbox and kind."""
    return [
        {
            "mailbox": one.mailbox,
            "kind": one.kind,
            "linked": one.linked,
            "lastLook": one.at or None,
            "error": {"message": one.error, "hint": one.hint} if one.error else None,
        }
        for one in standings
    ]


def standings_lines(standings: Sequence[ItemStanding], conflicts: int) -> list[str]:
    """A sum, then what failed."""
    linked = {kind: sum(one.linked for one in standings if one.kind == kind) for kind in ("appointment", "contact", "task")}
    mailboxes = len({one.mailbox for one in standings})
    if not mailboxes:
        return []
    sums = ", ".join(counted(count, kind) for kind, count in linked.items())
    lines = [f"{sums} kept in step in {counted(mailboxes, 'mailbox', 'mailboxes')}"]
    if conflicts:
        lines.append(f"{counted(conflicts, 'field')} changed on both sides: `reconcile activities items conflicts`")
    for one in standings:
        if one.error:
            lines.append(f"{neutral(one.mailbox)}: {neutral(one.error)}")
            lines += [f"  next: {neutral(one.hint)}"] if one.hint else []
    return lines


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)
