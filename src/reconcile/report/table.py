"""Tables people can read: columns as wide as needed, cut where a limit is given, numbers to the right."""

from __future__ import annotations

from collections.abc import Sequence

from reconcile.report.safe_text import cut, neutral, width

#: No column gets narrower than this to make a table fit, unless it is said otherwise.
_NARROWEST = 8


def table(
    headers: Sequence[str],
    rows: Sequence[Sequence[object]],
    *,
    limits: Sequence[int | None] | None = None,
    fit: int | None = None,
    spare: Sequence[str] = (),
    narrowest: int = _NARROWEST,
    empty: str = "nothing to show",
) -> str:
    """Plain text without a trailing line break. `limits` gives the widest a column may get (None: it is never cut).

    `fit` is the width of the terminal: columns with a limit give way until the table fits, the widest first. Integers stand to the
    right. Every cell is neutralised. Of the `spare` columns those with nothing in them are left out, and, one after another, those
    without which the table fits at last: with columns of at least `narrowest`, or where that is too wide all the same, of the usual.
    """
    if not rows:
        return empty
    bounds = list(limits or []) + [None] * (len(headers) - len(limits or []))
    ways = [(None, narrowest), *((header, narrowest) for header in spare), (None, _NARROWEST)]
    said = [index for index, header in enumerate(headers) if header not in spare or any(row[index] not in (None, "") for row in rows)]
    for header, least in ways:
        said = [index for index in said if headers[index] != header]
        text = _table([headers[at] for at in said], [[row[at] for at in said] for row in rows], [bounds[at] for at in said], fit, least)
        if fit is None or max(map(width, text.split("\n"))) <= fit:
            break
    return text


def _table(headers: Sequence[str], rows: Sequence[Sequence[object]], bounds: Sequence[int | None], fit: int | None, least: int) -> str:
    cells = [[_cell(value, bound) for value, bound in zip(row, bounds, strict=True)] for row in rows]
    widths = [max(width(header), *(width(row[index]) for row in cells)) for index, header in enumerate(headers)]
    if fit is not None:
        _narrow(widths, [bound is not None for bound in bounds], [max(least, width(header)) for header in headers], fit)
        cells = [[cut(value, size) for value, size in zip(row, widths, strict=True)] for row in cells]
    right = [all(isinstance(row[index], int) and not isinstance(row[index], bool) for row in rows) for index in range(len(headers))]
    lines = [_line(headers, widths, right)]
    lines += [_line(row, widths, right) for row in cells]
    return "\n".join(lines)


def _narrow(widths: list[int], may: Sequence[bool], least: Sequence[int], fit: int) -> None:
    """Take from the widest column that may be cut, until the table fits or nothing is left to take."""
    while sum(widths) + 2 * (len(widths) - 1) > fit:
        yielding = [index for index, size in enumerate(widths) if may[index] and size > least[index]]
        if not yielding:
            return
        widths[max(yielding, key=lambda index: widths[index])] -= 1


def _cell(value: object, bound: int | None) -> str:
    text = "–" if value is None or value == "" else neutral(str(value))
    return cut(text, bound) if bound else text


def _line(cells: Sequence[str], widths: Sequence[int], right: Sequence[bool]) -> str:
    padded = []
    for cell, size, to_right in zip(cells, widths, right, strict=True):
        gap = " " * (size - width(cell))
        padded.append(gap + cell if to_right else cell + gap)
    return "  ".join(padded).rstrip()
