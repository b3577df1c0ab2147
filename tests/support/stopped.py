"""Stopping a process (SIGSTOP) so that it surely stands still."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path


def stop(pid: int) -> None:
    """SIGSTOP, and wait until it has reached every thread: one may be on its way through the kernel."""
    os.kill(pid, signal.SIGSTOP)
    threads = Path(f"/proc/{pid}/task")
    while any(_state_of(thread) not in "Tt" for thread in threads.iterdir()):
        time.sleep(0.001)


def _state_of(thread: Path) -> str:
    # "pid (name) state …"; a thread that ended in the meantime has none.
    try:
        return (thread / "stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return "T"
