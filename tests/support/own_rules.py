"""Settings that leave an estate only the rules it brings, for tests that are not about those that come with reconcile."""

from __future__ import annotations

from functools import cache

from reconcile.wiring.policies import shipped_rules


@cache
def shipped_off() -> str:
    """A PolicySettings document."""
    off = "".join(f"    {key.name}: {{enabled: false}}\n" for key in sorted(shipped_rules(None)[0]))
    return f"apiVersion: reconcile/v1alpha2\nkind: PolicySettings\nmetadata: {{name: own-rules}}\nspec:\n  rules:\n{off}"
