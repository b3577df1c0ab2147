"""Assignments brought to the documents of one environment: effective mailboxes, what contradicts itself, and what must wait. Pure.

A mailbox that a bad assignment might mean is held: without that assignment it would get other values than its owner asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from typing import Final

from reconcile.desired import trouble
from reconcile.desired.assignments import KIND, Assignment, Assignments, Given, assignment, takes_defaults
from reconcile.desired.draft import Draft
from reconcile.desired.relations import Declared
from reconcile.desired.selector import Selectors, declared_traits, selector
from reconcile.desired.suspicion import Suspect
from reconcile.lazy_dataclass import dataclass
from reconcile.model import kinds
from reconcile.model.canonical import Spec
from reconcile.model.finding import Severity
from reconcile.model.key import Key
from reconcile.model.resource import Lifecycle, Resource

_NO_ORGANIZATION: Final[Spec] = {}


@dataclass(slots=True, kw_only=True)
class Expansion:
    """`effective` are the mailboxes that assignments change, by the place of their document in the list that was given; `held` maps
    keys to reasons, `contradicted` those whose own file must count as bad too; `doubts` say what might cover rows of the target."""

    effective: dict[int, Resource] = field(default_factory=dict)
    held: dict[Key, str] = field(default_factory=dict)
    contradicted: dict[Key, str] = field(default_factory=dict)
    drafts: list[Draft] = field(default_factory=list)
    doubts: tuple[str, ...] = ()


def expand(
    declared: Sequence[Declared], held: Mapping[Key, str], suspects: Sequence[Suspect], *, environment: str, some_unread: bool
) -> Expansion:
    """`declared` are all sound documents, `held` what is held already, `suspects` what bad documents and files may assign.

    `some_unread`: there may be more mailboxes than are declared soundly.
    """
    result = Expansion()
    sound, more = _sorted_out(declared, held, result)
    suspects = [*suspects, *more]
    result.doubts = tuple(one.why for one in suspects if one.selector.target)
    if not sound and not suspects:
        return result
    places = {one.resource.key: one for one in declared if one.resource.key.kind == KIND}
    assignments = Assignments(sound)
    selectors = Selectors([one.selector for one in suspects])
    troubles = trouble.Troubles()
    references: dict[object, tuple[Key, ...]] = {}
    for number, one in enumerate(declared):
        resource = one.resource
        if resource.key.kind != "Mailbox" or resource.lifecycle is Lifecycle.EXTERNAL:
            continue
        traits = declared_traits(resource.key.name, resource.spec, resource.labels)
        given = assignments.give(traits, resource.spec)
        for place in selectors.selecting(traits) if suspects else ():
            if suspects[place].holds(resource.spec, given is not None):
                result.held.setdefault(resource.key, suspects[place].why)
        if given is None:
            continue
        if given.clashes or given.misfits:
            result.contradicted[resource.key] = troubles.note(resource.key, given)
            continue
        result.effective[number] = _effective(resource, given, references)
    result.drafts += troubles.drafts(assignments, lambda key, path: places[key].place("spec", *path.split(".")))
    idle = (places[one.key] for one in assignments.idle() if one.selector.narrows and not one.selector.target)
    result.drafts += (_idle(one, environment, some_unread=some_unread) for one in idle)
    return result


def _idle(one: Declared, environment: str, *, some_unread: bool) -> Draft:
    hint = "correct the selector, or remove the assignment; what it gave before is no longer looked after, and stays as it is"
    return Draft(
        rule="assignment/selects-nothing",
        severity=Severity.WARNING,
        message=f"the selector means no mailbox that environment {environment} looks after",
        hint=hint + ("; or it means one whose document has errors" if some_unread else ""),
        place=one.place("spec", "selector"),
        resource=one.resource.key,
    )


def _effective(resource: Resource, given: Given, references: dict[object, tuple[Key, ...]]) -> Resource:
    profile = given.spec.get("profile")
    if profile not in references:
        references[profile] = kinds.references("Mailbox", given.spec)
    return resource._replace(spec=given.spec, assigned=given.assigned, references=references[profile])


def _sorted_out(declared: Sequence[Declared], held: Mapping[Key, str], result: Expansion) -> tuple[list[Assignment], list[Suspect]]:
    """Assignments that can be used, and those that only tell whom to leave alone."""
    organization = next(
        (one.resource for one in declared if one.resource.key.kind == "Organization" and one.resource.key not in held), None
    )
    spec = organization.spec if organization is not None else _NO_ORGANIZATION
    usable: list[Assignment] = []
    suspects: list[Suspect] = []
    for one in declared:
        resource = one.resource
        if resource.key.kind != KIND:
            continue
        why = held.get(resource.key)
        if why is None and takes_defaults(resource.spec):
            for draft, reason in _without_defaults(one, organization, held):
                result.drafts.append(draft)
                why = result.contradicted[resource.key] = reason
            if organization is None and why is None:
                why = result.held[resource.key] = f"it needs {_organization_of(held)}, which is held"
        if why is None:
            usable.append(assignment(resource, spec))
        else:
            suspects.append(Suspect(selector=selector(resource.spec), why=f"{resource.key} may give it settings, but {why}"))
    return usable, suspects


def _organization_of(held: Mapping[Key, str]) -> Key | None:
    return next((key for key in held if key.kind == "Organization"), None)


def _without_defaults(one: Declared, organization: Resource | None, held: Mapping[Key, str]) -> Iterator[tuple[Draft, str]]:
    if organization is None and _organization_of(held) is None:
        yield (
            Draft(
                rule="assignment/no-organization",
                message="the environment declares no Organization whose defaults could be given",
                hint="declare an Organization with spec.defaults, or write the fields under settings",
                place=one.place("spec", "useOrganizationDefaults"),
                resource=one.resource.key,
            ),
            "there is no Organization whose defaults it could give",
        )
