"""The canonical form of a spec: the one form that diff, digest, inventory and targets use.

A spec becomes a flat mapping from dotted path ("incoming.port") to leaf. Leaves are str, int, bool, None or a tuple of
str. Omitted fields are absent (unmanaged on update, default on create); an explicit `null` is None and means "clear".
Instants are UTC text with a trailing Z ("2026-01-01T00:00:00Z"), durations normalised text in the largest unit that divides
them ("5m", "90s", "1500ms"). `CANONICAL_VERSION` rises when any of this changes, because
digests and stored inventories depend on it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import TypeAlias

CANONICAL_VERSION = 1

#: Made once: `json.dumps` would make one for each of ten thousand.
_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False)

Leaf: TypeAlias = str | int | bool | tuple[str, ...] | None
Spec: TypeAlias = Mapping[str, Leaf]


def flatten(tree: Mapping[str, object], prefix: str = "") -> dict[str, Leaf]:
    """Nested mappings to dotted paths, sorted. Lists become tuples of str; an empty mapping vanishes."""
    flat: dict[str, Leaf] = {}
    _flatten_into(flat, tree, prefix)
    return dict(sorted(flat.items()))


def _flatten_into(flat: dict[str, Leaf], tree: Mapping[str, object], prefix: str) -> None:
    for name, value in tree.items():
        path = f"{prefix}{name}"
        if isinstance(value, Mapping):
            _flatten_into(flat, value, f"{path}.")
        elif isinstance(value, (list, tuple)):
            flat[path] = tuple(str(item) for item in value)
        elif value is None or isinstance(value, (str, int, bool)):
            flat[path] = value
        else:
            raise TypeError(f"no canonical form for {type(value).__name__} at {path}")


def unflatten(spec: Spec, maps: tuple[str, ...] = ()) -> dict[str, object]:
    """Dotted paths back to nested mappings (tuples to lists). What follows one of `maps` ("selector.labels.") is one name, dots and all."""
    tree: dict[str, object] = {}
    for path, leaf in spec.items():
        node = tree
        *parents, last = path.split(".")
        if prefix := next((prefix for prefix in maps if path.startswith(prefix)), ""):
            parents, last = prefix[:-1].split("."), path.removeprefix(prefix)
        for name in parents:
            child = node.setdefault(name, {})
            if not isinstance(child, dict):
                raise TypeError(f"{path} runs through a leaf")
            node = child
        node[last] = list(leaf) if isinstance(leaf, tuple) else leaf
    return tree


def same(left: Leaf, right: Leaf) -> bool:
    """Equality that tells True from 1."""
    return type(left) is type(right) and left == right


def equal(desired: Spec, observed: Spec) -> bool:
    """Whether a target that shows `observed` already has all that is declared (None equals absent)."""
    return all(same(leaf, observed.get(path)) for path, leaf in desired.items())


def digest(spec: Spec) -> str:
    """SHA-256 over the canonical form, hexadecimal, 64 characters. Cleared fields count as absent."""
    kept = {path: leaf for path, leaf in spec.items() if leaf is not None}
    text = _ENCODER.encode([CANONICAL_VERSION, kept])
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def only(spec: Spec, paths: Iterable[str]) -> dict[str, Leaf]:
    """The named fields of a spec."""
    return {path: spec[path] for path in paths if path in spec}
