"""What the brakes measure: worked out from the changes that are left, after everything held and left out is gone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from reconcile.model.canonical import Spec
from reconcile.model.change import Adopt, Change, Delete, Forget, HeldBecause, Update
from reconcile.model.key import Key
from reconcile.model.kinds import references
from reconcile.model.observation import Present
from reconcile.plan import brakes
from reconcile.plan.account import accounts
from reconcile.plan.consequences.words import Surroundings, floor, is_active
from reconcile.plan.given import Given
from reconcile.plan.order import takes_away

PROFILE = "EmailServerProfile"


def ground(given: Given, changes: tuple[Change, ...], held: Mapping[Key, HeldBecause]) -> brakes.Ground:
    """`held` are keys that are not touched; those whose document is bad still count as declared."""
    limits = _limits(given)
    if not changes:
        return brakes.Ground(inventory=given.inventory, declared=given.desired.resources.keys(), limits=limits)
    return brakes.Ground(
        inventory=given.inventory,
        declared=[
            *given.desired.resources,
            *given.desired.held,
            *(key for key, because in held.items() if because is HeldBecause.FINDING),
        ],
        still_used=still_used(given, changes),
        riding=given.riding,
        sunk=_sunk(given, changes),
        renamed_profiles=given.around.renamed_profiles,
        other_account=[change.key for change in changes if isinstance(change, (Update, Adopt)) and _other_account(given, change)],
        # What is declared as somebody else's is still declared; what is gone from the target is nobody's loss.
        taken_away=[change.key for change in changes if takes_away(change) and _is_there(given, change)],
        limits=limits,
        target=given.observed.target,
        # A snapshot has no inventory: there what is declared and there stands for it.
        stands_for=None if given.circumstances.adopting else sum(given.row(key) is not None for key in given.desired.resources),
    )


def _limits(given: Given) -> brakes.Limits:
    name = given.desired.environment
    if given.circumstances.limits is not None:
        return brakes.Limits.of(given.circumstances.limits, environment=name)
    environment = next((one for key, one in given.desired.resources.items() if key.kind == "Environment"), None)
    limits = brakes.Limits.of(environment.spec if environment else {}, environment=name)
    applied = given.inventory.get(environment.key) if environment else None
    return limits if applied is None else limits.within(brakes.Limits.of(applied.applied, environment=name), len(given.inventory))


def _is_there(given: Given, change: Change) -> bool:
    return change.key not in given.desired.resources and getattr(change, "external_id", None) in given.present


def lost(changes: Iterable[Change], given: Given) -> dict[Key, bool]:
    """Profiles that mailboxes lose: deleted or forgotten (False), or there but inactive, or under another name where the target knows
    them by name (True: only active mailboxes miss it). The key is the one that mailboxes refer to."""
    found: dict[Key, bool] = {}
    for change in changes:
        if change.key.kind != PROFILE:
            continue
        if isinstance(change, Delete):
            found[change.key] = False
        elif isinstance(change, Forget):
            # Declared as somebody else's it can still be referred to, and it goes on as it is.
            if _is_there(given, change):
                found[change.key] = False
        elif isinstance(change, (Update, Adopt)) and any(field.path == "state" and field.after == "inactive" for field in change.fields):
            found[change.key] = True
        if (old := renamed_by_name(change, given)) is not None:
            found[old] = True
    return found


def renamed_by_name(change: Change, given: Given) -> Key | None:
    """The old key of a profile that mailboxes find no longer under it; None where references follow the row, or it keeps its slug."""
    if change.key.kind != PROFILE or not isinstance(change, Update) or given.observed.refers_by_id:
        return None
    return change.previous


def still_used(given: Given, changes: Iterable[Change]) -> Mapping[Key, tuple[Key, ...]]:
    """For each profile that mailboxes lose the rows that refer to it after the plan, ours or not."""
    changes = [*changes]
    going = lost(changes, given)
    if not going:
        return {}
    renamed = {renamed_by_name(change, given) for change in changes}
    owners = {entry.external_id: key for key, entry in given.inventory.items()}
    for key, matched in given.matches.declared.items():
        if isinstance(matched.observation, Present):
            owners[matched.observation.external_id] = key
    by_row: dict[str, Change] = {}
    for change in changes:
        external_id = getattr(change, "external_id", None)
        if external_id is not None:
            by_row[external_id] = change
    found: dict[Key, list[Key]] = {key: [] for key in going}
    for row in given.observed.rows:
        now = by_row.get(row.external_id)
        if isinstance(now, Delete):
            continue
        spec = {**row.spec, **_asked(now)}
        for profile in references(row.kind, spec):
            if profile in renamed and profile not in references(row.kind, row.spec):
                # It moves to another profile that takes over the name.
                continue
            if profile in going and (is_active(spec) or not going[profile]):
                found[profile].append(owners.get(row.external_id) or Key(row.kind, row.name or row.external_id))
    return {key: tuple(sorted(users)) for key, users in found.items()}


def _asked(change: Change | None) -> Spec:
    return {field.path: field.after for field in change.fields} if isinstance(change, (Update, Adopt)) else {}


def _sunk(given: Given, changes: Iterable[Change]) -> set[Key]:
    """Mailboxes that move to a profile with an earlier floor than they have now."""
    moving = [change for change in changes if isinstance(change, (Update, Adopt)) and any(item.path == "profile" for item in change.fields)]
    if not moving:
        return set()
    then = Surroundings(profiles={str(row.name or row.external_id): row.spec for row in given.observed.rows if row.kind == PROFILE})
    rows = given.present
    return {
        change.key
        for change in moving
        if floor({**rows[change.external_id].spec, **change.spec}, given.around) < floor(rows[change.external_id].spec, then)
    }


def _other_account(given: Given, change: Update | Adopt) -> bool:
    """Whether a profile opens other people's mailboxes as somebody else than before."""
    if change.key.kind != PROFILE:
        return False
    old = given.present[change.external_id].spec
    before, after = accounts(old), accounts({**old, **_asked(change)})
    return any(before[direction] and after[direction] and before[direction] != after[direction] for direction in before)
