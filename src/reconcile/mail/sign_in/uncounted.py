"""What all kinds of signing in have in common before they are guarded: nobody counts how often they are shown."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext


class Uncounted:
    """A base of those that implement `SignIn`."""

    __slots__ = ()

    def showing(self) -> AbstractContextManager[object]:
        """See `SignIn.showing`. `GuardedSignIn` knows better."""
        return nullcontext()
