"""`reconcile plan --against git:REF`: two revisions compared, with nothing but the repository."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from reconcile.cli.approving import plan_judge
from reconcile.cli.context import Context
from reconcile.errors import SettingsError
from reconcile.model.change import Plan
from reconcile.model.selection import Selection

_PREFIX = "git:"


def plan_against(
    context: Context, wanted: str, *, lifted: Collection[str], selection: Selection | None, approvals: Sequence[str]
) -> Plan | None:
    """None when the estate cannot be used: what is wrong has been said then. Raises DesiredStateError for the other revision."""
    from reconcile.apply.against import against
    from reconcile.cli.estate import load_desired
    from reconcile.cli.revision import state_at, untouched_cache
    from reconcile.sync.decide.shortfalls import shortfalls

    revision = wanted.removeprefix(_PREFIX)
    if not wanted.startswith(_PREFIX) or not revision:
        raise SettingsError(f"--against takes git:REF, not {wanted!r}", hint="For example: --against git:origin/main.")
    cache = untouched_cache(context)
    loaded = load_desired(context, cache)
    if loaded is None:
        return None
    base = state_at(context, revision, loaded.desired, cache)
    made = against(loaded.desired, base, wanted, lifted=lifted, selection=selection, deciding=shortfalls)
    return plan_judge(context, approvals, policies=base.policies)(made.plan, made.desired)
