"""Messages that could not become activities."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

from reconcile.model.held_message import HeldMessage


class Quarantine(Protocol):
    """A missing store reads as empty."""

    def entries(self) -> Sequence[HeldMessage]:
        """The newest first."""
        ...

    def counts(self) -> Mapping[str, int]:
        """How many of each mailbox, by its id; of those only that have any."""
        ...

    def entry(self, held_id: int) -> HeldMessage | None: ...

    def raw(self, held_id: int) -> Iterator[bytes]:
        """The bytes as received, in chunks. Raises PermanentError when they are damaged."""
        ...

    def delete(self, held_id: int, *, at: str) -> bool:
        """For good, bytes too (see `MailPurge.erase`); False where there is none. The decision stays, and the
        same bytes in the same mailbox are not held again."""
        ...
