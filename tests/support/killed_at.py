"""A command of an estate that ends itself by a signal, at one exact moment of all that it writes down and asks for."""

from __future__ import annotations

import signal
import subprocess
import sys

from support.exchange_estate import ExchangeEstate

#: The program, killed just before or just behind one of its commits, or around one of its requests to the Exchange server.
_KILLED = """
import os, signal, sys
from reconcile.mail.ews.link import Link
from reconcile.store.sqlite.database import Database
left = int(sys.argv.pop(1))
def around(cls, name):
    inner = getattr(cls, name)
    def outer(*arguments, **named):
        passed(f"before {name}")
        try:
            return inner(*arguments, **named)
        finally:
            passed(f"behind {name}")
    setattr(cls, name, outer)
def passed(what):
    global left
    left -= 1
    if left == 0:
        print(what, file=sys.stderr, flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
around(Database, "_commit")
around(Link, "_posted")
from reconcile.cli.main import main
main()
"""


def killed_at(moment: int, estate: ExchangeEstate, *words: str) -> str:
    """Which moment that was, the first being 1; "" where the command was over before, and then it went well."""
    arguments = [sys.executable, "-c", _KILLED, str(moment), *estate.arguments(*words)[3:]]
    done = subprocess.run(arguments, env=estate.environment(), stdin=subprocess.DEVNULL, capture_output=True, timeout=120, check=False)
    if done.returncode == -signal.SIGKILL:
        return done.stderr.decode().splitlines()[-1]
    assert done.returncode == 0, done.stderr.decode()
    return ""
