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

from reconcile.model.subject_filter import without_noise
from reconcile.sync.decide.correlation_rules import SmartMatching

#: Days that are searched.
SEARCHED_DAYS = 90
_WORD = re.compile(r"\w+")


def word_hashes(subject: str, smart: SmartMatching) -> tuple[int, ...]:
    """Of the first words that are left of a subject, each once, in order; empty when nothing is left."""
    text = unicodedata.normalize("NFKC", without_noise(subject, smart.subject_filter)).casefold()
    found = dict.fromkeys(_hash("word", word) for word in _WORD.findall(text)[: smart.maximum_hashes])
    return tuple(found)


def people_hashes(people: Collection[str], smart: SmartMatching) -> tuple[int, ...]:
    """Of addresses as `comparable` writes them, the lowest ones where there are too many: the same mail always gets the same."""
    return tuple(sorted({_hash("person", one) for one in people if one})[: smart.maximum_hashes])


def likeness_keys(words: Collection[int], people: Collection[int], smart: SmartMatching) -> tuple[int, ...]:
    """Under what a mail is found: a person with all the words, so that those who write much are no longer lists than others. Where
    subjects may differ, a person alone."""
    if not words:
        return ()
    if smart.subject_difference:
        return tuple(people)
    joined = " ".join(map(str, sorted(words)))
    return tuple(_number("likeness", f"{person} {joined}") for person in people)


def is_alike(words: Collection[int], other: Collection[int], smart: SmartMatching) -> bool:
    """Whether two subjects with these hashes are one conversation's. Empty subjects are like nothing."""
    return bool(words) and bool(other) and len({*words} ^ {*other}) <= smart.subject_difference


@lru_cache(maxsize=20_000)
def _hash(kind: str, text: str) -> int:
    return _number(kind, text)


def _number(kind: str, text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=6, person=kind.encode()).digest(), "big")
