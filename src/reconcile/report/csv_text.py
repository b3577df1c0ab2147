"""Tables as CSV that a spreadsheet opens as what it is: text stays text, whoever wrote it.

A cell that begins with `=`, `+`, `-` or `@` would be run as a formula (OWASP: "CSV Injection"); it gets an apostrophe in front. Tabs, line
breaks and other controls are written as visible escapes, so that one record is one line. UTF-8 with a byte order mark, without which
Excel takes the file for the machine's old code page; lines end as RFC 4180, section 2 has it.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

from reconcile.report.safe_text import neutral

#: Their full-width forms too: some spreadsheets take them for the same.
_FORMULA = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def csv_octets(headers: Sequence[str], rows: Iterable[Sequence[object]], *, delimiter: str = ",") -> bytes:
    """The whole file. None is an empty cell, numbers stay numbers, everything else is text."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=delimiter, lineterminator="\r\n")
    writer.writerow(headers)
    writer.writerows([_cell(value) for value in row] for row in rows)
    return b"\xef\xbb\xbf" + text.getvalue().encode("utf-8", "backslashreplace")


def _cell(value: object) -> object:
    if value is None:
        return ""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return value
    text = neutral(str(value))
    return f"'{text}" if text.lstrip().startswith(_FORMULA) else text
