"""What assignments reach, and what nothing reaches. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from reconcile.desired.assignments import KIND, Assignments, assignment
from reconcile.desired.organization_defaults import organization_defaults
from reconcile.desired.over_target import target_traits, unclaimed
from reconcile.desired.selector import declared_traits
from reconcile.lazy_dataclass import dataclass
from reconcile.model.inventory import InventoryEntry
from reconcile.model.key import Key
from reconcile.model.observation import ObservedState
from reconcile.model.position import Position
from reconcile.model.resource import DesiredState, Lifecycle, Resource

_MAILBOX = "Mailbox"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """One assignment. `selects` counts the mailboxes its selector means, `gives` those that take at least one field from it,
    `fields` how many take each field. The rest say it themselves, or take it from a stronger assignment."""

    key: Key
    position: Position
    priority: int
    scope: str
    selects: int
    gives: int
    fields: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """`mailboxes` counts those with a document, `taken_over` those of the target that an assignment covers. `unassigned` are mailboxes
    that no assignment means, `without_profile` active ones that get a profile from nowhere, `uncovered` mailboxes of the target (address,
    or id where there is none) that neither a document nor an assignment covers; None when nobody looked. `held` are mailboxes that
    are left alone because of errors, and counted nowhere else."""

    environment: str
    assignments: tuple[Reach, ...]
    mailboxes: int
    taken_over: int
    unassigned: tuple[Key, ...]
    without_profile: tuple[Key, ...]
    uncovered: tuple[str, ...] | None
    unread: tuple[str, ...]
    held: tuple[Key, ...]


def coverage(desired: DesiredState, observed: ObservedState | None, inventory: Mapping[Key, InventoryEntry]) -> Coverage:
    """`desired` as `over_target` left it when `observed` is there. Somebody else's mailboxes (lifecycle external) count nowhere."""
    sources = [one for key, one in desired.resources.items() if key.kind == KIND]
    assignments = Assignments([assignment(one, {}) for one in sources])
    selects: Counter[Key] = Counter()
    gives: dict[Key, Counter[str]] = {one.key: Counter() for one in sources}
    givers: Counter[Key] = Counter()
    mailboxes = [one for key, one in desired.resources.items() if key.kind == _MAILBOX and one.lifecycle is not Lifecycle.EXTERNAL]
    rows = {row.external_id: row for row in observed.rows} if observed is not None else {}
    unassigned: list[Key] = []
    for one in mailboxes:
        on_target = one.external_id is not None
        row = rows.get(one.external_id) if one.external_id is not None else None
        traits = target_traits(row, one.key.name) if row is not None else declared_traits(one.key.name, one.spec, one.labels)
        meant = [found.key for found in assignments.selecting(traits) if (found.selector.target if on_target else found.selector.declared)]
        selects.update(meant)
        if not meant:
            unassigned.append(one.key)
        for path, giver in one.assigned.items():
            gives.setdefault(giver, Counter())[path] += 1
        givers.update(set(one.assigned.values()))
    return Coverage(
        environment=desired.environment,
        assignments=tuple(_reach(one, desired, selects, givers, gives) for one in sources),
        mailboxes=sum(one.external_id is None for one in mailboxes),
        taken_over=sum(one.external_id is not None for one in mailboxes),
        unassigned=tuple(unassigned),
        without_profile=tuple(one.key for one in mailboxes if _has_no_profile(one, desired)),
        uncovered=None if observed is None else _uncovered(desired, observed, inventory),
        unread=() if observed is None else _unread(observed),
        held=tuple(key for key in desired.held if key.kind == _MAILBOX),
    )


def _reach(
    source: Resource, desired: DesiredState, selects: Mapping[Key, int], givers: Mapping[Key, int], gives: Mapping[Key, Counter[str]]
) -> Reach:
    priority = source.spec.get("priority")
    return Reach(
        key=source.key,
        position=source.position,
        priority=priority if isinstance(priority, int) else 0,
        scope=str(source.spec.get("selector.scope") or "declared"),
        selects=selects.get(source.key, 0),
        gives=givers.get(source.key, 0),
        fields=dict(sorted(gives[source.key].items())),
    )


def _has_no_profile(one: Resource, desired: DesiredState) -> bool:
    # A row that is taken over keeps the profile it has.
    if one.external_id is not None or one.spec.get("state") == "inactive" or one.spec.get("profile") is not None:
        return False
    return "profile" in one.spec or "profile" not in organization_defaults(desired, one)


def _uncovered(desired: DesiredState, observed: ObservedState, inventory: Mapping[Key, InventoryEntry]) -> tuple[str, ...]:
    taken = {one.external_id for one in desired.resources.values() if one.external_id is not None}
    free = (row for row, key in unclaimed(desired, observed, inventory) if row.external_id not in taken and key not in desired.held)
    return tuple(str(row.spec.get("emailAddress") or row.external_id) for row in free)


def _unread(observed: ObservedState) -> tuple[str, ...]:
    rows = [f"row {one}: {why}" for one, why in sorted(observed.unknown_rows.items())]
    kind = observed.unknown_kinds.get(_MAILBOX)
    return tuple(rows) if kind is None else (f"mailboxes: {kind}", *rows)
