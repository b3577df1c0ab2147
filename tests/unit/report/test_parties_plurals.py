"""Counts of the directory in words."""

from __future__ import annotations

from reconcile.report.parties_text import page_text


def test_each_type_is_counted_in_its_number() -> None:
    shown = page_text((), {"contact": 3, "user": 1, "equipment": 2, "other": 2}, more=False)
    assert "8 rows in the directory: 3 contacts, 1 user, 2 equipment, 2 others" in shown
