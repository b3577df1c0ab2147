"""Tables people can read: columns as wide as needed, cut where a limit is given, numbers to the right."""

from __future__ import annotations

from collections.abc import Sequence

from reconcile.report.safe_text import cut, neutral, width


def table(
    headers: Sequence[str], rows: Sequence[Sequence[object]], *, limits: Sequence[int | None] | None = None, empty: str = "nothing to show"
) -> str:
    """Plain text without a trailing line break. `limits` gives the widest a column may get (None: no limit).

    Integers stand to the right. Every cell is neutralised.
    """
    if not rows:
        return empty
    bounds = list(limits or []) + [None] * (len(headers) - len(limits or []))
    cells = [[_cell(value, bound) for value, bound in zip(row, bounds, strict=True)] for row in rows]
    widths = [max(width(header), *(width(row[index]) for row in cells)) for index, header in enumerate(headers)]
    right = [all(isinstance(row[index], int) and not isinstance(row[index], bool) for row in rows) for index in range(len(headers))]
    lines = [_line(headers, widths, right)]
    lines += [_line(row, widths, right) for row in cells]
    return "\n".join(lines)


def _cell(value: object, bound: int | None) -> str:
    text = "–" if value is None or value == "" else neutral(str(value))
    return cut(text, bound) if bound else text


def _line(cells: Sequence[str], widths: Sequence[int], right: Sequence[bool]) -> str:
    padded = []
    for cell, size, to_right in zip(cells, widths, right, strict=True):
        gap = " " * (size - width(cell))
        padded.append(gap + cell if to_right else cell + gap)
    return "  ".join(padded).rstrip()
