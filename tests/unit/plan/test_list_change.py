"""What came and what went, whatever the order."""

from __future__ import annotations

import pytest

from reconcile.plan.list_change import list_change


@pytest.mark.parametrize(
    ("before", "after", "added", "removed"),
    [
        ((), ("a",), ("a",), ()),
        (("a",), (), (), ("a",)),
        (("a", "b"), ("b", "a"), (), ()),
        (("a", "b"), ("b", "c", "d"), ("c", "d"), ("a",)),
        (("a",), ("b",), ("b",), ("a",)),
        (("a@contoso.example",), ("b@contoso.example", "a@contoso.example"), ("b@contoso.example",), ()),
    ],
)
def test_list_change(before: tuple[str, ...], after: tuple[str, ...], added: tuple[str, ...], removed: tuple[str, ...]) -> None:
    assert list_change(before, after) == (added, removed)
