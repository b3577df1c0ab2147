"""The order of SRV records (RFC 2782)."""

from __future__ import annotations

import random
from collections import Counter

from reconcile.mail.autodiscover.service_records import ServiceRecord, in_order


def record(target: str, priority: int, weight: int = 0) -> ServiceRecord:
    return ServiceRecord(priority=priority, weight=weight, port=443, target=target)


def test_the_lowest_priority_goes_first() -> None:
    records = [record("c", 100, 100), record("a", 0), record("b", 10, 65535)]
    assert [each.target for each in in_order(records, lambda: 0.5)] == ["a", "b", "c"]


def test_weight_is_a_share_of_the_lots() -> None:
    records, lots = [record("heavy", 1, 75), record("light", 1, 25), record("never", 1, 0)], random.Random(7)
    first = Counter(next(in_order(records, lots.random)).target for _ in range(4000))
    assert 0.72 < first["heavy"] / 4000 < 0.78
    assert 0.22 < first["light"] / 4000 < 0.28
    assert first["never"] < 20


def test_each_is_taken_once_whatever_the_lot() -> None:
    records = [record(name, priority, weight) for name, priority, weight in (("a", 1, 0), ("b", 1, 0), ("c", 1, 9), ("d", 2, 1))]
    for lot in (0.0, 0.3, 0.999999):
        assert sorted(each.target for each in in_order(records, lambda lot=lot: lot)) == ["a", "b", "c", "d"]  # type: ignore[misc]
    assert list(in_order([], lambda: 0.0)) == []
