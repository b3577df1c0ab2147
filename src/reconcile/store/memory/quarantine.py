"""No quarantine: what a missing store reads as."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from reconcile.model.held_message import HeldMessage


class EmptyQuarantine:
    """See `Quarantine`."""

    def entries(self) -> Sequence[HeldMessage]:
        return ()

    def counts(self) -> Mapping[str, int]:
        return {}

    def entry(self, held_id: int) -> HeldMessage | None:
        return None

    def raw(self, held_id: int) -> Iterator[bytes]:
        return iter(())

    def delete(self, held_id: int, *, at: str) -> bool:
        return False
