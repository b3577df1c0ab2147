"""What assignments reach, for people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from reconcile.desired.coverage import Coverage, Reach
from reconcile.report.safe_text import neutral
from reconcile.report.table import table

#: Names shown of a list, unless all are asked for.
_SHOWN: Final = 5


def coverage_text(found: Coverage, *, fit: int | None, verbose: bool) -> str:
    """A table of assignments, then what is left over. Without a trailing line break."""
    headers = ("ASSIGNMENT", "PRIORITY", "SCOPE", "SELECTS", "GIVES TO", "FIELDS", "WHERE")
    rows = [
        (one.key.name, one.priority, one.scope, one.selects, one.gives, _fields(one), f"{one.position.file}:{one.position.line}")
        for one in found.assignments
    ]
    shown = table(headers, rows, limits=(63, None, None, None, None, 300, 200), fit=fit, empty="no assignments")
    return "\n".join([shown, "", *_left_over(found, verbose)])


def _fields(one: Reach) -> str:
    """With a number where not all that take something take this."""
    return ", ".join(path if count == one.gives else f"{path} ({count:,})" for path, count in one.fields.items())


def _left_over(found: Coverage, verbose: bool) -> Iterator[str]:
    idle = [one.key.name for one in found.assignments if one.selects == 0]
    beaten = [one.key.name for one in found.assignments if one.selects > 0 and one.gives == 0]
    yield from _listed("assignment selects nothing", "assignments select nothing", idle, verbose)
    yield from _listed("assignment gives nothing that counts", "assignments give nothing that counts", beaten, verbose)
    yield from _listed("mailbox is selected by none", "mailboxes are selected by none", [key.name for key in found.unassigned], verbose)
    names = [key.name for key in found.without_profile]
    yield from _listed("mailbox gets no profile from anywhere", "mailboxes get no profile from anywhere", names, verbose)
    if found.uncovered is not None:
        words = ("is on the target only, and nothing covers it", "are on the target only, and nothing covers them")
        yield from _listed(f"mailbox {words[0]}", f"mailboxes {words[1]}", found.uncovered, verbose)
    for line in found.unread:
        yield f"could not be read, and is counted nowhere: {neutral(line)}"
    yield from _listed("mailbox is held", "mailboxes are held", [key.name for key in found.held], verbose, "; `reconcile lint` says why")
    total = f"{found.environment}: {_count(found.mailboxes, 'mailbox', 'mailboxes')} with a document"
    if found.uncovered is not None:
        total += f", {found.taken_over:,} taken over on the target"
    yield total + ("" if found.uncovered is not None else "; the target was not looked at")


def _listed(one: str, several: str, names: Sequence[str], verbose: bool, after: str = "") -> Iterator[str]:
    if names:
        shown = names if verbose else names[:_SHOWN]
        more = f" and {len(names) - len(shown):,} more (--verbose names them)" if len(shown) < len(names) else ""
        yield f"{_count(len(names), one, several)}: {', '.join(map(neutral, shown))}{more}{after}"


def _count(number: int, one: str, several: str) -> str:
    return f"{number:,} {one if number == 1 else several}"
