"""Who accepts which findings, why, and until when."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal, TypeAlias

from pydantic import Field, StringConstraints

from reconcile.model.document import Group, LabelName, PolicyDocument, Spec, required, setting
from reconcile.model.problem import Problem
from reconcile.model.text import NO_SPACE_PATTERN, Instant, Line, Paragraphs, SetOf, Slug

WaivedKind: TypeAlias = Literal["EmailServerProfile", "Mailbox", "Organization", "Environment"]
NamePattern: TypeAlias = Annotated[str, StringConstraints(pattern=NO_SPACE_PATTERN, max_length=320)]


class WaiverSelector(Group):
    """Whose findings. All conditions must hold; of a list one entry must. At least one is written."""

    kinds: Annotated[tuple[WaivedKind, ...], Field(strict=False), SetOf] | None = setting("Kinds of resources.")
    names: Annotated[tuple[NamePattern, ...], Field(strict=False), SetOf] | None = setting(
        "Patterns for metadata.name: * for any characters, ? for one.", examples=(["legacy-*"],)
    )
    labels: dict[LabelName, str] = setting("Labels under metadata; all must be there with this value.", default={})
    everything: bool = setting("Every finding of the rules; stands instead of all conditions.", default=False)


class WaiverSpec(Spec):
    """One waiver."""

    rules: Annotated[tuple[Slug, ...], Field(strict=False), SetOf] = required(
        "metadata.name of each rule; no patterns.", examples=(["incoming-uses-tls"],)
    )
    selector: WaiverSelector = required("Whose findings.")
    environments: Annotated[tuple[Slug, ...], Field(strict=False), SetOf] | None = setting(
        "Environments it is for; omitted means all that take the document."
    )
    reason: Paragraphs = required("Why the finding is accepted.")
    ticket: Line | None = setting("Where it is followed up.", max_length=400, examples=("CHG-1024",))
    approver: Line = required("Who accepts it; a name among approvers of PolicySettings.", max_length=200)
    expires: Instant = required("First instant it no longer holds.", examples=("2027-03-31",))


class Waiver(PolicyDocument):
    """Who accepts which findings, why, and until when."""

    kind: Literal["Waiver"] = required("Waiver.")
    spec: WaiverSpec = required("What is accepted.")


def problems(spec: WaiverSpec) -> Iterator[Problem]:
    """Waivers that accept nothing, or everything by mistake."""
    selector = spec.selector
    written = [name for name in ("kinds", "names", "labels") if getattr(selector, name)]
    if not spec.rules:
        yield Problem("rules", "names no rule")
    if selector.everything and written:
        yield Problem("selector.everything", f"stands instead of conditions, but {', '.join(written)} is there too")
    if not selector.everything and not written:
        yield Problem("selector", "has no condition: name kinds, names or labels, or say everything: true")
    if not spec.reason.strip():
        yield Problem("reason", "says nothing: write why the finding is accepted")
