"""What conditions of the sandbox's Exchange compare."""

from __future__ import annotations

from reconcile.sandbox.ews.matching import comparable, field_type
from reconcile.sandbox.ews.node import Node


def test_binary_values_are_told_apart_by_each_letter() -> None:
    """Two search keys may differ in nothing but the case of their base64."""
    type_ = field_type(Node("t:ExtendedFieldURI", attributes={"PropertyTag": "0x300B", "PropertyType": "Binary"}))
    assert comparable("QUJD", type_) != comparable("qujd", type_)
    assert comparable("QUJD", type_) == comparable(" QUJD ", type_)


def test_texts_are_compared_without_regard_to_case() -> None:
    type_ = field_type(Node("t:ExtendedFieldURI", attributes={"PropertyTag": "0x0037", "PropertyType": "String"}))
    assert comparable("Budget", type_) == comparable("BUDGET", type_)
