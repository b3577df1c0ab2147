"""Specs as the text of one column. Paths are interned while reading: ten thousand rows share a few dozen of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import cast

import orjson

from reconcile.model.canonical import Leaf, Spec


def to_text(spec: Spec) -> str:
    """Compact JSON."""
    return json.dumps(dict(spec), ensure_ascii=False, separators=(",", ":"))


def from_text(text: str) -> dict[str, Leaf]:
    """Lists become tuples again."""
    spec = orjson.loads(text)
    for path, leaf in spec.items():
        if type(leaf) is list:
            spec[path] = tuple(leaf)
    return cast("dict[str, Leaf]", spec)


def words_to_text(words: Mapping[str, str]) -> str:
    """For origins."""
    return json.dumps(dict(words), ensure_ascii=False, separators=(",", ":"))


def words_from_text(text: str) -> dict[str, str]:
    """Inverse of `words_to_text`."""
    words: dict[str, str] = orjson.loads(text)
    return words
