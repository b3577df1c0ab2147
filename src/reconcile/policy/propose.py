"""From a finding and the edits that its rule names to a fix, or to words where somebody else gives the value. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from reconcile.desired.edit import Edit
from reconcile.desired.organization_defaults import DEFAULTS, organization_of
from reconcile.desired.yaml import Value, read_values
from reconcile.model import kinds
from reconcile.model.finding import Finding
from reconcile.model.key import Key
from reconcile.model.resource import DesiredState, Lifecycle, Resource
from reconcile.policy.fixes import Fix, Suggestion, shown
from reconcile.policy.variable import PREFIXES

if TYPE_CHECKING:
    from reconcile.model.policy_rule import RuleEdit

_KINDS: Final = {prefix: kind for kind, prefix in PREFIXES.items()}
_NOT_IN_SPEC: Final = ("name", "labels", "lifecycle")


#: File → its documents by key, those whose key stands there twice left out.
Written = Callable[[str], Mapping[Key, Value]]


def documents_of(data: bytes | None) -> Mapping[Key, Value]:
    """Of a file of YAML; none of one that cannot be read."""
    found: dict[Key, Value] = {}
    twice: set[Key] = set()
    for _, value in (read_values(data) if data is not None else None) or ():
        metadata = value.get("metadata") if isinstance(value, dict) else None
        kind, name = (value.get("kind") if isinstance(value, dict) else None), metadata.get("name") if isinstance(metadata, dict) else None
        if isinstance(kind, str) and isinstance(name, str):
            key = Key(kind, name)
            twice |= {key} & found.keys()
            found[key] = value
    return {key: value for key, value in found.items() if key not in twice}


def propose(finding: Finding, edits: Sequence[RuleEdit], desired: DesiredState, written: Written) -> Fix | Suggestion | None:
    """None where the rule names no edit. `desired` is the environment it was found in."""
    if not edits or finding.resource is None:
        return None
    fields: list[str] = []
    changes: list[Edit] = []
    whose: Key | None = None
    for one in edits:
        prefix, _, path = one.field.partition(".")
        key = _owner(prefix, finding.resource, desired)
        resource = desired.resources.get(key) if key is not None else None
        what = f"remove {path}" if one.set_to is None else f"set {path}: {shown(one.set_to)}"
        if key is None or resource is None:
            return Suggestion(finding, f"{what}, but nothing in {desired.environment} is the {prefix} of {finding.resource}")
        if whose not in (None, key):
            return Suggestion(finding, f"{what} in {key}, together with an edit of {whose}")
        if (where := _given_by(desired, resource, path)) or (where := _elsewhere(desired, resource, path, one, written)):
            return Suggestion(finding, f"{what} of {key}: {where}")
        whose = key
        fields.append(path)
        changes.append(Edit(("spec", *map(str, kinds.steps(key.kind, path))), one.set_to))
    assert whose is not None
    file = desired.resources[whose].position.file
    return Fix(file=file, key=whose, edits=tuple(changes), fields=tuple(fields), findings=(finding,))


def _owner(prefix: str, subject: Key, desired: DesiredState) -> Key | None:
    kind = _KINDS.get(prefix)
    if kind == subject.kind:
        return subject
    if kind == "EmailServerProfile" and subject.kind == "Mailbox":
        mailbox = desired.resources.get(subject)
        name = mailbox.spec.get("profile") if mailbox is not None else None
        organization = organization_of(desired.resources)
        if name is None and organization is not None and mailbox is not None and "profile" not in mailbox.spec:
            name = desired.resources[organization].spec.get("defaults.profile")
        return Key(kind, name) if isinstance(name, str) else None
    return next((key for key in desired.resources if key.kind == kind), None) if kind else None


def _given_by(desired: DesiredState, resource: Resource, path: str) -> str:
    """Who gives the value, where it is not the document itself."""
    key = resource.key
    if resource.lifecycle is Lifecycle.EXTERNAL:
        return "it belongs to somebody else"
    if path.partition(".")[0] in _NOT_IN_SPEC:
        return "it stands outside of spec"
    for given, giver in resource.assigned.items():
        if given == path or given.startswith(f"{path}."):
            return f"{giver} gives it, at {desired.locate(key, given)}"
    if key.kind == "Mailbox" and path in DEFAULTS and path not in resource.spec:
        organization = organization_of(desired.resources)
        if organization is not None and desired.resources[organization].spec.get(f"defaults.{path}") is not None:
            return f"{organization} gives it to new mailboxes, at {desired.locate(key, path)}"
    return ""


def _elsewhere(desired: DesiredState, resource: Resource, path: str, edit: RuleEdit, written: Written) -> str:
    """Where it is written, if that is not one document in one file of YAML; or that there is nothing to edit."""
    key, file = resource.key, resource.position.file
    place = desired.locate(key, path)
    if place.file.lower().endswith(".csv"):
        return f"it is a row of the table {place.file}, line {place.line}"
    if file.lower().endswith(".csv"):
        return f"the list that the row {resource.position} belongs to gives it, at {place}"
    own = [one for one in resource.spec if one not in resource.assigned]
    files = {place.file, desired.locate(key, "").file, *(desired.locate(key, one).file for one in own)}
    if files != {file}:
        return f"several files say what it is; this comes from {place}"
    here: Value = written(file).get(key)
    if here is None:
        return f"it has no document of its own, but comes from {place}"
    for part in ("spec", *kinds.steps(key.kind, path)):
        here = here.get(str(part)) if isinstance(here, dict) else None
    if isinstance(here, str) and "${" in here:
        return f"its value {here} is put in from a variable, at {place}"
    if here is None and edit.set_to is None:
        return "it is written nowhere"
    return "it has this value already" if here == edit.set_to and type(here) is type(edit.set_to) else ""
