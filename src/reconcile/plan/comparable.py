"""Desired state without what the target never shows: such fields cannot be compared, which is said once, and is no difference."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from reconcile.model.canonical import Leaf
from reconcile.model.change import Note
from reconcile.model.engine_support import STAYS_IN_GIT
from reconcile.model.key import Key
from reconcile.model.observation import ObservedState
from reconcile.model.resource import DesiredState, Lifecycle, Resource

_PLURALS = {"EmailServerProfile": "profiles", "Mailbox": "mailboxes", "Organization": "organizations"}


def comparable(desired: DesiredState, observed: ObservedState) -> tuple[DesiredState, ObservedState, tuple[Note, ...]]:
    """Both sides as far as they can be compared, and a note for each field that cannot. What no target is told of goes without one.

    A singleton that git does not declare is not missed where the target does not show it either.
    """
    desired = _told(desired)
    if not observed.hidden:
        return desired, observed, ()
    kept: dict[Key, Resource] = {}
    dropped: dict[tuple[str, str], list[Key]] = {}
    for key, resource in desired.resources.items():
        hidden = observed.hidden.get(key.kind)
        left = _shown(resource, hidden, dropped) if hidden and resource.lifecycle is not Lifecycle.EXTERNAL else resource.spec
        kept[key] = resource if len(left) == len(resource.spec) else resource._replace(spec=left)
    declared = {key.kind for key in (*desired.resources, *desired.held)}
    unknown = {kind: why for kind, why in observed.unknown_kinds.items() if kind != "Organization" or kind in declared}
    notes = _notes(dropped, observed, desired)
    if observed.origin:
        notes = (Note(message=f"the target is {observed.origin}; what happened since then is not in it"), *notes)
    return replace(desired, resources=kept), replace(observed, unknown_kinds=unknown), notes


def _told(desired: DesiredState) -> DesiredState:
    """Without fields that stay in git. Only profiles have any, and they come before the thousands."""
    fewer: dict[Key, Resource] = {}
    for key, resource in desired.resources.items():
        if key.kind == "Mailbox":
            break
        silent = STAYS_IN_GIT.get(key.kind)
        if silent and not silent.isdisjoint(resource.spec):
            fewer[key] = resource._replace(spec={path: leaf for path, leaf in resource.spec.items() if path not in silent})
    return replace(desired, resources={**desired.resources, **fewer}) if fewer else desired


def _shown(resource: Resource, hidden: Mapping[str, str], dropped: dict[tuple[str, str], list[Key]]) -> dict[str, Leaf]:
    left: dict[str, Leaf] = {}
    for path, leaf in resource.spec.items():
        # A secret's leaves lie below its path.
        field = path if path in hidden else path.rpartition(".")[0]
        if field not in hidden:
            left[path] = leaf
            continue
        keys = dropped.setdefault((resource.key.kind, field), [])
        if not keys or keys[-1] != resource.key:
            keys.append(resource.key)
    return left


def _notes(dropped: Mapping[tuple[str, str], list[Key]], observed: ObservedState, desired: DesiredState) -> tuple[Note, ...]:
    notes: list[Note] = []
    for (kind, path), keys in sorted(dropped.items()):
        why = observed.hidden[kind][path]
        if len(keys) == 1:
            words = f"{path} is not compared: {why}"
            notes.append(Note(message=words, key=keys[0], position=desired.locate(keys[0], path)))
        else:
            notes.append(Note(message=f"{path} of {len(keys):,} {_PLURALS[kind]} is not compared: {why}"))
    return tuple(notes)
