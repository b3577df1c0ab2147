"""The digest of a plan: target, keys, from, to. Not commit, author, time or counts, so that equal plans have equal digests."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import assert_never

from reconcile.model.canonical import CANONICAL_VERSION, Leaf, Spec
from reconcile.model.change import Adopt, Change, Command, Create, Delete, FieldChange, Forget, Keep, Update


def digest(target: str, organization_id: str | None, changes: Iterable[Change]) -> str:
    """SHA-256, hexadecimal, 64 characters; independent of the order of the changes."""
    items = sorted((_item(change) for change in changes), key=lambda item: json.dumps(item, sort_keys=True))
    text = json.dumps([CANONICAL_VERSION, target, organization_id, items], sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _item(change: Change) -> list[object]:
    match change:
        case Create():
            return ["create", str(change.key), _leaves(change.spec), *_keep(change.keep)]
        case Adopt():
            return ["adopt", str(change.key), change.external_id, _fields(change.fields), *_keep(change.keep)]
        case Update():
            rotated = [[secret.path, secret.reference, secret.before, secret.after] for secret in change.rotated]
            more = [rotated, _fields(change.records), change.orphan]
            return ["update", str(change.key), change.external_id, str(change.previous or ""), _fields(change.fields), *more]
        case Delete():
            return ["delete", str(change.key), change.external_id, _leaves(change.before)]
        case Forget():
            return ["forget", str(change.key), change.external_id, _leaves(change.before)]
        case Command():
            return ["command", str(change.key), change.external_id, change.verb, _leaves(change.arguments)]
    assert_never(change)


def _keep(keep: Keep) -> list[object]:
    return [None if keep.on_removal is None else keep.on_removal.value, keep.protected]


def _fields(fields: tuple[FieldChange, ...]) -> list[list[object]]:
    return [[field.path, _leaf(field.before), _leaf(field.after)] for field in fields]


def _leaves(spec: Spec) -> list[list[object]]:
    return [[path, _leaf(leaf)] for path, leaf in sorted(spec.items())]


def _leaf(leaf: Leaf) -> object:
    return list(leaf) if isinstance(leaf, tuple) else leaf
