"""How long a rule may take. Pure: the clock is passed in.

The language cannot be interrupted; it limits its own iterations, and what it used is measured after the call. A rule that took too long is
measured again before it is blamed, because a machine that did something else looks the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from reconcile.policy.cel import Failed, Run
from reconcile.policy.rule import Rule

#: Seconds that a rule may take for one object, and on average for each of many.
ONE: Final = 0.1
EACH: Final = 0.0002


def _parts(number: int) -> Iterator[tuple[int, int]]:
    """First one, then more at a time: a rule that is always slow is found out at its first object."""
    start, size = 0, 1
    while start < number:
        yield start, start + size
        start, size = start + size, min(size * 8, 500)


class Budget:
    """What rules have used."""

    def __init__(self, clock: Callable[[], float], *, one: float = ONE, each: float = EACH) -> None:
        self._clock = clock
        self._one = one
        self._each = each
        self._spent: set[str] = set()

    def spent(self, rule: Rule) -> bool:
        """Whether it took too long before."""
        return rule.id in self._spent

    def run(self, rule: Rule, run: Run, tables: Sequence[Mapping[str, object]]) -> list[object]:
        """The answers in order; where the rule takes too long the last one is `Failed`, and there are no more."""
        answers: list[object] = []
        for start, end in _parts(len(tables)):
            part = tables[start:end]
            before = self._clock()
            answers += map(run, part)
            if self._clock() - before > self._one + self._each * len(part):
                slow = self._slowest(run, part)
                if slow is not None:
                    self._spent.add(rule.id)
                    place, seconds = slow
                    del answers[start + place :]
                    answers.append(Failed(f"it takes {seconds:.2g} s; a rule may take {self._one:g} s for an object"))
                    return answers
        return answers

    def _slowest(self, run: Run, tables: Sequence[Mapping[str, object]]) -> tuple[int, float] | None:
        """The first that takes too long every time, or the last where all together do."""
        begin = self._clock()
        for place, table in enumerate(tables):
            seconds = min(self._once(run, table) for _ in range(2))
            if seconds > self._one:
                return place, seconds
            if self._clock() - begin > 4 * (self._one + self._each * len(tables)):
                return place, (self._clock() - begin) / (2 * (place + 1))
        return None

    def _once(self, run: Run, table: Mapping[str, object]) -> float:
        before = self._clock()
        run(table)
        return self._clock() - before
