"""A server that fails, is left alone, tried, and comes back at a rate."""

from __future__ import annotations

from dataclasses import replace

from reconcile.sync.decide.circuit import (
    CLOSED,
    FAILURES,
    PAUSES,
    Circuit,
    admits,
    after_failure,
    after_neither,
    after_request,
    after_success,
    started,
)


def broken(circuit: Circuit = CLOSED, *, now: float = 0.0) -> Circuit:
    for _ in range(FAILURES):
        circuit = after_failure(circuit, now=now)
    return circuit


def test_it_opens_after_failures_in_a_row_and_no_sooner() -> None:
    circuit = CLOSED
    for _ in range(FAILURES - 1):
        circuit = after_failure(circuit, now=0)
        assert not circuit.is_open
        assert admits(circuit, running=100, now=0)
    assert after_failure(circuit, now=0).is_open
    assert not after_failure(after_success(circuit, full=8), now=0).is_open


def test_one_tries_after_the_pause_which_doubles_up_to_its_end() -> None:
    circuit, now, pauses = broken(), 0.0, []
    for _ in range(8):
        assert circuit.until is not None
        assert not admits(circuit, running=0, now=circuit.until - 0.1)
        pauses.append(circuit.until - now)
        now = circuit.until
        assert admits(circuit, running=0, now=now)
        circuit = started(circuit)
        assert not admits(circuit, running=1, now=now)
        circuit = after_failure(circuit, now=now)
    assert pauses == [30, 60, 120, 240, 480, 900, 900, 900]
    assert PAUSES == (30, 900)


def test_those_that_began_before_prolong_nothing() -> None:
    circuit = broken()
    late = after_failure(circuit, now=20)
    assert (late.until, late.pause) == (circuit.until, circuit.pause)


def test_it_comes_back_at_a_rate() -> None:
    circuit = after_success(started(broken()), full=8)
    widths = []
    for _ in range(8):
        widths.append(circuit.width)
        if circuit.width is not None:
            assert admits(circuit, running=circuit.width - 1, now=100)
            assert not admits(circuit, running=circuit.width, now=100)
        circuit = after_success(circuit, full=8)
    assert widths == [1, 2, 3, 4, 5, 6, 7, None]
    assert circuit == CLOSED


def test_a_failure_on_the_way_back_opens_it_at_once_and_for_longer() -> None:
    circuit = after_success(started(broken()), full=8)
    again = after_failure(after_success(circuit, full=8), now=200)
    assert (again.until, again.pause) == (260, 60)


def test_what_says_nothing_lets_the_next_one_try() -> None:
    trying = started(broken())
    assert not admits(trying, running=1, now=40)
    assert admits(after_neither(trying, now=40), running=0, now=40)
    assert after_neither(CLOSED, now=40) is CLOSED


def test_a_server_that_asks_for_a_pause_gets_it_whatever_else_happens() -> None:
    held = after_request(CLOSED, seconds=600, now=0)
    assert not admits(held, running=0, now=599)
    assert not admits(after_success(held, full=8), running=0, now=599)
    assert not admits(after_request(held, seconds=1, now=0), running=0, now=599)
    assert admits(held, running=0, now=600)
    assert replace(held, held=0.0) == CLOSED
