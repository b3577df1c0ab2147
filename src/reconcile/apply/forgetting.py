"""Forgetting one resource because a person asks for it: as a plan, so that it goes the way of every other change. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches

from reconcile.errors import PlanRefused, SettingsError
from reconcile.model.change import Cause, Forget, Moved, Plan
from reconcile.model.inventory import InventoryEntry
from reconcile.model.key import Key
from reconcile.plan.digest import digest
from reconcile.ports.target import TargetIdentity


def forget_plan(
    entries: Mapping[Key, InventoryEntry],
    key: Key,
    *,
    reason: str,
    target: str,
    environment: str,
    identity: TargetIdentity,
    protected_too: bool = False,
) -> Plan:
    """A plan with one change. Raises SettingsError when nothing of that key is ours, PlanRefused when it is protected."""
    entry = entries.get(key)
    if entry is None:
        near = get_close_matches(key.name, [one.name for one in entries if one.kind == key.kind], n=1)
        hint = f"Did you mean {Key(key.kind, near[0])}?" if near else "`reconcile history` shows what was applied."
        raise SettingsError(f"{key} is not in the inventory of environment {environment}: nothing of it was applied from here", hint=hint)
    if entry.protected and not protected_too:
        raise PlanRefused(
            f"{key} is protected (management.protect in {entry.source_file})",
            hint="Take the protection out in git and apply, or pass --even-protected.",
        )
    users = sorted(str(other.key) for other in entries.values() if key in other.depends_on)
    consequences = ["the row stays on the target as it is, and is no longer ours: no removal of a document will touch it"]
    if users:
        consequences.append(f"{len(users)} of ours still refer to it: {', '.join(users[:3])}{', …' if len(users) > 3 else ''}")
    change = Forget(
        key=key,
        external_id=entry.external_id,
        before=entry.applied,
        cause=Cause(moved=Moved.ASKED, note=reason),
        consequences=tuple(consequences),
    )
    return Plan(
        target=target,
        environment=environment,
        organization_id=identity.organization_id,
        tenant_id=identity.tenant_id,
        source=entry.source,
        revision="",
        changes=(change,),
        digest=digest(target, identity.organization_id, (change,)),
    )
