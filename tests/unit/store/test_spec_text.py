"""Specs as the text of a column: what is written is read back, lists as tuples, and not before somebody looks."""

from __future__ import annotations

import json

import pytest

from reconcile.model.canonical import Leaf
from reconcile.store.sqlite.spec_text import UnreadSpec, from_text, to_text

SPECS: list[dict[str, Leaf]] = [
    {},
    {"displayName": "Verkauf [Süd]", "incoming.port": 993, "state": None, "useImpersonation": True},
    {"allowedRecipients": ("@contoso.example", "a@contoso.example"), "folders": ()},
]


@pytest.mark.parametrize("spec", SPECS)
def test_what_is_written_is_read_back(spec: dict[str, Leaf]) -> None:
    assert from_text(to_text(spec)) == spec
    assert dict(UnreadSpec(to_text(spec))) == spec


def test_nothing_is_parsed_before_somebody_looks() -> None:
    unread = UnreadSpec("this is no JSON")
    with pytest.raises(json.JSONDecodeError):
        len(unread)
