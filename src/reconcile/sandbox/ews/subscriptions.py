"""Who wants to be told of events, and up to where they were told."""

from __future__ import annotations

import itertools
from dataclasses import field

from reconcile.lazy_dataclass import dataclass


@dataclass(slots=True, kw_only=True)
class Subscription:
    """`folders` empty means all. `watermark` is the number of the last event that was handed out."""

    id: str
    owner: str
    mailbox: int
    kinds: frozenset[str]
    folders: frozenset[int]
    watermark: int
    streaming: bool


@dataclass(slots=True)
class Subscriptions:
    """All of one server, in memory."""

    found: dict[str, Subscription] = field(default_factory=dict)
    _numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def next_id(self) -> str:
        """A fresh id."""
        import base64

        return base64.b64encode(b"sandbox subscription %08d" % next(self._numbers)).decode()

    def lose(self) -> None:
        """All are gone, as after a restart of the server."""
        self.found.clear()
