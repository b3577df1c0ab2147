"""Specs as the text of one column. Paths are interned while reading: ten thousand rows share a few dozen of them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import cast

import orjson

from reconcile.model.canonical import Leaf, Spec


def to_text(spec: Spec) -> str:
    """Compact JSON."""
    return json.dumps(dict(spec), ensure_ascii=False, separators=(",", ":"))


def from_text(text: str) -> dict[str, Leaf]:
    """Lists become tuples again."""
    spec = orjson.loads(text)
    if "[" in text:
        for path, leaf in spec.items():
            if type(leaf) is list:
                spec[path] = tuple(leaf)
    return cast("dict[str, Leaf]", spec)


class UnreadSpec(Mapping[str, Leaf]):
    """A spec that is parsed when somebody looks into it. Of the inventory of a large estate few entries are: those that differ."""

    __slots__ = ("_spec", "_text")

    def __init__(self, text: str) -> None:
        self._text = text
        self._spec: dict[str, Leaf] | None = None

    def _read(self) -> dict[str, Leaf]:
        if self._spec is None:
            self._spec = from_text(self._text)
        return self._spec

    def __getitem__(self, path: str) -> Leaf:
        return self._read()[path]

    def __iter__(self) -> Iterator[str]:
        return iter(self._read())

    def __len__(self) -> int:
        return len(self._read())

    def __repr__(self) -> str:
        return repr(self._read())


def words_to_text(words: Mapping[str, str]) -> str:
    """For origins."""
    return json.dumps(dict(words), ensure_ascii=False, separators=(",", ":"))


def words_from_text(text: str) -> dict[str, str]:
    """Inverse of `words_to_text`."""
    words: dict[str, str] = orjson.loads(text)
    return words
