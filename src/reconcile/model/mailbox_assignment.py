"""Settings for many mailboxes at once: the code form of the product's bulk edit and of "apply default e-mail settings".

Not a row of any target: it fills in fields of mailboxes before they are planned (Power Platform: "Set or change the default email
settings for mailboxes", "Edit mailboxes in bulk").
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal, TypeAlias

from pydantic import Field, StringConstraints

from reconcile.model.document import Document, Group, LabelName, Spec, required, setting
from reconcile.model.mailbox import MailboxSettings, MailboxType
from reconcile.model.problem import Problem
from reconcile.model.text import NO_SPACE_PATTERN, Domain, Line, SetOf

NamePattern: TypeAlias = Annotated[str, StringConstraints(pattern=NO_SPACE_PATTERN, max_length=320)]

_LARGEST = 1_000_000


class AssignmentSelector(Group):
    """Which mailboxes. All conditions must hold; of a list one entry must."""

    everything: bool = setting("Every mailbox in scope; stands instead of all conditions.", default=False)
    types: Annotated[tuple[MailboxType, ...], Field(strict=False), SetOf] | None = setting(
        "Types of mailboxes.", examples=(["queue", "forward"],)
    )
    domains: Annotated[tuple[Domain, ...], Field(strict=False), SetOf] | None = setting(
        "Domains of the e-mail address, without their subdomains; case makes no difference.", examples=(["contoso.example"],)
    )
    labels: dict[LabelName, str] = setting(
        "Labels under metadata; all must be there with this value.", default={}, examples=({"team": "sales"},)
    )
    business_units: Annotated[tuple[Line, ...], Field(strict=False), SetOf] | None = setting(
        "Business units: facts.businessUnit of a document, the owning business unit of a row; case makes no difference.",
        examples=(["Vertrieb Süd"],),
    )
    groups: Annotated[tuple[Line, ...], Field(strict=False), SetOf] | None = setting(
        "Groups: facts.groups of a document, the groups of a row; case makes no difference.", examples=(["field-service"],)
    )
    names: Annotated[tuple[NamePattern, ...], Field(strict=False), SetOf] | None = setting(
        "Patterns for metadata.name or the e-mail address: * for any characters, ? for one; case makes no difference.",
        examples=(["sales-*", "*@contoso.example"],),
    )
    scope: Literal["declared", "target", "both"] = setting(
        "declared: mailboxes that have a document; target: those that exist on the target only, which are then taken over.",
        default="declared",
    )


class MailboxAssignmentSpec(Spec):
    """One assignment."""

    priority: int = setting(
        "Of two assignments that set the same field, the higher priority wins; with equal ones neither is applied.",
        default=0,
        ge=-_LARGEST,
        le=_LARGEST,
        examples=(100,),
    )
    selector: AssignmentSelector = required("Which mailboxes.")
    settings: MailboxSettings = setting("Fields of these mailboxes; what a mailbox says itself wins, also null.", default=MailboxSettings())
    use_organization_defaults: bool = setting(
        "Give these mailboxes what Organization.spec.defaults says, as far as it fits their type; settings win.", default=False
    )


class MailboxAssignment(Document):
    """Settings for all mailboxes that a selector finds."""

    kind: Literal["MailboxAssignment"] = required("MailboxAssignment.")
    spec: MailboxAssignmentSpec = required("What is wanted.")


def problems(spec: MailboxAssignmentSpec) -> Iterator[Problem]:
    """Assignments that select nothing, everything by mistake, or give nothing."""
    selector = spec.selector
    conditions = {
        "types": selector.types,
        "domains": selector.domains,
        "labels": selector.labels if "labels" in selector.model_fields_set else None,
        "businessUnits": selector.business_units,
        "groups": selector.groups,
        "names": selector.names,
    }
    written = {name: value for name, value in conditions.items() if value is not None}
    for name, value in written.items():
        if not value:
            yield Problem(f"selector.{name}", "an empty condition is met by no mailbox: name something, or remove the line")
    if selector.everything and written:
        yield Problem(
            "selector.everything", f"stands instead of conditions, but {', '.join(written)} is there too: remove one or the other"
        )
    if not selector.everything and not written:
        yield Problem("selector", "has no condition: name types, domains, labels … or say everything: true")
    if selector.scope == "target" and selector.labels:
        yield Problem("selector.labels", "rows of the target have no labels: select them by type, domain, business unit, group or name")
    if not spec.settings.model_fields_set and not spec.use_organization_defaults:
        yield Problem("settings", "the assignment gives nothing: write settings, or useOrganizationDefaults: true")
