"""Edits that mend findings, as people and programs take them: a unified diff, and the smallest replacements."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from reconcile.report.safe_text import neutral

_MARK: Final = b"\xef\xbb\xbf"


class Replacement(NamedTuple):
    """Characters of a file from `line` and `column` up to before `end_line` and `end_column` (from 1, in code points) that `text` stands
    for. A place at the end of the file may lie behind its last line break."""

    file: str
    line: int
    column: int
    end_line: int
    end_column: int
    text: str


class Offer(NamedTuple):
    """How one finding may be mended, in words; `replacements` are the edit where there is one."""

    words: str
    replacements: tuple[Replacement, ...] = ()


def offer_json(offer: Offer) -> dict[str, object]:
    """`edits` are left out where a person must do it."""
    entry: dict[str, object] = {"description": offer.words}
    if offer.replacements:
        entry["edits"] = [
            {
                "file": one.file,
                "line": one.line,
                "column": one.column,
                "endLine": one.end_line,
                "endColumn": one.end_column,
                "text": one.text,
            }
            for one in offer.replacements
        ]
    return entry


def unified_diff(before: Mapping[str, bytes], after: Mapping[str, bytes], *, prefix: str = "") -> Iterator[str]:
    """One text a file, as `git apply` takes it from the root of the repository. `prefix` is the estate's folder there."""
    for file in sorted(after):
        old, new = (_lines(contents[file]) for contents in (before, after))
        name = f"{prefix}{file}"
        yield f"--- {_name('a', name)}\n+++ {_name('b', name)}\n" + "".join(_hunks(old, new))


def replacements(file: str, before: bytes, after: bytes) -> list[Replacement]:
    """What turns one content into the other: whole lines that were added or removed, and the part of a line that changed."""
    old, new = (_lines(content.removeprefix(_MARK)) for content in (before, after))
    found = []
    for same, start, end, new_start, new_end in _steps(old, new):
        if same:
            continue
        was, now = "".join(old[start:end]), "".join(new[new_start:new_end])
        left = _common(was, now)
        inside_word = was[left : left + 1].isalnum() or now[left : left + 1].isalnum()
        while inside_word and left and was[left - 1].isalnum():
            left -= 1
        right = _common(was[left:][::-1], now[left:][::-1])
        while inside_word and right and was[len(was) - right].isalnum():
            right -= 1
        line, column = _place(old, start, was[:left])
        end_line, end_column = _place(old, start, was[: len(was) - right])
        found.append(Replacement(file, line, column, end_line, end_column, now[left : len(now) - right]))
    return found


class _Step(NamedTuple):
    """Lines `start` to `end` of the old file that lines `new_start` to `new_end` of the new one stand for; both alike where `same`."""

    same: bool
    start: int
    end: int
    new_start: int
    new_end: int


#: Lines that are looked ahead for where both files agree again; edits add, take away or change few.
_NEAR = 12


def _steps(old: Sequence[str], new: Sequence[str]) -> list[_Step]:
    """The difference in one walk: files may hold thousands of lines that repeat, and edits are small."""
    steps: list[_Step] = []
    here, there = 0, 0
    while here < len(old) or there < len(new):
        start, new_start = here, there
        while here < len(old) and there < len(new) and old[here] == new[there]:
            here, there = here + 1, there + 1
        if here > start:
            steps.append(_Step(True, start, here, new_start, there))
        if here < len(old) or there < len(new):
            taken, put = _apart(old, new, here, there)
            steps += _closer(old[here : here + taken], new[there : there + put], here, there)
            here, there = here + taken, there + put
    return steps


def _closer(old: Sequence[str], new: Sequence[str], here: int, there: int) -> Iterator[_Step]:
    """What differs within few lines; of many it is said as a whole."""
    if len(old) + len(new) > 20 * _NEAR:
        yield _Step(False, here, here + len(old), there, there + len(new))
        return
    for tag, start, end, new_start, new_end in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        yield _Step(tag == "equal", here + start, here + end, there + new_start, there + new_end)


def _apart(old: Sequence[str], new: Sequence[str], here: int, there: int) -> tuple[int, int]:
    """How many lines differ, as few as can be seen; all that is left where they do not come together again soon."""
    for distance in range(1, 2 * _NEAR):
        for taken in range(distance + 1):
            put = distance - taken
            ahead, new_ahead = old[here + taken : here + taken + 3], new[there + put : there + put + 3]
            if ahead == new_ahead and here + taken <= len(old) and there + put <= len(new):
                return taken, put
    return len(old) - here, len(new) - there


def _hunks(old: Sequence[str], new: Sequence[str]) -> Iterator[str]:
    """With three lines around each change; changes closer than six lines to each other are one hunk."""
    group: list[_Step] = []
    for step in _steps(old, new):
        if step.same and group and step.end - step.start > 6:
            yield from _hunk(old, new, [*group, _Step(True, step.start, step.start + 3, step.new_start, step.new_start + 3)])
            group = [_last_three(step)]
        elif step.same and not group:
            group = [_last_three(step)]
        else:
            group.append(step)
    if any(not step.same for step in group):
        last = group[-1]
        if last.same and last.end - last.start > 3:
            group[-1] = _Step(True, last.start, last.start + 3, last.new_start, last.new_start + 3)
        yield from _hunk(old, new, group)


def _last_three(step: _Step) -> _Step:
    kept = min(3, step.end - step.start)
    return _Step(True, step.end - kept, step.end, step.new_end - kept, step.new_end)


def _hunk(old: Sequence[str], new: Sequence[str], group: Sequence[_Step]) -> Iterator[str]:
    if all(step.same for step in group):
        return
    first, last = group[0], group[-1]
    yield f"@@ -{_range(first.start, last.end)} +{_range(first.new_start, last.new_end)} @@\n"
    for step in group:
        if step.same:
            yield from (_line(" ", line) for line in old[step.start : step.end])
        else:
            yield from (_line("-", line) for line in old[step.start : step.end])
            yield from (_line("+", line) for line in new[step.new_start : step.new_end])


def _range(start: int, stop: int) -> str:
    """As the unified format counts: from 1, and from the line before where there is none."""
    length = stop - start
    return str(start + 1) if length == 1 else f"{start + 1 if length else start},{length}"


def _line(sign: str, line: str) -> str:
    return f"{sign}{line}" if line.endswith("\n") else f"{sign}{line}\n\\ No newline at end of file\n"


def _place(lines: list[str], start: int, passed: str) -> tuple[int, int]:
    rows = passed.split("\n")
    if start >= len(lines) and lines and not lines[-1].endswith("\n"):
        return len(lines), len(lines[-1]) + 1
    return start + len(rows), len(rows[-1]) + 1


def _common(first: str, second: str) -> int:
    count = 0
    for one, other in zip(first, second, strict=False):
        if one != other:
            break
        count += 1
    return count


def _lines(content: bytes) -> list[str]:
    """As git splits them: at line feeds alone."""
    lines = content.decode("utf-8", "surrogateescape").split("\n")
    return [f"{line}\n" for line in lines[:-1]] + ([lines[-1]] if lines[-1] else [])


def _name(side: str, path: str) -> str:
    """A name that needs quotes has them, as git writes it (git-diff, core.quotePath)."""
    whole = f"{side}/{path}"
    return whole if whole == neutral(whole) and '"' not in whole and "\\" not in whole else f'"{neutral(whole)}"'
