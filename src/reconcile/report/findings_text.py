"""Findings for people: what, where, the line itself with a caret, and what to do next."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence

from reconcile.desired.plaintext import SECRET_NAME
from reconcile.desired.text import NotText, read_text, split_lines
from reconcile.model.finding import Accepted, Finding, Severity
from reconcile.model.instant import day
from reconcile.model.position import Position
from reconcile.report.excerpt import excerpt
from reconcile.report.finding_groups import Group, PlaceOf, grouped, in_table, kinds_of, nowhere, worst_first
from reconcile.report.safe_text import neutral

#: The bytes of a file of the source, None when it cannot be read.
Contents = Callable[[str], bytes | None]

_COLORS = {Severity.ERROR: "31", Severity.WARNING: "33", Severity.INFORMATION: "36"}
_SECRET_RULES = "secret/"
_UNKNOWN_FIELD = "schema/unknown-field"
_WHOLE_FILE = "source/"
#: Objects that a block names of all it stands for.
_NAMED = 3
#: Blocks of one rule that are shown each; of more only the first few, for nobody reads ten thousand.
_BLOCKS = 10
_SHOWN_OF_MANY = 3
#: Findings of rules from which on nobody mends all of them at once.
_MANY = 20


def findings_text(
    findings: Iterable[Finding], contents: Contents, *, color: bool, columns: int = 100, every: bool = False, place_of: PlaceOf = nowhere
) -> Iterator[str]:
    """One text per group of findings with one cause (`every`: per finding), without trailing line breaks, in the order of the files. A
    file is read once while findings stay in it. Of a rule that many objects break each for itself, the first few are shown and the rest
    are counted."""
    paint = _Paint(color)
    file, lines = "", None
    groups = [Group(findings=(one,), position=one.position) for one in findings] if every else grouped(findings, place_of)
    groups, left_out = (groups, {}) if every else _few_of_each(groups)
    for group in groups:
        if group.position.file != file:
            file = group.position.file
            lines = _lines(contents(file))
        yield "\n".join(_block(group, lines, paint, columns))
    for (rule, severity), rest in left_out.items():
        title = paint(f"{severity}[{rule}]", f"1;{_COLORS[severity]}")
        yield f"{title}: found {rest:,} more times, each in a place of its own; --all shows them"


def _few_of_each(groups: Sequence[Group]) -> tuple[list[Group], dict[tuple[str, Severity], int]]:
    """What to show, and how many findings of which rules are left out. Built-in checks are shown each, for each has words of its own."""
    sizes = Counter((group.first.rule, group.first.severity) for group in groups if "/" not in group.first.rule)
    shown: list[Group] = []
    seen: Counter[tuple[str, Severity]] = Counter()
    left_out: dict[tuple[str, Severity], int] = {}
    for group in groups:
        kind = (group.first.rule, group.first.severity)
        seen[kind] += 1
        # What only informs must not stand between the reader and what is wrong.
        most = _SHOWN_OF_MANY if kind[1] is Severity.INFORMATION else _BLOCKS
        if sizes[kind] > most and seen[kind] > _SHOWN_OF_MANY:
            left_out[kind] = left_out.get(kind, 0) + len(group.findings)
        else:
            shown.append(group)
    return shown, left_out


def summary(findings: Sequence[Finding], *, files: int) -> str:
    """`2 errors, 1 warning in 3 files; 12 files read`. Accepted findings are counted apart."""
    accepted = len(findings) - len(findings := [finding for finding in findings if finding.counts])
    apart = f"; {accepted:,} accepted (--show-accepted shows them)" if accepted else ""
    return _standing(findings, files) + apart


def next_step(findings: Sequence[Finding], *, has_baseline: bool) -> str:
    """What to do about more findings of rules than anybody mends at once, as on the first day of an estate that was taken over; "" where
    there are few."""
    found = [finding for finding in findings if finding.counts and "/" not in finding.rule]
    if len(found) <= _MANY:
        return ""
    groups = worst_first(grouped(found))
    worst, causes = groups[0].first.rule, len(groups)
    words = f"Next: `reconcile explain {worst}` says why it matters and where that is written"
    accept = "; `reconcile lint --baseline write` accepts what there is now, so that only what is new counts"
    return f"{len(found):,} findings of rules have {causes:,} cause{'' if causes == 1 else 's'}. {words}{'' if has_baseline else accept}."


def _standing(findings: Sequence[Finding], files: int) -> str:
    read = f"{files} file{'' if files == 1 else 's'}"
    if not findings:
        return f"no findings in {read}"
    counts = [
        f"{count} {word}{'s' if count != 1 and word != 'information' else ''}"
        for severity, word in ((Severity.ERROR, "error"), (Severity.WARNING, "warning"), (Severity.INFORMATION, "information"))
        if (count := sum(finding.severity is severity for finding in findings))
    ]
    touched = len({finding.position.file for finding in findings})
    return f"{', '.join(counts)} in {touched} file{'' if touched == 1 else 's'}; {read} read"


class _Paint:
    def __init__(self, color: bool) -> None:
        self._color = color

    def __call__(self, text: str, code: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self._color else text


def _block(group: Group, lines: Sequence[str] | None, paint: _Paint, columns: int) -> Iterator[str]:
    finding, position = group.first, group.position
    color = _COLORS[finding.severity]
    yield paint(f"{finding.severity}[{finding.rule}]", f"1;{color}") + paint(f": {neutral(finding.message)}", "1")
    line = _line(lines, position)
    gutter = len(str(position.line)) if line is not None else 1
    yield f"{' ' * gutter}{paint('-->', '34')} {_place(position, exact=not finding.rule.startswith(_WHOLE_FILE))}"
    if line is not None and position.file.lower().endswith(".csv") and position.line > 1:
        line = _one_cell(line, position)
    if line is not None:
        # A misspelt `pasword` hides its value as well: what it was meant to be stands in the hint.
        misspelt = finding.rule == _UNKNOWN_FIELD and finding.hint.startswith("did you mean") and SECRET_NAME.search(finding.hint)
        secret = bool(misspelt) or finding.rule.startswith(_SECRET_RULES)
        shown = excerpt(line, position.column, position.end_column, columns=max(20, columns - gutter - 3), secret=secret)
        bar = paint("|", "34")
        yield f"{' ' * gutter} {bar}"
        yield f"{paint(str(position.line), '34')} {bar} {shown.line}".rstrip()
        yield f"{' ' * gutter} {bar} {paint(shown.caret, color)}"
    mark = f"{' ' * gutter} {paint('=', '34')}"
    if group.others:
        yield f"{mark} {_for_one_reason(group)}"
    for related in finding.related:
        if related != position:
            yield f"{mark} see also: {_place(related, exact=True)}"
    if finding.accepted is not None:
        yield f"{mark} accepted by {accepted_by(finding.accepted)}"
    if finding.hint:
        yield f"{mark} help: {neutral(finding.hint)}"


def _for_one_reason(group: Group) -> str:
    if in_table(group.first):
        places = ", ".join(_place(one.position, exact=True) for one in group.findings[:_NAMED])
        more = f", and {len(group.findings) - _NAMED:,} more lines (--all shows each)" if len(group.findings) > _NAMED else ""
        return f"{len({one.position.line for one in group.findings}):,} lines like this: {places}{more}"
    names = ", ".join(_named(one, group.position) for one in group.findings[:_NAMED])
    more = f" and {len(group.findings) - _NAMED:,} more (--all shows each)" if len(group.findings) > _NAMED else ""
    return f"{kinds_of(group.findings)} for this reason: {names}{more}"


def _named(finding: Finding, place: Position) -> str:
    name = neutral(str(finding.resource)) if finding.resource is not None else _place(finding.position, exact=True)
    elsewhere = finding.resource is not None and finding.position[:2] != place[:2]
    return f"{name} ({neutral(finding.position.file)}:{finding.position.line})" if elsewhere else name


def accepted_by(accepted: Accepted) -> str:
    """`waiver legacy until 2027-03-31`, `the baseline`."""
    until = f" until {day(accepted.until)}" if accepted.until is not None else ""
    if accepted.by == "approval":
        return f"approval of {neutral(accepted.name)}"
    return f"waiver {neutral(accepted.name)}{until}" if accepted.by == "waiver" else f"the baseline{until}"


def _one_cell(line: str, position: Position) -> str | None:
    """A record of a table with nothing but the cell in question: only the header knows which of the others are secret."""
    start, end = position.column - 1, position.end_column
    if end is None or not 0 <= start <= end <= len(line) + 1:
        return None
    return " " * start + line[start : end - 1]


def _place(position: Position, *, exact: bool) -> str:
    file = neutral(position.file)
    if file == ".":
        return "the estate"
    return f"{file}:{position.line}:{position.column}" if exact else file


def _line(lines: Sequence[str] | None, position: Position) -> str | None:
    if lines is None or position.line > len(lines):
        return None
    line = lines[position.line - 1]
    return line if line.strip() else None


def _lines(content: bytes | None) -> Sequence[str] | None:
    """None when there is no text to show."""
    if content is None:
        return None
    text = read_text(content)
    if not isinstance(text, NotText):
        return split_lines(text)
    if b"\0" in content:
        return None
    # What is not UTF-8 is still shown up to the bad byte and after it.
    return split_lines(content.decode("utf-8-sig", "replace"))
