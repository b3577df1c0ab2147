"""The environments of one estate as rules see them, each looked at once however many environments compare themselves with it. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from reconcile.model.resource import DesiredState
from reconcile.policy.world import World


class Worlds:
    """For one run; what it has seen it keeps."""

    def __init__(self) -> None:
        self._known: dict[int, World] = {}

    def of(self, states: Iterable[DesiredState]) -> list[World]:
        """In the same order. The very same state gives the very same view, which has no others itself."""
        return [self._of(state) for state in states]

    def _of(self, state: DesiredState) -> World:
        # A view keeps its state alive, so that no other can have its identity.
        found = self._known.get(id(state))
        if found is None:
            found = self._known[id(state)] = World(state)
        return found
