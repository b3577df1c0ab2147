"""Settings that leave an estate only the rules it brings, for tests that are not about those that come with reconcile."""

from __future__ import annotations

from functools import cache

from reconcile.wiring import policies
from reconcile.wiring.policies import shipped_folder


@cache
def shipped_off() -> str:
    """A PolicySettings document."""
    # By the function as it was imported: a test may have put another in its place, and what it finds is kept for all.
    shipped, _ = policies.policies_of(shipped_folder(), None, prefix=policies.SHIPPED_PREFIX, takes=policies._is_rule_file)
    off = "".join(f"    {key.name}: {{enabled: false}}\n" for key in sorted(shipped))
    return f"apiVersion: reconcile/v1alpha2\nkind: PolicySettings\nmetadata: {{name: own-rules}}\nspec:\n  rules:\n{off}"
