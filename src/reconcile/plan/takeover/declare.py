"""One row as a document: what of it is written, and a word on what is not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from functools import lru_cache
from typing import Final

from pydantic import ValidationError

from reconcile.desired.organization_defaults import fitting
from reconcile.desired.plaintext import looks_secret
from reconcile.lazy_dataclass import dataclass
from reconcile.model import kinds
from reconcile.model.canonical import Leaf, Spec, same, unflatten
from reconcile.model.defaults import derived
from reconcile.model.key import API_VERSION, Key
from reconcile.model.observation import Present

_REFERENCE: Final[Mapping[str, str]] = {"Mailbox": "profile", "Organization": "defaults.profile"}
#: Paths whose default depends on other fields (`model.defaults`).
_DERIVED: Final[Mapping[str, tuple[str, ...]]] = {
    "EmailServerProfile": (
        "incoming.protocol",
        "incoming.port",
        "outgoing.protocol",
        "outgoing.tls",
        "outgoing.port",
        "outgoing.credentials",
    ),
    "Mailbox": ("displayName",),
}
#: What is said of the profile that the platform made: by these rules tell whose mailboxes do not belong on it.
_TOLD: Final = frozenset({"displayName", "serverType", "incoming.credentials"})
_OAUTH: Final = frozenset({"gmail-oauth", "entra-oauth"})


class CannotDeclare(Exception):
    """No document can hold the row; `str` says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A document to be written. `spec` is flat, `beside` maps paths to a word beside the field, `remarks` stand below."""

    key: Key
    spec: Spec
    external_id: str
    is_external: bool = False
    beside: Mapping[str, str] = field(default_factory=dict)
    remarks: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """`profiles` maps the id (or slug) by which rows refer to a profile to the slug of its document; `owners` ids to names. `given` is
    what the organization gives new mailboxes, path → value."""

    profiles: Mapping[str, str]
    owners: Mapping[str, str] = field(default_factory=dict)
    given: Spec = field(default_factory=dict)


def declare(key: Key, row: Present, names: Names) -> Draft:
    """The document of a row: what differs from what a new one would get. Raises CannotDeclare."""
    if row.built_in:
        return Draft(
            key=key,
            spec={path: leaf for path, leaf in row.spec.items() if path in _TOLD},
            external_id=row.external_id,
            is_external=True,
            remarks=("The platform made this profile. It is referred to and never written: this only says what it is, for rules.",),
        )
    remarks: list[str] = []
    beside: dict[str, str] = {}
    own = _own(key.kind, row.spec, names, beside, remarks)
    given = fitting(str(row.spec.get("type") or "user"), names.given) if key.kind == "Mailbox" else {}
    spec = _fitting(key.kind, {**_without_defaults(key.kind, own), **_not_as_given(row.spec, own, given)}, remarks)
    remarks += _secrets(key.kind, spec)
    return Draft(key=key, spec=spec, external_id=row.external_id, beside=beside, remarks=remarks)


def _own(kind: str, shown: Spec, names: Names, beside: dict[str, str], remarks: list[str]) -> dict[str, Leaf]:
    """The fields of a row in the words of documents: profiles by slug, nothing that looks like a secret."""
    spec: dict[str, Leaf] = {}
    known = _order(kind)
    for path, leaf in shown.items():
        if leaf is None or (path not in known and path.rpartition(".")[0] not in known):
            continue
        if path == _REFERENCE.get(kind) and isinstance(leaf, str):
            slug = names.profiles.get(leaf)
            if slug is None:
                remarks.append(f"{path} is not written: the row refers to {leaf}, which is not among the profiles taken over.")
                continue
            leaf = slug
        elif path == "owner" and leaf in names.owners and not looks_secret(names.owners[str(leaf)]):
            beside[path] = names.owners[str(leaf)]
        if any(looks_secret(text) for text in (leaf if isinstance(leaf, tuple) else (leaf,)) if isinstance(text, str)):
            remarks.append(f"{path} is not written: what it holds looks like a secret. Remove it there, and change it.")
            continue
        spec[path] = leaf
    return spec


def _without_defaults(kind: str, spec: Mapping[str, Leaf]) -> dict[str, Leaf]:
    fixed = _fixed(kind)
    left = {path: leaf for path, leaf in spec.items() if path not in fixed or not same(fixed[path], leaf)}
    for path in _DERIVED.get(kind, ()):
        if path in left and same(derived(kind, {other: leaf for other, leaf in spec.items() if other != path}).get(path), left[path]):
            del left[path]
    return left


def _not_as_given(shown: Spec, own: Spec, given: Spec) -> dict[str, Leaf]:
    """What the organization would give otherwise has to be said, or the mailbox would come out differently if it were made again. Only
    what the row shows to be empty is written as null."""
    said: dict[str, Leaf] = {}
    for path, leaf in given.items():
        if path in own and not same(own[path], leaf):
            said[path] = own[path]
        elif path in shown and shown[path] is None:
            said[path] = None
    return said


@lru_cache(maxsize=8)
def _fixed(kind: str) -> Mapping[str, Leaf]:
    return kinds.defaults(kind, {})


def _fitting(kind: str, spec: dict[str, Leaf], remarks: list[str]) -> dict[str, Leaf]:
    """What the model takes of it, in the order of the model. Raises CannotDeclare when nothing is left that could be taken."""
    order = _order(kind)
    left = dict(sorted(spec.items(), key=lambda item: order.get(item[0], order.get(item[0].rpartition(".")[0], 0))))
    while True:
        document = {"apiVersion": API_VERSION, "kind": kind, "metadata": {"name": "x"}, "spec": unflatten(left)}
        try:
            kinds.decode(kind, document, time_zone="UTC")
        except ValidationError as error:
            left = _without_faults(kind, left, error, remarks)
        else:
            return left


def _without_faults(kind: str, spec: dict[str, Leaf], error: ValidationError, remarks: list[str]) -> dict[str, Leaf]:
    left = dict(spec)
    for detail in error.errors(include_url=False, include_context=False, include_input=False):
        path = ".".join(str(part) for part in detail["loc"][1:] if isinstance(part, str))
        faulty = [other for other in left if other == path or other.startswith(f"{path}.") or path.startswith(f"{other}.")]
        pattern = detail["type"] == "string_pattern_mismatch"
        words = "it has not the form that the field takes" if pattern else detail["msg"].removeprefix("Value error, ")
        if not faulty or path in _required(kind):
            if len(left) < len(spec):
                return left  # what was said of it may follow from what has just been left out
            raise CannotDeclare(f"{path}: {words}")
        remarks += [f"{path} is not written: it is {_shown(left.pop(path))}, which no document can hold ({words})." for path in faulty]
    return left


@lru_cache(maxsize=8)
def _order(kind: str) -> Mapping[str, int]:
    return {info.path: number for number, info in enumerate(kinds.fields(kind))}


@lru_cache(maxsize=8)
def _required(kind: str) -> frozenset[str]:
    return frozenset(info.path for info in kinds.fields(kind) if info.required)


def _secrets(kind: str, spec: Spec) -> list[str]:
    """Passwords that must exist, and that no target shows."""
    missing: list[tuple[str, str]] = []
    if kind == "Mailbox" and spec.get("credentials.allowUse") is True:
        missing.append(("credentials.password", "MAILBOX_PASSWORD"))
    if kind == "EmailServerProfile":
        directions = ["incoming"] if spec.get("useSameSettingsForOutgoing") is not False else ["incoming", "outgoing"]
        used = {spec.get(f"{direction}.credentials") for direction in directions}
        missing += [(f"{name}.password", "PROFILE_PASSWORD") for name in directions if spec.get(f"{name}.credentials") == "profile"]
        missing += [("oauth.clientSecret", "CLIENT_SECRET")] if used & _OAUTH else []
    return [
        f"{path} is not in the export: a target never shows it. To manage it here, add {path.rpartition('.')[2]}: env:{name}"
        for path, name in missing
        if f"{path}.ref" not in spec
    ]


def _shown(leaf: Leaf) -> str:
    text = ", ".join(leaf) if isinstance(leaf, tuple) else str(leaf)
    return text if len(text) <= 60 else text[:59] + "…"
