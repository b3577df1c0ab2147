"""What is applied but cannot be done yet and stops nobody: said of the resource that declares it, with its place."""

from __future__ import annotations

from collections.abc import Sequence

from reconcile.model.condition import Condition
from reconcile.model.engine_support import not_built
from reconcile.ports.target import AppliedResource


def unsupported_settings(resources: Sequence[AppliedResource], *, now: str) -> list[tuple[str, Condition]]:
    """("Kind/name", condition) for each applied field, in the order of the resources. `now` is UTC RFC 3339.

    What an engine fills in by default was asked for by nobody: only fields with an origin, and those of a resource that has none at
    all, are named.
    """
    found = []
    for one in resources:
        for path, instead in not_built(one.kind, one.spec):
            origin = one.origins.get(path, "")
            if origin or not one.origins:
                condition = Condition(
                    type="Unsupported", status=True, reason="NotBuilt", message=instead, since=now, field=path, origin=origin
                )
                found.append((f"{one.kind}/{one.name}", condition))
    return found
