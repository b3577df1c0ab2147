"""Threads on one CPU while the process computes."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from reconcile.sync.one_cpu import BUSY, FREE, SPELL, LinuxThreads, OneCpu


class Machine:
    """A clock, how much this process has computed by it, and what was asked of its threads."""

    def __init__(self) -> None:
        self.at = 100.0
        self.used = 5.0
        self.asked: list[str] = []

    def passes(self, seconds: float, *, share: float) -> None:
        self.at += seconds
        self.used += seconds * share

    def keep(self) -> None:
        self.asked.append("keep")

    def join(self) -> None:
        self.asked.append("join")

    def free(self) -> None:
        self.asked.append("free")

    def one_cpu(self) -> OneCpu:
        return OneCpu(threads=self, clock=lambda: self.at, used=lambda: self.used)

    def told(self) -> list[str]:
        asked, self.asked = self.asked, []
        return asked


def test_who_begins_to_look_is_kept_and_each_thread_joins_once() -> None:
    machine = Machine()
    made = machine.one_cpu()
    made.settle()
    made.settle()
    assert machine.told() == ["keep", "join"]
    thread = threading.Thread(target=lambda: [made.settle(), made.settle()])
    thread.start()
    thread.join()
    assert machine.told() == ["join"]


def test_after_a_spell_the_kernel_places_them_anew() -> None:
    machine = Machine()
    made = machine.one_cpu()
    made.settle()
    machine.told()
    for _ in range(3):
        machine.passes(SPELL * 0.9, share=1.0)
        made.settle()
        assert machine.told() == []
        machine.passes(SPELL * 0.2, share=1.0)
        made.settle()
        assert machine.told() == ["free"]
        machine.passes(FREE * 0.9, share=1.0)
        made.settle()
        assert machine.told() == []
        machine.passes(FREE * 0.2, share=BUSY + 0.1)
        made.settle()
        assert machine.told() == ["keep"]


def test_a_process_that_waits_stays_free_until_it_computes() -> None:
    machine = Machine()
    made = machine.one_cpu()
    made.settle()
    machine.passes(SPELL * 1.1, share=0.1)
    made.settle()
    assert machine.told() == ["keep", "join", "free"]
    for _ in range(20):
        machine.passes(FREE * 1.1, share=BUSY - 0.1)
        made.settle()
    # What it waited for long ago says nothing about now.
    assert machine.told() == []
    machine.passes(FREE * 1.1, share=BUSY + 0.1)
    made.settle()
    assert machine.told() == ["keep"]


def test_once_closed_nobody_is_kept_any_more() -> None:
    machine = Machine()
    with machine.one_cpu() as made:
        made.settle()
    machine.passes(10 * SPELL, share=1.0)
    made.settle()
    assert machine.told() == ["keep", "join", "free"]


@contextmanager
def waiting_thread() -> Iterator[int]:
    """The number of a thread that does nothing."""
    ended = threading.Event()
    thread = threading.Thread(target=ended.wait)
    thread.start()
    try:
        assert thread.native_id is not None
        yield thread.native_id
    finally:
        ended.set()
        thread.join()


def in_a_thread(*steps: object) -> None:
    failures: list[BaseException] = []

    def work() -> None:
        try:
            for step in steps:
                step()  # type: ignore[operator]
        except BaseException as error:  # noqa: BLE001  raised again below
            failures.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    if failures:
        raise failures[0]


def test_threads_of_this_process_but_the_main_one_are_moved_and_freed() -> None:
    allowed = os.sched_getaffinity(os.getpid())
    threads = LinuxThreads.here()
    if len(allowed) == 1:
        assert threads is None
        return
    assert threads is not None
    with waiting_thread() as other:

        def kept() -> None:
            mine = os.sched_getaffinity(0)
            assert len(mine) == 1
            assert mine == os.sched_getaffinity(other)
            assert os.sched_getaffinity(os.getpid()) == allowed

        def free() -> None:
            assert os.sched_getaffinity(0) == os.sched_getaffinity(other) == allowed

        def later() -> None:
            in_a_thread(threads.join, kept)

        try:
            in_a_thread(threads.keep, kept, later, threads.free, free, threads.join, free)
        finally:
            threads.free()


def test_where_it_helps_nothing_nothing_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(os, "sched_getaffinity", lambda _: {0})
        assert LinuxThreads.here() is None
    with monkeypatch.context() as patched:
        patched.setattr(sys, "_is_gil_enabled", lambda: False, raising=False)
        assert LinuxThreads.here() is None
    with monkeypatch.context() as patched:
        patched.delattr(os, "sched_setaffinity")
        assert LinuxThreads.here() is None
    made = OneCpu(threads=None)
    monkeypatch.setattr(made, "_threads", None)
    made.settle()
    made.close()


def test_a_kernel_that_forbids_it_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    threads = LinuxThreads({0, 1})

    def forbidden(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "sched_setaffinity", forbidden)
    in_a_thread(threads.keep, threads.join, threads.free)


def test_a_program_that_is_started_meanwhile_runs_wherever_it_likes() -> None:
    allowed = os.sched_getaffinity(os.getpid())
    with OneCpu() as made:
        in_a_thread(made.settle)
        words = [sys.executable, "-c", "import os; print(sorted(os.sched_getaffinity(0)))"]
        assert subprocess.run(words, check=True, capture_output=True, text=True).stdout.strip() == str(sorted(allowed))
