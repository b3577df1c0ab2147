"""Edits that mend findings, as people and programs take them: a unified diff, and the smallest replacements."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
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
    for tag, start, end, new_start, new_end in _matcher(old, new).get_opcodes():
        if tag == "equal":
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


def _matcher(old: list[str], new: list[str]) -> difflib.SequenceMatcher[str]:
    # Exact for files that people write; where thousands of lines repeat, that would take minutes.
    return difflib.SequenceMatcher(None, old, new, autojunk=len(old) > 2_000)


def _hunks(old: list[str], new: list[str]) -> Iterator[str]:
    for group in _matcher(old, new).get_grouped_opcodes(3):
        yield f"@@ -{_range(group[0][1], group[-1][2])} +{_range(group[0][3], group[-1][4])} @@\n"
        for tag, start, end, new_start, new_end in group:
            if tag == "equal":
                yield from (_line(" ", line) for line in old[start:end])
                continue
            yield from (_line("-", line) for line in old[start:end])
            yield from (_line("+", line) for line in new[new_start:new_end])


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
