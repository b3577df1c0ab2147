"""What a server answered, noted for whoever comes after a process that dies before the answer is in the outbox.

A note costs microseconds, because nothing waits for the disk: it outlives the process, not a loss of power. Nothing rests on it being
there. Where it is missing or spoilt, the mail is uncertain.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Protocol

from reconcile.model.outbox_step import Settle


class SettledNotes(Protocol):
    """Of all runs over one outbox, each under its owner."""

    def keep(self, entry_id: int, step: Settle) -> bool:
        """Note it under `step.owner`, in place of what this thread noted before. False when it could not be noted: then it belongs into
        the outbox at once. Raises nothing."""
        ...

    def of(self, owner: str) -> Mapping[int, Settle]:
        """The last note of each thread, by the mail's id; what is torn or damaged is left out."""
        ...

    def left_behind(self) -> Collection[str]:
        """Owners whose process has ended without forgetting its notes."""
        ...

    def forget(self, owner: str) -> None:
        """All of it is in the outbox."""
        ...

    def leave(self, owner: str) -> None:
        """The run ends, and not all of it is in the outbox: it stays for whoever comes next."""
        ...


class NoNotes:
    """Keeps none: every answer goes into the outbox at once."""

    def keep(self, entry_id: int, step: Settle) -> bool:
        return False

    def of(self, owner: str) -> Mapping[int, Settle]:
        return {}

    def left_behind(self) -> Collection[str]:
        return ()

    def forget(self, owner: str) -> None:
        pass

    def leave(self, owner: str) -> None:
        pass
