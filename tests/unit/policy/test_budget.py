"""The time a rule may take: measured after the call, in parts, and a second time before anybody is blamed."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

from reconcile.policy.budget import Budget
from reconcile.policy.cel import Failed
from support.judging import rule


class _Time:
    """Passes only while a rule runs."""

    def __init__(self, seconds: Callable[[int, int], float]) -> None:
        self.now = 0.0
        self.calls: list[int] = []
        self._seconds = seconds

    def clock(self) -> float:
        return self.now

    def run(self, table: Mapping[str, object]) -> object:
        number = table["number"]
        assert isinstance(number, int)
        self.now += self._seconds(number, self.calls.count(number))
        self.calls.append(number)
        return True


_TABLES = [{"number": number} for number in range(2_000)]
_RULE = rule("true")


def _ran(seconds: Callable[[int, int], float]) -> tuple[_Time, Budget, list[object]]:
    time = _Time(seconds)
    budget = Budget(time.clock)
    return time, budget, budget.run(_RULE, time.run, _TABLES)


def test_a_rule_within_its_time_answers_everything_once() -> None:
    time, budget, answers = _ran(lambda number, again: 0.0001)
    assert answers == [True] * len(_TABLES)
    assert time.calls == list(range(len(_TABLES)))
    assert not budget.spent(_RULE)


def test_a_rule_that_is_always_slow_is_found_out_at_its_first_object() -> None:
    time, budget, answers = _ran(lambda number, again: 1.0)
    (failed,) = answers
    assert isinstance(failed, Failed)
    assert "it takes 1 s; a rule may take 0.1 s for an object" in failed.why
    assert time.calls == [0, 0, 0]
    assert budget.spent(_RULE)


def test_the_object_that_takes_too_long_is_named() -> None:
    _, budget, answers = _ran(lambda number, again: 0.5 if number == 700 else 0.0)
    assert answers[:-1] == [True] * 700
    assert isinstance(answers[-1], Failed)
    assert budget.spent(_RULE)


@pytest.mark.parametrize("slow", [0, 3, 700])
def test_a_machine_that_stood_still_once_is_not_the_rules_fault(slow: int) -> None:
    _, budget, answers = _ran(lambda number, again: 5.0 if number == slow and not again else 0.0)
    assert answers == [True] * len(_TABLES)
    assert not budget.spent(_RULE)


def test_a_rule_that_is_a_little_slow_for_very_many_is_stopped() -> None:
    _, budget, answers = _ran(lambda number, again: 0.05)
    assert isinstance(answers[-1], Failed)
    assert len(answers) < 100
    assert budget.spent(_RULE)
