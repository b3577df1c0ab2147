"""Keeps the threads that look at mailboxes on one CPU while this process computes most of the time.

One interpreter computes in one thread at a time. Where its threads stand on several CPUs, whoever waits for the interpreter is woken over
there each time it is free for a moment, mostly in vain: a fifth of the CPU time went into that, and as much by the clock
(docs/performance.md; docs/adr/0060). On one CPU the kernel wakes nobody before there is something to do.

While it waits for servers, threads stay where the kernel puts them.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Final, Protocol, Self

#: Seconds for which they are kept, then the kernel places them anew: another program may have come to that CPU, or another one like this.
SPELL: Final = 1.0
#: Seconds without, over which it is measured how much of the time was computed.
FREE: Final = 0.05
#: CPU seconds of this process by seconds that passed, from which on they are kept. Behind a network a look is nine tenths waiting.
BUSY: Final = 0.5


class Threads(Protocol):
    """Those of this process, but for the main one: what it starts inherits its CPUs, and programs it starts are none of ours."""

    def keep(self) -> None:
        """All of them on the CPU on which the caller runs."""
        ...

    def join(self) -> None:
        """The caller to the others, where they are kept."""
        ...

    def free(self) -> None:
        """All of them where they were allowed to run before."""
        ...


class OneCpu:
    """For the threads of one pool. Each calls `settle` before it begins something, which costs next to nothing."""

    def __init__(
        self, *, threads: Threads | None = None, clock: Callable[[], float] = time.monotonic, used: Callable[[], float] = time.process_time
    ) -> None:
        self._threads = LinuxThreads.here() if threads is None else threads
        self._clock = clock
        self._used = used
        self._guard = threading.Lock()
        self._known = threading.local()
        self._kept = False
        #: When to decide again. Who begins to look has just computed, so it begins kept.
        self._next = clock()
        self._free: tuple[float, float] | None = None

    def settle(self) -> None:
        """Decide anew where it is time to, and join the others. Raises nothing."""
        if self._threads is None:
            return
        if self._clock() >= self._next and self._guard.acquire(blocking=False):
            try:
                self._decide(self._threads)
            finally:
                self._guard.release()
        if not hasattr(self._known, "joined"):
            self._known.joined = True
            self._threads.join()

    def _decide(self, threads: Threads) -> None:
        at, used = self._clock(), self._used()
        if self._kept:
            self._kept, self._free, self._next = False, (at, used), at + FREE
            threads.free()
        elif self._free is None or used - self._free[1] >= BUSY * (at - self._free[0]):
            self._kept, self._next = True, at + SPELL
            threads.keep()
        else:
            self._free, self._next = (at, used), at + FREE

    def close(self) -> None:
        """They are free again."""
        if self._threads is not None:
            with self._guard:
                # Nobody is kept by whoever is late.
                self._next, self._kept = float("inf"), False
                self._threads.free()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None) -> None:
        self.close()


class LinuxThreads:
    """By sched_setaffinity(2)."""

    def __init__(self, allowed: set[int]) -> None:
        self._allowed = allowed
        self._cpu: int | None = None

    @classmethod
    def here(cls) -> LinuxThreads | None:
        """None where it would help nothing or cannot be done: one CPU, another system, an interpreter that computes in many threads."""
        if not hasattr(os, "sched_setaffinity") or not getattr(sys, "_is_gil_enabled", lambda: True)():
            return None
        with contextlib.suppress(OSError):
            allowed = os.sched_getaffinity(0)
            if len(allowed) > 1 and _current_cpu() in allowed:
                return cls(allowed)
        return None

    def keep(self) -> None:
        with contextlib.suppress(OSError):
            self._cpu = _current_cpu()
            self._place({self._cpu})

    def join(self) -> None:
        cpu = self._cpu
        if cpu is not None and threading.get_native_id() != os.getpid():
            with contextlib.suppress(OSError):
                os.sched_setaffinity(0, {cpu})

    def free(self) -> None:
        self._cpu = None
        with contextlib.suppress(OSError):
            self._place(self._allowed)

    def _place(self, cpus: set[int]) -> None:
        for task in Path("/proc/self/task").iterdir():
            if (thread := int(task.name)) != os.getpid():
                # It may have ended since.
                with contextlib.suppress(ProcessLookupError):
                    os.sched_setaffinity(thread, cpus)


def _current_cpu() -> int:
    """Where the calling thread runs: the 39th field (proc_pid_stat(5)), counted from behind the name, which may hold anything."""
    stat = Path("/proc/thread-self/stat").read_bytes()
    return int(stat[stat.rindex(b")") + 2 :].split()[36])
