"""Lines no wider than the terminal, continued under their text."""

from __future__ import annotations

import re
from typing import Final

from reconcile.report.safe_text import width

#: What a continued line stands under: the text behind `  why:  ` or `mailboxes    `, else two columns further in.
_LABEL: Final = re.compile(r"\s*(?:\S+\s{2,}|(?:next|why|at|help):\s+|[-•] )")


def wrapped(text: str, fit: int | None) -> str:
    """`text` with each line that is wider than `fit` broken at spaces; None leaves all as it is. A word that is wider stays whole: it may
    be a path or an address that somebody copies."""
    if fit is None:
        return text
    return "\n".join(part for line in text.split("\n") for part in ([line] if width(line) <= fit else _broken(line, fit)))


def _broken(line: str, fit: int) -> list[str]:
    begin = line[: len(line) - len(line.lstrip())]
    label = _LABEL.match(line)
    head = label[0] if label is not None else begin
    # Half of the line is for the text at least.
    hanging = width(head) if label is not None and 2 * width(head) <= fit else min(len(begin) + 2, fit // 2)
    lines, current, empty = list[str](), head, True
    for word in line[len(head) :].split():
        if not empty and width(current) + 1 + width(word) > fit:
            lines.append(current)
            current, empty = " " * hanging, True
        current += word if empty else f" {word}"
        empty = False
    return [*lines, current]
