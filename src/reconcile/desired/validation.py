"""JSON Schema: a fast engine says yes or no, the reference explains the no, and the words are ours.

`jsonschema-rs` is some sixty times faster than `jsonschema`; where it cannot be imported the reference does both. A test
holds them to the same verdicts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

from reconcile.desired.schema import json_schema_for
from reconcile.desired.wording import Fault, word
from reconcile.desired.yaml import Value


def faults(kind: str, document: Value) -> list[Fault]:
    """What the schema of the kind says against a document; empty when nothing. Variables must be put in already."""
    if accepts(kind)(document):
        return []
    found = list(explained(kind, document))
    return found or [Fault((), False, "schema/other", "the document does not fit the schema", "compare it with `reconcile schema`")]


def explained(kind: str, document: Value) -> Iterator[Fault]:
    """The reference's errors, worded, without repetitions."""
    seen: set[Fault] = set()
    for error in reference(kind).iter_errors(document):
        for fault in word(error):
            if fault not in seen:
                seen.add(fault)
                yield fault


@lru_cache(maxsize=16)
def reference(kind: str) -> Any:
    """The reference validator of a kind."""
    # Imported here: a clean estate never needs it, and it takes 90 ms.
    import jsonschema

    return jsonschema.Draft202012Validator(json_schema_for(kind, variables=False))


@lru_cache(maxsize=16)
def accepts(kind: str) -> Callable[[object], bool]:
    """The quickest test there is for a kind."""
    try:
        import jsonschema_rs
    except ImportError:
        validator = reference(kind)
        return lambda document: bool(validator.is_valid(document))
    return jsonschema_rs.Draft202012Validator(json_schema_for(kind, variables=False)).is_valid
