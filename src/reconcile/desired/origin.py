"""Where the value of a field was written: in the document, in an assignment or a mail provider, or in the organization whose defaults it
takes. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from reconcile.desired.organization_defaults import DEFAULTS, organization_of
from reconcile.desired.provider_origin import provider_place
from reconcile.model.key import Key
from reconcile.model.policy_declared import PolicyDeclared
from reconcile.model.position import Position
from reconcile.model.resource import Resource

#: Key and path of a spec ("" for the document) → the place in git.
Locate = Callable[[Key, str], Position]
_NO_POLICIES: Mapping[Key, PolicyDeclared] = {}


def written_at(resources: Mapping[Key, Resource], key: Key, path: str) -> tuple[Key, str]:
    """Whose document holds the value of a field of a mailbox, and under which path of that document's spec."""
    resource = resources.get(key)
    if resource is None or not path or key.kind != "Mailbox":
        return key, path
    giver = resource.assigned.get(path)
    if giver is None and (path in resource.spec or path not in DEFAULTS):
        return key, path
    assignment = resources.get(giver) if giver is not None else None
    if giver is not None and (assignment is None or f"settings.{path}" in assignment.spec):
        return giver, f"settings.{path}"
    organization = organization_of(resources)
    if organization is None or (giver is None and f"defaults.{path}" not in resources[organization].spec):
        return key, path
    return organization, f"defaults.{path}"


def through_assignments(locate: Locate, resources: Mapping[Key, Resource], policies: Mapping[Key, PolicyDeclared] = _NO_POLICIES) -> Locate:
    """The same for fields that others give: their lines are few and asked for again and again, so they are remembered.

    What a mail provider gives that came with reconcile stands where the profile names it.
    """
    known: dict[tuple[Key, str], Position] = {}

    def found(key: Key, path: str) -> Position:
        """Path as in the canonical spec ("incoming.port"), one of the group ("management.protect"), or "" for the document."""
        if key.kind == "EmailServerProfile" and (resource := resources.get(key)) is not None and path in resource.assigned:
            return provider_place(policies, resource, path) or locate(key, "provider")
        giver, written = written_at(resources, key, path)
        if giver == key:
            return locate(key, path)
        place = known.get((giver, written))
        if place is None:
            place = known[giver, written] = locate(giver, written)
        return place

    return found
