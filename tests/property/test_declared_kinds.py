"""What holds for every document: one canonical form, two schema engines of one mind, columns there and back."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import jsonschema
import jsonschema_rs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from reconcile.desired.schema import json_schema, json_schema_for
from reconcile.model import columns, instant, kinds
from reconcile.model.canonical import Leaf, unflatten
from reconcile.model.columns import FieldRole
from reconcile.model.key import APPLIED_KINDS, KINDS
from support.declared import documents, spoilt

MODERATE = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
#: Days on which clocks somewhere were changed: by an hour, by half an hour, at midnight, by a whole day.
CLOCK_CHANGES = ("2026-03-29", "2026-10-25", "2018-11-04", "2018-02-18", "2026-04-05", "2026-10-04", "2011-12-30", "1986-01-01")
ANY_KIND = st.sampled_from(KINDS)


@lru_cache(maxsize=16)
def _engines(kind: str | None, variables: bool) -> tuple[Any, Any]:
    schema = json_schema(variables=variables) if kind is None else json_schema_for(kind, variables=variables)
    return jsonschema.Draft202012Validator(schema), jsonschema_rs.Draft202012Validator(schema)


@MODERATE
@given(document=st.sampled_from(APPLIED_KINDS).flatmap(documents))
def test_the_canonical_form_is_its_own_canonical_form(document: dict[str, Any]) -> None:
    """Of what is kept: a list of mailboxes or an assignment is never stored in this form."""
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


@settings(MODERATE, max_examples=300)
@given(
    change=st.sampled_from(CLOCK_CHANGES),
    place=st.sampled_from(["Europe/Berlin", "America/Sao_Paulo", "Australia/Lord_Howe", "Asia/Kathmandu", "Pacific/Apia", "UTC"]),
    minutes=st.integers(-3000, 3000),
)
def test_a_local_time_is_taken_at_its_word_or_refused(change: str, place: str, minutes: int) -> None:
    moment = datetime.fromisoformat(change) + timedelta(minutes=minutes)
    written = moment.isoformat()
    zone = ZoneInfo(place)
    readings = {
        reading.astimezone(UTC)
        for fold in (0, 1)
        if (reading := moment.replace(tzinfo=zone, fold=fold)).astimezone(UTC).astimezone(zone).replace(tzinfo=None) == moment
    }
    if len(readings) == 1:
        assert {instant.parse(written, place)} == readings
    else:
        with pytest.raises(ValueError, match=r"does not exist|happens twice"):
            instant.parse(written, place)
