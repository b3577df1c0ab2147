"""Many patterns against many names: each pattern is filed under its longest fixed end, so that most names meet few of them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from fnmatch import translate
from unicodedata import normalize

_WILD = re.compile(r"[*?\[\]]")
_NONE: frozenset[str] = frozenset()


class NamePatterns:
    """Patterns with * (any characters), ? (one) and [abc] (one of them); case makes no difference."""

    def __init__(self, patterns: Iterable[str]) -> None:
        self._whole: dict[str, list[str]] = {}
        self._starts: dict[int, dict[str, list[tuple[str, re.Pattern[str]]]]] = {}
        self._ends: dict[int, dict[str, list[tuple[str, re.Pattern[str]]]]] = {}
        self._others: list[tuple[str, str, re.Pattern[str]]] = []
        for pattern in sorted(set(patterns)):
            self._file(pattern, normalize("NFC", pattern.lower()))

    def _file(self, pattern: str, text: str) -> None:
        first = _WILD.search(text)
        if first is None:
            self._whole.setdefault(text, []).append(pattern)
            return
        start, end = text[: first.start()], _WILD.split(text)[-1]
        entry = (pattern, re.compile(translate(text)))
        if start and len(start) >= len(end):
            self._starts.setdefault(len(start), {}).setdefault(start, []).append(entry)
        elif end:
            self._ends.setdefault(len(end), {}).setdefault(end, []).append(entry)
        else:
            # What stands in brackets is not what stands in the name.
            inside = "" if "[" in text else max(_WILD.split(text), key=len)
            self._others.append((inside, *entry))

    def matching(self, *names: str) -> frozenset[str]:
        """The patterns, as written, that any of the names fits."""
        found: set[str] | None = None
        for name in names:
            text = name.lower() if name.isascii() else normalize("NFC", name.lower())
            hits = self._candidates(text)
            fitting = [pattern for pattern, expression in hits if expression.match(text)]
            if text in self._whole:
                fitting += self._whole[text]
            if fitting:
                found = {*fitting} if found is None else found.union(fitting)
        return _NONE if found is None else frozenset(found)

    def _candidates(self, text: str) -> list[tuple[str, re.Pattern[str]]]:
        hits = [(pattern, expression) for inside, pattern, expression in self._others if inside in text]
        for length, starts in self._starts.items():
            if (more := starts.get(text[:length])) is not None:
                hits = [*hits, *more]
        for length, ends in self._ends.items():
            if (more := ends.get(text[-length:])) is not None:
                hits = [*hits, *more]
        return hits
