"""Mailboxes that exist on the target only, taken over by assignments whose scope says so. Pure.

Only rows that were read and that nobody else speaks for: a document, or a file with errors that may hold one. A row whose document left
git is not caught by an assignment on the way: what its `onRemoval` says comes first.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import field, replace
from typing import Final

from reconcile.desired.assignments import KIND, Assignments, Given, assignment
from reconcile.desired.management import ignored_by
from reconcile.desired.organization_defaults import organization_of
from reconcile.desired.origin import Locate, through_assignments
from reconcile.desired.selector import Traits
from reconcile.desired.trouble import Troubles
from reconcile.lazy_dataclass import dataclass
from reconcile.model import kinds
from reconcile.model.canonical import Spec
from reconcile.model.finding import Finding
from reconcile.model.inventory import InventoryEntry
from reconcile.model.key import KINDS, Key
from reconcile.model.management import Management, OnRemoval
from reconcile.model.observation import ObservedState, Present
from reconcile.model.position import Position
from reconcile.model.resource import DesiredState, Resource
from reconcile.model.slug import free_key

_MAILBOX: Final = "Mailbox"
_NO_LABELS: Final[Mapping[str, str]] = {}
_NO_ORGANIZATION: Final[Spec] = {}


def over_target(desired: DesiredState, observed: ObservedState, inventory: Mapping[Key, InventoryEntry]) -> DesiredState:
    """`desired` with a resource for each observed mailbox that no document declares and an assignment covers.

    Such a resource has `external_id`, everything it declares but its address in `assigned`, and `management.on_removal` forget; its
    key is that of the inventory where the row is ours, else made from the address. What contradicts itself, or may be meant by an
    assignment with errors, is held. Rows that could not be read are never taken.
    """
    assignments = _assignments(desired)
    if not desired.doubts and not any(one.selector.target for one in assignments.of):
        return desired
    taking = _Taking(desired, observed, inventory, assignments)
    taking.take()
    if not taking.resources and not taking.held:
        return desired
    resources = dict(sorted({**desired.resources, **taking.resources}.items(), key=lambda item: (KINDS.index(item[0].kind), item[0].name)))
    findings = {*desired.findings, *taking.findings()}
    return replace(
        desired,
        resources=resources,
        held=dict(sorted({**desired.held, **taking.held}.items())),
        findings=tuple(sorted(findings, key=Finding.sort_key)),
        locate=through_assignments(_of_rows(desired.locate, taking.resources), resources, desired.policies),
    )


def target_traits(row: Present, slug: str) -> Traits:
    """Of a mailbox that only the target has. It carries no labels."""
    address = row.spec.get("emailAddress")
    groups = row.attributes.get("group", "")
    return Traits(
        str(row.spec.get("type") or "user"),
        slug,
        address if isinstance(address, str) else "",
        _NO_LABELS,
        row.attributes.get("businessUnit", ""),
        tuple(group.strip() for group in groups.split(",") if group.strip()),
    )


def unclaimed(
    desired: DesiredState, observed: ObservedState, inventory: Mapping[Key, InventoryEntry]
) -> Iterator[tuple[Present, Key | None]]:
    """Readable mailboxes of the target that no document speaks for, by address, with their key where they are ours."""
    declared = [one for key, one in desired.resources.items() if key.kind == _MAILBOX]
    spoken = {key for key in (*desired.resources, *desired.held) if key.kind == _MAILBOX}
    moved = {Key(_MAILBOX, old) for one in declared if (old := one.management.moved_from) is not None}
    addresses = {kinds.natural_identity(_MAILBOX, one.spec) for one in declared} - {None}
    owners = {entry.external_id: entry for key, entry in inventory.items() if key.kind == _MAILBOX}
    rows = (row for row in observed.rows if row.kind == _MAILBOX and not row.built_in)
    for row in sorted(rows, key=lambda row: (str(row.spec.get("emailAddress") or ""), row.external_id)):
        entry = owners.get(row.external_id)
        if kinds.natural_identity(_MAILBOX, row.spec) in addresses:
            continue
        if entry is None and not (row.name is not None and Key(_MAILBOX, row.name) in spoken):
            yield row, None
        elif entry is not None and entry.key not in spoken and entry.key not in moved and entry.on_removal is OnRemoval.FORGET:
            yield row, entry.key


def _assignments(desired: DesiredState) -> Assignments:
    organization = organization_of(desired.resources)
    spec = _NO_ORGANIZATION if organization is None else desired.resources[organization].spec
    return Assignments([assignment(one, spec) for key, one in desired.resources.items() if key.kind == KIND])


def _of_rows(locate: Locate, taken: Mapping[Key, Resource]) -> Locate:
    def found(key: Key, path: str) -> Position:
        return taken[key].position if key in taken else locate(key, path)

    return found


@dataclass(slots=True)
class _Taking:
    """One run over the rows."""

    desired: DesiredState
    observed: ObservedState
    inventory: Mapping[Key, InventoryEntry]
    assignments: Assignments
    resources: dict[Key, Resource] = field(default_factory=dict)
    held: dict[Key, str] = field(default_factory=dict)
    troubles: Troubles = field(default_factory=Troubles)

    def take(self) -> None:
        """Fill `resources` and `held`."""
        environment = self.desired.resources.get(Key("Environment", self.desired.environment))
        ignored = ignored_by(environment.spec).get(_MAILBOX, ()) if environment is not None else ()
        management = Management(on_removal=OnRemoval.FORGET, ignored=ignored)
        positions: dict[Key, Position] = {}
        taken = {*self.desired.resources, *self.desired.held, *self.inventory}
        for row, ours in unclaimed(self.desired, self.observed, self.inventory):
            if ours is None and _MAILBOX in self.observed.unknown_kinds:
                continue
            address = str(row.spec.get("emailAddress") or "")
            key = ours or free_key(_MAILBOX, row.name or "", address, row.external_id, taken)
            own: Spec = {"emailAddress": address} if address else {}
            given = self.assignments.give(target_traits(row, key.name), own, on_target=True, beneath=row.spec)
            if given is None and not (ours is not None and self.desired.doubts):
                continue
            taken.add(key)
            why = self._obstacle(key, ours, given)
            if given is None or why:
                self.held[key] = why
                continue
            giver = next(iter(given.assigned.values()))
            if giver not in positions:
                positions[giver] = self.desired.locate(giver, "")
            self.resources[key] = Resource(
                key=key,
                spec=given.spec,
                position=positions[giver],
                references=kinds.references(_MAILBOX, given.spec),
                management=management,
                assigned=given.assigned,
                external_id=row.external_id,
            )

    def _obstacle(self, key: Key, ours: Key | None, given: Given | None) -> str:
        """Why a row may not be taken over or changed now; "" when nothing stands against it."""
        if self.desired.doubts:
            return self.desired.doubts[0]
        if ours is None and self.desired.held_files:
            return f"{min(self.desired.held_files)} has errors and may declare it"
        return self.troubles.note(key, given) if given is not None and (given.clashes or given.misfits) else ""

    def findings(self) -> list[Finding]:
        """What the assignments do wrong on the target."""
        return self.troubles.findings(self.assignments, self.desired.locate)
