"""An applied resource whose fields can be refused by name, with the place where they are declared."""

from __future__ import annotations

from collections.abc import Mapping

from reconcile.lazy_dataclass import dataclass
from reconcile.model.canonical import Leaf
from reconcile.model.condition import Condition
from reconcile.model.defaults import derived
from reconcile.ports.target import AppliedResource


class Refused(Exception):
    """Carries the condition out of the checks of a decision; no decision lets it out. `off`: by declaration, nothing is to be done.
    `waiting`: for a person's word, as it should be."""

    def __init__(self, condition: Condition, *, off: bool = False, waiting: bool = False) -> None:
        super().__init__(condition.message)
        self.condition = condition
        self.off = off
        self.waiting = waiting


@dataclass(frozen=True, slots=True)
class Row:
    """`spec` is what is declared, and what follows from it where nothing is. `now` is UTC RFC 3339, for the conditions."""

    resource: AppliedResource
    spec: Mapping[str, Leaf]
    now: str

    def refuse(self, type_: str, reason: str, message: str, field: str, *, off: bool = False) -> Refused:
        """To be raised."""
        return Refused(self.condition(type_, reason, message, field), off=off)

    def unsupported(self, field: str, message: str) -> Refused:
        """To be raised for what is declared and cannot be done."""
        return self.refuse("Unsupported", "NotBuilt", message, field)

    def condition(self, type_: str, reason: str, message: str, field: str) -> Condition:
        """Ready is false, Unsupported and Off are true."""
        origins = self.resource.origins
        # A secret's place is that of its reference.
        origin = origins.get(field) or origins.get(f"{field}.ref") or origins.get("", "")
        return Condition(type=type_, status=type_ != "Ready", reason=reason, message=message, since=self.now, field=field, origin=origin)


def row(resource: AppliedResource, now: str) -> Row:
    """With everything that follows from what is declared."""
    declared = {path: leaf for path, leaf in resource.spec.items() if leaf is not None}
    return Row(resource, {**derived(resource.kind, declared), **declared}, now)
