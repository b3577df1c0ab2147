"""Did you mean …?"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def did_you_mean(written: str, known: Iterable[str]) -> str:
    """A sentence for a hint: the nearest known word, else the known words when they are few."""
    words = sorted(set(known))
    by_folded = {_folded(word): word for word in words}
    near = difflib.get_close_matches(_folded(written), by_folded, n=1, cutoff=0.6)
    if near:
        return f"did you mean {by_folded[near[0]]}?"
    if not words:
        return ""
    return f"known: {', '.join(words)}" if len(words) <= 12 else ""


def _folded(word: str) -> str:
    """Case and separators are what people get wrong first (email_address, Email-Address)."""
    return word.lower().replace("-", "").replace("_", "").replace(" ", "")
