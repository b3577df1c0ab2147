"""Text for a comment on a code host, made so that no data in it can be anything but text.

Whatever is not a plain word goes into a code span: there is no HTML, link, image, mention, reference or emoji inside one
(CommonMark 0.31, 6.1; GitHub Flavored Markdown 6.9 links bare addresses elsewhere, GitHub also names, numbers and commit ids).
Nothing that comes from data stands in a table or at the beginning of a line.
"""

from __future__ import annotations

import html
import re
from functools import lru_cache

from reconcile.report.safe_text import cut, neutral

#: Columns of one value, name or path.
LONGEST = 120

#: Letters and digits of any script, joined by single marks that mean nothing; numbers with separators; signs we use ourselves.
_PLAIN = re.compile(r"[^\W_]+(?:[’'-][^\W_]+)*|[0-9]+(?:[.,][0-9]+)*%?|[→·–+…]")
#: What a code host takes for a commit or an issue.
_REFERENCE = re.compile(r"\b(?:[0-9a-fA-F]{7,}\b|GH-[0-9])", re.IGNORECASE)
#: What begins a list where a sentence begins.
_MARK = re.compile(r"[0-9]+[.)]|\+")
_OPENING = '(“"'
_CLOSING = '.,;:)!?”"'


def code(text: str, longest: int = LONGEST) -> str:
    """A code span that holds exactly `text`, in at most `longest` columns; quoted where nothing would be seen."""
    shown = cut(neutral(text), longest)
    if not shown.strip():
        shown = f'"{shown}"'
    runs = {len(run) for run in re.findall(r"`+", shown)}
    fence = "`" * next(length for length in range(1, len(runs) + 2) if length not in runs)
    # Spaces at both ends are taken off again; without them a backtick at the end would belong to the fence.
    padded = f" {shown} " if shown[0] in "` " or shown[-1] in "` " else shown
    return f"{fence}{padded}{fence}"


@lru_cache(maxsize=2048)
def prose(text: str, longest: int = 600) -> str:
    """A sentence: its words as they are, everything else in it as code. One line."""
    parts: list[str] = []
    odd: list[str] = []
    for number, word in enumerate(cut(neutral(text), longest).split(" ")):
        opening, core, closing = _split(word)
        is_mark = number == 0 and _MARK.fullmatch(word)
        if not is_mark and (not core or (_PLAIN.fullmatch(core) and not _REFERENCE.search(core))):
            parts += [code(" ".join(odd), longest)] if odd else []
            odd = []
            parts.append(word)
        elif is_mark or odd or (not opening and not closing):
            odd.append(word)
        else:
            parts.append(f"{opening}{code(core, longest)}{closing}")
    parts += [code(" ".join(odd), longest)] if odd else []
    return " ".join(part for part in parts if part)


def inside_html(text: str) -> str:
    """For the one place where Markdown is not read: a summary of folded details."""
    return f"<code>{html.escape(cut(neutral(text), LONGEST))}</code>"


def _split(word: str) -> tuple[str, str, str]:
    """Brackets and stops around a word."""
    rest = word.lstrip(_OPENING)
    core = rest.rstrip(_CLOSING)
    return word[: len(word) - len(rest)], core, rest[len(core) :]
