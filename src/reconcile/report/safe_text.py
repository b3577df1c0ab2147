"""Text from strangers (mail subjects, server replies, files), made harmless for a terminal or a table.

Terminal escapes, other control characters, and the bidirectional overrides that make text read differently from what it is
become visible escapes such as `\\x1b`; line breaks too, unless asked to keep them.
"""

from __future__ import annotations

import unicodedata

#: Embeddings, overrides and isolates (Unicode Standard Annex 9), and the marks that hide inside words.
_REORDERING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c\u2028\u2029\ufeff")
#: Nonspacing and enclosing marks, and format characters such as the zero width joiner.
_WITHOUT_WIDTH = ("Mn", "Me", "Cf")
#: Characters a column may hold: marks pile up on one base without end in hostile text, hardly ever beyond this in any script.
_MARKS = 5


def _escaped(character: str) -> str:
    code = ord(character)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _harmless(character: str) -> bool:
    return character not in _REORDERING and unicodedata.category(character) not in ("Cc", "Cs", "Co", "Cn")


def neutral(text: str, *, keep_lines: bool = False) -> str:
    """`text` with everything that could steer a terminal made visible. `keep_lines` lets line feeds and tabs through."""
    if text.isascii() and text.isprintable():
        return text
    kept = "\n\t" if keep_lines else ""
    return "".join(character if character in kept or _harmless(character) else _escaped(character) for character in text)


def width(text: str) -> int:
    """Columns on a terminal: wide East Asian characters count two, marks and joiners that stand on another character none."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.category(character) in _WITHOUT_WIDTH else 2 if unicodedata.east_asian_width(character) in "WF" else 1
        for character in text
    )


def cut(text: str, columns: int) -> str:
    """At most `columns` wide, with an ellipsis where something was left out; no more than a few marks a column, however many there are."""
    most = _MARKS * columns
    if len(text) <= most and width(text) <= columns:
        return text
    kept, used = [], 0
    for character in text[:most]:
        step = width(character)
        if used + step > columns - 1:
            break
        kept.append(character)
        used += step
    return "".join(kept) + "…"
