"""Ctrl-C ends a command soon, whatever a server does meanwhile."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

import click

from reconcile.cli.context import Context
from reconcile.model.exit_code import ExitCode

#: Seconds for what is at hand to end by itself after Ctrl-C.
GRACE = 5.0


@contextmanager
def soon_interrupted(context: Context, grace: float = GRACE) -> Iterator[None]:
    """Inside, Ctrl-C raises KeyboardInterrupt, and the process ends after `grace` seconds, or with a second Ctrl-C, even while threads
    wait for a server. That may cut a batch or a mail in the middle, as a kill would: the store stands it, and the next run goes on.
    """
    before = signal.getsignal(signal.SIGINT)
    if before is not signal.default_int_handler or threading.current_thread() is not threading.main_thread():
        yield
        return
    left = threading.Event()

    def give_up() -> None:
        if not left.wait(grace):
            end_at_once(context)

    def again(number: int, frame: FrameType | None) -> None:
        end_at_once(context)

    def asked(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, again)
        threading.Thread(target=give_up, name="interrupt", daemon=True).start()
        raise KeyboardInterrupt

    signal.signal(signal.SIGINT, asked)
    try:
        yield
    finally:
        left.set()
        signal.signal(signal.SIGINT, before)


def end_at_once(context: Context) -> None:
    """End the process with 130, whatever its threads do."""
    with suppress(OSError, ValueError):
        if context.as_json:
            words = {"kind": "Interrupted", "message": "interrupted", "hint": ""}
            context.json({"formatVersion": "1.0", "error": words, "exit": ExitCode.INTERRUPTED.reason})
        click.echo("interrupted", err=True)
        sys.stdout.flush()
    os._exit(ExitCode.INTERRUPTED)
