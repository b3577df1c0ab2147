"""How many connections an account has at the same time, whatever they are for: looking, marking, sending."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import field
from typing import Final

from reconcile.lazy_dataclass import dataclass
from reconcile.model.mail_address import mailbox_identity
from reconcile.model.sign_in import SignInPlan

#: How often a waiting one asks whether it is to stop (seconds).
_ASK: Final = 0.5


def account_of(plan: SignInPlan, otherwise: str) -> str:
    """Who is counted: the user that signs in, which is the mailbox's own where its credentials are used, and one for all of them where the
    profile's are; `otherwise` where nobody signs in."""
    return mailbox_identity(plan.username) or otherwise


@dataclass(slots=True)
class Connections:
    """For several threads of one process."""

    _open: dict[str, int] = field(default_factory=dict)
    _changed: threading.Condition = field(default_factory=threading.Condition)

    @contextmanager
    def hold(self, account: str, most: int, stopping: Callable[[], bool] = lambda: False) -> Iterator[None]:
        """One more, after waiting until there are fewer than `most`; at once where the process is to stop anyway."""
        with self._changed:
            while self._open.get(account, 0) >= most and not stopping():
                self._changed.wait(_ASK)
            self._open[account] = self._open.get(account, 0) + 1
        try:
            yield
        finally:
            with self._changed:
                self._open[account] -= 1
                if not self._open[account]:
                    del self._open[account]
                self._changed.notify_all()
