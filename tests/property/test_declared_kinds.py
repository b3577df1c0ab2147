"""What holds for every document: one canonical form, two schema engines of one mind, columns there and back."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import jsonschema
import jsonschema_rs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from reconcile.desired.schema import json_schema, json_schema_for
from reconcile.model import columns, kinds
from reconcile.model.canonical import Leaf, unflatten
from reconcile.model.columns import FieldRole
from reconcile.model.key import KINDS
from support.declared import documents, spoilt

MODERATE = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
ANY_KIND = st.sampled_from(KINDS)


@lru_cache(maxsize=16)
def _engines(kind: str | None, variables: bool) -> tuple[Any, Any]:
    schema = json_schema(variables=variables) if kind is None else json_schema_for(kind, variables=variables)
    return jsonschema.Draft202012Validator(schema), jsonschema_rs.Draft202012Validator(schema)


@MODERATE
@given(document=ANY_KIND.flatmap(documents))
def test_the_canonical_form_is_its_own_canonical_form(document: dict[str, Any]) -> None:
    kind = document["kind"]
    canonical = kinds.canonical(kinds.decode(kind, document, time_zone="Europe/Berlin"))
    assert list(canonical) == sorted(canonical)
    again = {**document, "spec": unflatten({path: leaf for path, leaf in canonical.items() if leaf is not None})}
    assert kinds.canonical(kinds.decode(kind, again, time_zone="UTC")) == {
        path: leaf for path, leaf in canonical.items() if leaf is not None
    }


@MODERATE
@given(document=ANY_KIND.flatmap(documents))
def test_typed_takes_every_canonical_form_and_every_default(document: dict[str, Any]) -> None:
    kind = document["kind"]
    canonical = kinds.canonical(kinds.decode(kind, document, time_zone="UTC"))
    full = {**kinds.defaults(kind, canonical), **canonical}
    assert kinds.typed(kind, canonical) == kinds.typed(kind, full)


@MODERATE
@given(document=ANY_KIND.flatmap(documents))
def test_schemas_accept_what_decodes(document: dict[str, Any]) -> None:
    for variables in (True, False):
        for kind in (document["kind"], None):
            reference, fast = _engines(kind, variables)
            assert reference.is_valid(document)
            assert fast.is_valid(document)


@settings(MODERATE, max_examples=300)
@given(document=ANY_KIND.flatmap(spoilt), variables=st.booleans())
def test_both_engines_are_of_one_mind(document: dict[str, Any], variables: bool) -> None:
    for kind in (None, *KINDS):
        reference, fast = _engines(kind, variables)
        assert reference.is_valid(document) == fast.is_valid(document)


@settings(MODERATE, max_examples=300)
@given(document=ANY_KIND.flatmap(spoilt))
def test_what_the_schema_refuses_does_not_decode(document: dict[str, Any]) -> None:
    """The other way round may differ: dates of the calendar, ranges of durations and combinations are for the models."""
    kind = document.get("kind") if document.get("kind") in KINDS else "Mailbox"
    reference, _ = _engines(kind, False)
    if not reference.is_valid(document):
        with pytest.raises(ValidationError):
            kinds.decode(kind, document, time_zone="UTC")


def _held_by_columns(kind: str, spec: Mapping[str, Leaf]) -> dict[str, Leaf]:
    """What comes back from the columns: no facts and secrets, and of the kinds of TLS what the port tells."""
    held = {path: leaf for path, leaf in spec.items() if (column := columns.by_path(kind).get(path)) and column.role is FieldRole.DESIRED}
    for direction in ("incoming", "outgoing"):
        if held.get(f"{direction}.tls") in ("implicit", "starttls"):
            upgraded = held.get(f"{direction}.port") in (25, 110, 143, 587)
            held[f"{direction}.tls"] = "starttls" if upgraded else "implicit"
    return held


@MODERATE
@given(document=st.sampled_from([kind for kind in KINDS if kind != "Environment"]).flatmap(documents))
def test_columns_there_and_back(document: dict[str, Any]) -> None:
    kind = document["kind"]
    spec = kinds.canonical(kinds.decode(kind, document, time_zone="UTC"))
    back = columns.from_columns(kind, columns.to_columns(kind, spec))
    protocols = {path: back.pop(path) for path in ("incoming.protocol", "outgoing.protocol") if path in back}
    assert back == _held_by_columns(kind, spec)
    for path, protocol in protocols.items():
        assert spec.get(path) in (None, protocol)
