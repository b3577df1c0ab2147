"""What a target would show, and what would be ours, if one desired state had been applied to an empty target. Pure.

It lets two revisions be compared without a target. What is bad in that state is unknown, not absent, as for any target that could
not be read to its end.
"""

from __future__ import annotations

from collections.abc import Mapping

from reconcile.model.canonical import Spec, digest
from reconcile.model.inventory import InventoryEntry
from reconcile.model.key import APPLIED_KINDS, Key
from reconcile.model.kinds import defaults
from reconcile.model.observation import ObservedState, Present
from reconcile.model.resource import DesiredState, Lifecycle, Resource

TARGET = "git"


def observed(desired: DesiredState) -> ObservedState:
    """A row for each resource, defaults filled in; identity is not known, so nothing is refused for it."""
    rows = []
    for key, resource in desired.resources.items():
        if key.kind in APPLIED_KINDS:
            spec = _shown(resource)
            rows.append(Present(kind=key.kind, external_id=str(key), spec=spec, version=digest(spec), name=key.name))
    # A bad file may hold anything that its readable neighbours do not.
    unknown = {**{file: f"{file} has errors there" for file in desired.held_files}, **{str(key): why for key, why in desired.held.items()}}
    return ObservedState(target=TARGET, rows=tuple(rows), unknown_rows=unknown)


def inventory(desired: DesiredState) -> Mapping[Key, InventoryEntry]:
    """Everything managed is ours and was created, not adopted: the revision does not know what a target had before."""
    entries = {}
    for key, resource in desired.resources.items():
        if key.kind in APPLIED_KINDS and resource.lifecycle is not Lifecycle.EXTERNAL:
            entries[key] = InventoryEntry(
                key=key,
                external_id=str(key),
                applied=resource.spec,
                source_file=resource.position.file,
                source=desired.source,
                revision=desired.revision,
                depends_on=resource.references,
                on_removal=resource.management.on_removal,
                protected=resource.management.protected,
            )
    for key in desired.held:
        entries[key] = InventoryEntry(
            key=key, external_id=str(key), applied={}, source_file="", source=desired.source, revision=desired.revision
        )
    return entries


def _shown(resource: Resource) -> Spec:
    declared = {path: leaf for path, leaf in resource.spec.items() if leaf is not None}
    return dict(sorted({**defaults(resource.key.kind, resource.spec), **declared}.items()))
