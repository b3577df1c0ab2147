"""Addresses that read the same: a skeleton in which letters that look alike are one. Pure.

A small table of the confusables of Unicode Technical Standard 39 ("Unicode Security Mechanisms", 2024) that fonts of mail programs hardly
tell apart; accents and wide forms fall away by normalisation.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import Final

from reconcile.model.mail_address import readable

_ALIKE: Final = str.maketrans(
    {
        **dict(zip("асеорхуіјѕԁһԛԝвкмнтгпьѐ", "aceopxyijsdhqwbkmhtrnbe", strict=True)),  # Cyrillic
        **dict(zip("αοενρτυκιχβγη", "aoevptukixbyn", strict=True)),  # Greek
        "0": "o",
        "ı": "i",
        "ł": "l",
        "ø": "o",
        "đ": "d",
        "|": "l",
        "i": "l",
        "1": "l",
    }
)
_PAIRS: Final = (("rn", "m"), ("vv", "w"), ("cl", "d"))


def skeletons(addresses: Sequence[str]) -> list[str]:
    """Of each address as people read it; none has a line break. Two with one skeleton look alike; the domain's dots stay."""
    letters = "\n".join(map(readable, addresses)).casefold()
    if not letters.isascii():
        plain = unicodedata.normalize("NFKD", letters).translate(_ALIKE)
        letters = "".join(char for char in plain if not unicodedata.combining(char))
    letters = letters.translate(_ALIKE)
    for pair, one in _PAIRS:
        letters = letters.replace(pair, one)
    return letters.split("\n")
