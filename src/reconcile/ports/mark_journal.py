"""What is still to be done at mail servers to messages that are kept here."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from reconcile.model.remote_id import RemoteId
from reconcile.model.removal import MarkAction


class MarkJournal(Protocol):
    """Written by `Receiving.commit` in the transaction that keeps the messages; a missing store reads as empty."""

    def waiting(self, mailbox_id: str, generation: int, action: MarkAction, *, limit: int) -> Sequence[RemoteId]:
        """The longest waiting first. Those of earlier generations name nothing any more and are left out."""
        ...

    def done(self, mailbox_id: str, generation: int, action: MarkAction, remote_ids: Collection[RemoteId]) -> None:
        """These are done, and those of earlier generations are forgotten. Durable when it returns."""
        ...

    def counts(self) -> Mapping[str, int]:
        """How many wait, by mailbox id."""
        ...
