"""Sign-ins of the last hour that were refused or may have been, over all processes on this state."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from reconcile.model.sign_in_try import SignInTry


class SignInTurn(Protocol):
    """The right of one to sign in with an account, while nobody else does. It ends with `close`, or with the process."""

    @property
    def tries(self) -> Sequence[SignInTry]:
        """What whoever had the turn before left."""
        ...

    def keep(self, tries: Sequence[SignInTry], *, durable: bool) -> None:
        """From now on these are the ones. They survive the process; `durable`: also a loss of power. Raises PermanentError."""
        ...

    def close(self) -> None:
        """Raises nothing."""
        ...


class SignInTries(Protocol):
    """For several threads and processes."""

    def recent(self, account: str, *, now: datetime) -> Sequence[SignInTry]:
        """Those of the last hour, without waiting for whoever signs in now."""
        ...

    def turn(self, account: str) -> SignInTurn:
        """Waits until nobody else signs in with it. Raises HeldBack when that takes too long, and as `SignInTurn.keep`."""
        ...
