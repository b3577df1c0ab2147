"""Likeness of mails by the words of their subjects and the people they go between (Power Platform: "Use email message filtering and
correlation", smart matching).

The product does not document its hash function. Ours is the first six octets of BLAKE2b over UTF-8, personalised with what is hashed,
as a big-endian number; words are compared in NFKC with case folded, people as `comparable` writes addresses. It must never change:
hashes are kept.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Collection
from functools import lru_cache

from reconcile.sync.decide.correlation_rules import SmartMatching

#: The product's expression: words with a colon at the start, such as RE: and FW:.
USUAL_FILTER = r"^[\s]*([\w]+\s?:[\s]*)+"
#: Days that are searched.
SEARCHED_DAYS = 90
#: Characters of a subject that are looked at.
LONGEST_SUBJECT = 400
_USUAL = re.compile(USUAL_FILTER)
_WORD = re.compile(r"\w+")


def word_hashes(subject: str, smart: SmartMatching) -> tuple[int, ...]:
    """Of the first words that are left of a subject, each once, in order; empty when nothing is left."""
    text = unicodedata.normalize("NFKC", stripped(subject, smart.subject_filter)[:LONGEST_SUBJECT]).casefold()
    found = dict.fromkeys(_hash("word", word) for word in _WORD.findall(text)[: smart.maximum_hashes])
    return tuple(found)


def people_hashes(people: Collection[str], smart: SmartMatching) -> tuple[int, ...]:
    """Of addresses as `comparable` writes them, the lowest ones where there are too many: the same mail always gets the same."""
    return tuple(sorted({_hash("person", one) for one in people if one})[: smart.maximum_hashes])


def is_alike(words: Collection[int], other: Collection[int], smart: SmartMatching) -> bool:
    """Whether two subjects with these hashes are one conversation's. Empty subjects are like nothing."""
    return bool(words) and bool(other) and len({*words} ^ {*other}) <= smart.subject_difference


def stripped(subject: str, subject_filter: str) -> str:
    """Without what `subject_filter` matches (None of it: the product's expression)."""
    bounded = subject[:LONGEST_SUBJECT]
    if subject_filter in ("", USUAL_FILTER):
        # The colon ends each repetition, so this one cannot run wild in an engine that goes back.
        return _USUAL.sub("", bounded)
    return _compiled(subject_filter).sub("", bounded)


def filter_problem(subject_filter: str) -> str:
    """What is wrong with a declared expression; "" for nothing."""
    try:
        stripped("", subject_filter)
    except ValueError as error:
        return str(error)
    return ""


@lru_cache(maxsize=4)
def _compiled(expression: str) -> re.Pattern[str]:
    return re.compile(expression)


@lru_cache(maxsize=20_000)
def _hash(kind: str, text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=6, person=kind.encode()).digest(), "big")
