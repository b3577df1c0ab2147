"""The memory twin of sign-ins that were refused or may have been."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import field
from datetime import datetime

from reconcile.errors import HeldBack
from reconcile.lazy_dataclass import dataclass
from reconcile.model.sign_in_try import SignInTry, recent


@dataclass(slots=True)
class MemorySignInTries:
    """See `SignInTries`. For the threads of one process."""

    wait: float = 60.0
    _known: dict[str, Sequence[SignInTry]] = field(default_factory=dict)
    _locks: defaultdict[str, threading.Lock] = field(default_factory=lambda: defaultdict(threading.Lock))

    def recent(self, account: str, *, now: datetime) -> Sequence[SignInTry]:
        under_way = self._locks[account].locked()
        return recent([one for one in self._known.get(account, ()) if one.answered or not under_way], now=now)

    def turn(self, account: str) -> MemorySignInTurn:
        if not self._locks[account].acquire(timeout=self.wait):
            raise HeldBack(f"{account} is being signed in elsewhere, and that takes long", retry_after=self.wait)
        return MemorySignInTurn(self._known, account, self._locks[account])


@dataclass(slots=True)
class MemorySignInTurn:
    """See `SignInTurn`."""

    _known: dict[str, Sequence[SignInTry]]
    _account: str
    _lock: threading.Lock

    @property
    def tries(self) -> Sequence[SignInTry]:
        return self._known.get(self._account, ())

    def keep(self, tries: Sequence[SignInTry], *, durable: bool) -> None:
        self._known[self._account] = tries

    def close(self) -> None:
        self._lock.release()
