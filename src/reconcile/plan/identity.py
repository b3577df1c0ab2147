"""The organization and tenant an environment is pinned to, against what the target says it is."""

from __future__ import annotations

from reconcile.errors import PlanRefused
from reconcile.model.resource import DesiredState

_WORDS = {"organizationId": "organization", "tenantId": "tenant"}


def pinned(desired: DesiredState, path: str, shown: str | None) -> str | None:
    """What the Environment pins at `path`, else what the target shows. Raises PlanRefused when both say something else."""
    leaf = next((one.spec.get(path) for key, one in desired.resources.items() if key.kind == "Environment"), None)
    if isinstance(leaf, str) and shown is not None and leaf != shown:
        raise PlanRefused(
            f"environment {desired.environment} is pinned to {_WORDS[path]} {leaf}, but the target is {shown}",
            hint="Check which target and which environment (-e) are meant; nothing was changed.",
        )
    return leaf if isinstance(leaf, str) else shown
