"""A target that asks for pauses: everybody waits, and in the end everything is applied."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest

from reconcile.apply.budget import LONGEST_PAUSE, TRIES, Budget
from reconcile.errors import PermanentError, Throttled
from reconcile.model.outcome import Applied, Failed
from reconcile.store.memory.configuration import MemoryConfiguration
from reconcile.targets.memory import Crash, Faults, MemoryTarget
from support.applied import StillClock
from support.applying import Bench
from support.specs import estate, mailbox, profile


class Asked:
    """What is called: asks for those pauses first."""

    def __init__(self, *pauses: float) -> None:
        self.pauses = [*pauses]
        self.calls = 0

    def __call__(self) -> str:
        self.calls += 1
        if self.pauses:
            raise Throttled("busy", retry_after=self.pauses.pop(0))
        return "done"


def test_each_pause_is_waited_for() -> None:
    clock, asked = StillClock(), Asked(3, 0, 7)
    assert Budget(clock, 4).spend(asked) == "done"
    assert (clock.slept, asked.calls) == ([3, 7], 4)


def test_tries_are_bounded() -> None:
    clock, asked = StillClock(), Asked(*[1.0] * 99)
    with pytest.raises(Throttled):
        Budget(clock, 1).spend(asked)
    assert asked.calls == TRIES
    assert len(clock.slept) == TRIES - 1


def test_a_pause_that_is_too_long_is_not_waited_for() -> None:
    clock, asked = StillClock(), Asked(LONGEST_PAUSE + 1)
    with pytest.raises(Throttled):
        Budget(clock, 1).spend(asked)
    assert (clock.slept, asked.calls) == ([], 1)


class Stopped(StillClock):
    """Every sleep is cut short, as when the process is asked to end."""

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


def test_a_process_that_is_asked_to_end_waits_no_longer() -> None:
    clock, asked = Stopped(), Asked(60)
    with pytest.raises(Throttled, match="stopped"):
        Budget(clock, 1).spend(asked)
    assert (clock.slept, asked.calls) == ([60], 1)


def test_other_errors_go_through_and_give_the_room_back() -> None:
    budget = Budget(StillClock(), 1)

    def broken() -> str:
        raise PermanentError("no")

    for _ in range(3):
        with pytest.raises(PermanentError):
            budget.spend(broken)
    assert budget.spend(Asked()) == "done"


def test_a_pause_halves_the_writes_at_the_same_time_and_success_raises_them_again() -> None:
    budget = Budget(StillClock(), 8)
    inside, guard, most = [0], threading.Lock(), [0]

    def write() -> None:
        with guard:
            inside[0] += 1
            most[0] = max(most[0], inside[0])
        time.sleep(0.002)
        with guard:
            inside[0] -= 1

    def round_of(writes: int) -> int:
        most[0] = 0
        with ThreadPoolExecutor(8) as pool:
            for future in [pool.submit(budget.spend, write) for _ in range(writes)]:
                future.result()
        return most[0]

    assert round_of(40) == 8
    budget.spend(Asked(1, 1))
    assert round_of(14) == 2
    assert 2 < round_of(60) <= 8
    round_of(100)
    assert round_of(40) == 8


@dataclass
class Server:
    """Takes `burst` writes, then wants to be left alone for `pause` seconds of its clock; counts who came all the same."""

    clock: StillClock
    burst: int = 5
    pause: float = 30.0
    taken: int = 0
    until: float = 0.0
    too_early: int = 0
    guard: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self) -> float:
        with self.guard:
            now = self.clock.monotonic()
            if now < self.until:
                self.too_early += 1
                return self.until - now
            if self.taken == self.burst:
                self.taken, self.until = 0, now + self.pause
                return self.pause
            self.taken += 1
            return 0.0


@pytest.mark.parametrize("parallel", [1, 8])
def test_a_target_that_throttles_ends_applied_and_not_partly(parallel: int) -> None:
    clock = StillClock()
    server = Server(clock)
    target = MemoryTarget(faults=Faults(pause=server), parallel_writes=parallel)
    bench = Bench(writer=target, store=MemoryConfiguration(), clock=clock)  # type: ignore[arg-type]
    specs = {f"Mailbox/m{number}": mailbox(f"m{number}@contoso.example") for number in range(60)}
    report = bench.apply(estate({"EmailServerProfile/contoso": profile(), **specs}))
    assert all(isinstance(outcome, Applied) for outcome in report.outcomes)
    assert report.code == 0
    assert target.writes == 61
    # 61 writes in fives: twelve pauses, each waited for once and not once per writer.
    assert 12 * 30 <= (clock.at - StillClock().at).total_seconds() <= 13 * 30
    assert server.too_early <= 12 * parallel
    assert bench.store.open_intents() == []


def test_a_target_that_never_stops_asking_fails_what_may_work_later() -> None:
    target = MemoryTarget(faults=Faults(pause=lambda: 5.0))
    bench = Bench(writer=target, store=MemoryConfiguration(), clock=StillClock())  # type: ignore[arg-type]
    report = bench.apply(estate({"EmailServerProfile/contoso": profile()}))
    assert [type(outcome) for outcome in report.outcomes] == [Failed]
    assert report.outcomes[0].retryable  # type: ignore[union-attr]
    target.faults = Faults()
    assert bench.apply(estate({"EmailServerProfile/contoso": profile()})).code == 0


@pytest.mark.parametrize("crash", range(0, 30, 3))
@pytest.mark.parametrize("where", ["crash_before_effect", "crash_after_effect"])
def test_a_throttling_target_and_a_crash_at_any_write(where: str, crash: int) -> None:
    clock = StillClock()
    target = MemoryTarget(faults=Faults(pause=Server(clock), **{where: crash}), parallel_writes=4, chooses_id=False)  # type: ignore[arg-type]
    bench = Bench(writer=target, store=MemoryConfiguration(), clock=clock)  # type: ignore[arg-type]
    desired = estate(
        {"EmailServerProfile/contoso": profile(), **{f"Mailbox/m{number}": mailbox(f"m{number}@contoso.example") for number in range(29)}}
    )
    with pytest.raises(Crash):
        bench.apply(desired)
    target.faults = Faults(pause=Server(clock))
    report = bench.apply(desired)
    assert report.code == 0
    assert len(target.rows) == 30
    assert len(bench.store.entries()) == 30
    created = [record.key for record in bench.store.trail() if record.result == "applied"]
    assert len(created) == len(set(created)) == 30
    assert bench.store.verified().broken == ""
