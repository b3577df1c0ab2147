"""The declared kinds, and everything the rest of the house asks about them. Pure.

A decoded document becomes a flat canonical spec (see `canonical`); from there on nobody handles documents any more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from importlib import import_module
from types import MappingProxyType, ModuleType
from typing import TYPE_CHECKING, Any, Final, Literal, cast, overload

from pydantic import Field, ValidationError, create_model
from pydantic_core import InitErrorDetails, PydanticCustomError

from reconcile.model import defaults as creation
from reconcile.model import duration, instant
from reconcile.model import fields as listing
from reconcile.model.canonical import Leaf, unflatten
from reconcile.model.canonical import Spec as CanonicalSpec
from reconcile.model.document import Document, SecretValue, Spec, Strict
from reconcile.model.fields import FieldInfo
from reconcile.model.key import Key
from reconcile.model.mail_address import mailbox_identity
from reconcile.model.problem import Problem
from reconcile.model.resource import Lifecycle
from reconcile.model.secret import SecretRef

if TYPE_CHECKING:
    from reconcile.model.email_server_profile import EmailServerProfileSpec
    from reconcile.model.environment import EnvironmentSpec
    from reconcile.model.mailbox import MailboxSpec
    from reconcile.model.mailbox_assignment import MailboxAssignmentSpec
    from reconcile.model.organization import OrganizationSpec


class _Models(Mapping[str, type[Document]]):
    """The model of each kind, made when it is first asked for: an estate of mailboxes needs one of them, and each costs milliseconds."""

    def __getitem__(self, kind: str) -> type[Document]:
        model: type[Document] = getattr(_module(kind), kind)
        return model

    def __iter__(self) -> Iterator[str]:
        return iter(_MODULES)

    def __len__(self) -> int:
        return len(_MODULES)


_MODULES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "Environment": "environment",
        "EmailServerProfile": "email_server_profile",
        "Organization": "organization",
        "MailboxAssignment": "mailbox_assignment",
        "MailboxList": "mailbox_list",
        "Mailbox": "mailbox",
    }
)
MODELS: Final[Mapping[str, type[Document]]] = _Models()


@lru_cache(maxsize=16)
def _module(kind: str) -> ModuleType:
    """Raises KeyError for an unknown kind."""
    return import_module(f"reconcile.model.{_MODULES[kind]}")


@lru_cache(maxsize=16)
def spec_model(kind: str) -> type[Spec]:
    """The model of a kind's spec."""
    return cast("type[Spec]", MODELS[kind].model_fields["spec"].annotation)


def _problems(kind: str, spec: Spec) -> Iterator[Problem]:
    """What its module finds wrong with a spec as a whole."""
    found: Iterator[Problem] = _module(kind).problems(spec)
    return found


#: What somebody else's resource must say to be recognised; all else that its kind requires may be left out.
IDENTITY: Final[Mapping[str, str]] = MappingProxyType({"EmailServerProfile": "displayName", "Mailbox": "emailAddress"})


def is_external(document: Mapping[str, object]) -> bool:
    """Whether a raw document says that it belongs to somebody else."""
    management = document.get("management")
    return isinstance(management, Mapping) and management.get("lifecycle") == "external"


@lru_cache(maxsize=8)
def _external_model(kind: str) -> type[Document]:
    """The model of a kind in which only the identity is required."""
    spec = spec_model(kind)
    optional: dict[str, Any] = {
        name: (field.annotation | None, Field(default=None))  # type: ignore[operator]
        for name, field in spec.model_fields.items()
        if field.is_required() and field.alias != IDENTITY.get(kind)
    }
    if not optional:
        return MODELS[kind]
    relaxed = create_model(f"External{spec.__name__}", __base__=spec, **optional)
    return cast("type[Document]", create_model(f"External{kind}", __base__=MODELS[kind], spec=(relaxed, ...)))


def decode(kind: str, document: Mapping[str, object], *, time_zone: str) -> Document:
    """A document with variables already put in. Local dates take `time_zone`. Of somebody else's resource only the identity is
    required, and it may combine what we would not write.

    Raises pydantic's ValidationError; each error's `loc` is the path inside the document (`("spec", "incoming", "port")`),
    also for combinations of fields that cannot be. No error repeats the input. Raises KeyError for an unknown kind.
    """
    external = is_external(document)
    decoded = (_external_model(kind) if external else MODELS[kind]).model_validate(document, context={"time_zone": time_zone})
    if not external:
        problems = [*_problems(kind, decoded.spec)]
        if problems:
            raise ValidationError.from_exception_data(kind, [_line_error(problem) for problem in problems], hide_input=True)
    return decoded


def _line_error(problem: Problem) -> InitErrorDetails:
    error = PydanticCustomError("combination", "{problem}", {"problem": problem.message})
    return InitErrorDetails(type=error, loc=("spec", *problem.path.split(".")), input=None)


def canonical(document: Document) -> dict[str, Leaf]:
    """Only what was declared: null as None, instants in UTC, durations normalised, secrets as .ref, .generation and .expires."""
    flat: dict[str, Leaf] = {}
    _emit(document.spec, _layout(type(document.spec)), flat)
    return flat


@overload
def typed(kind: Literal["Mailbox"], spec: CanonicalSpec) -> MailboxSpec: ...
@overload
def typed(kind: Literal["EmailServerProfile"], spec: CanonicalSpec) -> EmailServerProfileSpec: ...
@overload
def typed(kind: Literal["Organization"], spec: CanonicalSpec) -> OrganizationSpec: ...
@overload
def typed(kind: Literal["MailboxAssignment"], spec: CanonicalSpec) -> MailboxAssignmentSpec: ...
@overload
def typed(kind: Literal["Environment"], spec: CanonicalSpec) -> EnvironmentSpec: ...
@overload
def typed(kind: str, spec: CanonicalSpec) -> Spec: ...
def typed(kind: str, spec: CanonicalSpec) -> Spec:
    """The spec model of a kind from a flat spec; what is missing or None takes the default it would get on create.

    Raises ValidationError when a leaf does not fit, or a required field is missing.
    """
    declared = {path: leaf for path, leaf in spec.items() if leaf is not None}
    derived = {path: leaf for path, leaf in creation.derived(kind, declared).items() if path not in declared}
    return spec_model(kind).model_validate(unflatten({**derived, **declared}, _maps(kind)), context={"time_zone": "UTC"})


def steps(kind: str, path: str) -> list[str]:
    """The names that lead to a field of the spec: ["incoming", "port"]. A name that people chose (of a label) is one, dots and all."""
    prefix = next((prefix for prefix in _maps(kind) if path.startswith(prefix)), "")
    return [*prefix[:-1].split("."), path.removeprefix(prefix)] if prefix else path.split(".")


@lru_cache(maxsize=8)
def _maps(kind: str) -> tuple[str, ...]:
    """Prefixes of paths whose rest is a name that people chose, dots and all."""
    return tuple(f"{info.path}." for info in fields(kind) if info.type == "map")


def defaults(kind: str, declared: CanonicalSpec) -> dict[str, Leaf]:
    """What a create adds: the documented default of each field that was not declared. Declared fields (also None) are left out."""
    return {path: leaf for path, leaf in sorted({**_static(kind), **creation.derived(kind, declared)}.items()) if path not in declared}


@lru_cache(maxsize=8)
def _static(kind: str) -> Mapping[str, Leaf]:
    return {info.path: _leaf(info.value) for info in listing.fields(kind, spec_model(kind)) if info.value is not None}


#: Written out, because every plan asks and the models that say the same take milliseconds to make (a test holds both equal).
_SECRETS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "EmailServerProfile": (
            "incoming.password",
            "incoming.clientCertificate",
            "outgoing.password",
            "outgoing.clientCertificate",
            "oauth.clientSecret",
        ),
        "Mailbox": ("credentials.password", "credentials.refreshToken"),
    }
)


def secret_paths(kind: str) -> tuple[str, ...]:
    """Paths of secrets ("incoming.password"); their leaves are at path + ".ref", ".generation" and ".expires"."""
    return _SECRETS.get(kind, ())


#: Where a kind names an EmailServerProfile.
REFERENCE_PATHS: Final[Mapping[str, str]] = MappingProxyType(
    {"Mailbox": "profile", "MailboxAssignment": "settings.profile", "Organization": "defaults.profile"}
)


def references(kind: str, spec: CanonicalSpec) -> tuple[Key, ...]:
    """What a resource needs on the target first."""
    path = REFERENCE_PATHS.get(kind)
    name = spec.get(path) if path else None
    return (Key("EmailServerProfile", name),) if isinstance(name, str) else ()


def natural_identity(kind: str, spec: CanonicalSpec) -> str | None:
    """By what a row is recognised that carries no slug of ours: address, display name, or the kind of a singleton."""
    if kind == "Mailbox":
        address = spec.get("emailAddress")
        return mailbox_identity(address) if isinstance(address, str) else None
    if lifecycle(kind) is Lifecycle.SINGLETON:
        return kind
    leaf = spec.get("displayName")
    return leaf.casefold() if isinstance(leaf, str) else None


def lifecycle(kind: str) -> Lifecycle:
    """One organization and one environment; everything else is managed."""
    return Lifecycle.SINGLETON if kind in ("Organization", "Environment") else Lifecycle.MANAGED


@lru_cache(maxsize=8)
def ignorable(kind: str) -> tuple[str, ...]:
    """What `management.ignore` may name without *: fields, and the groups they stand in."""
    paths = [info.path for info in fields(kind)]
    groups = {path.rpartition(".")[0] for path in paths if "." in path}
    return (*paths, *sorted(groups))


def fields(kind: str) -> Sequence[FieldInfo]:
    """Every field in the order of the model."""
    return listing.fields(kind, spec_model(kind))


_Encoder = Callable[[Any], Leaf]
_Layout = tuple[tuple[str, str, Any], ...]
_LAYOUTS: dict[tuple[type[Strict], str], _Layout] = {}


def _layout(model: type[Strict], prefix: str = "") -> _Layout:
    """Per field, sorted by path: attribute, path, and how it is emitted (an encoder, a nested layout, or a secret's layout)."""
    known = _LAYOUTS.get((model, prefix))
    if known is None:
        rows: list[tuple[str, str, Any]] = []
        for attribute, field in model.model_fields.items():
            path = f"{prefix}{field.alias}"
            core = listing.core(field.annotation)
            if isinstance(core, type) and issubclass(core, Strict):
                rows.append((attribute, path, _layout(core, f"{path}.")))
            else:
                rows.append((attribute, path, _ENCODERS.get(core)))
        known = _LAYOUTS[(model, prefix)] = tuple(sorted(rows, key=lambda row: row[1]))
    return known


_ENCODERS: Final[Mapping[object, _Encoder]] = {datetime: instant.text, timedelta: duration.text, SecretRef: str}


def _emit(model: Strict, layout: _Layout, flat: dict[str, Leaf]) -> None:
    declared = model.__pydantic_fields_set__
    values = model.__dict__
    for attribute, path, how in layout:
        if attribute not in declared:
            continue
        value = values[attribute]
        if value is None:
            _emit_null(path, how, flat)
        elif how is None:
            if type(value) is dict:
                flat.update((f"{path}.{name}", value[name]) for name in sorted(value))
            else:
                flat[path] = value
        elif type(how) is tuple:
            if type(value) is SecretValue:
                _emit_secret(value, path, how, flat)
            else:
                _emit(value, how, flat)
        else:
            flat[path] = how(value)


def _emit_secret(value: SecretValue, path: str, layout: _Layout, flat: dict[str, Leaf]) -> None:
    """Its generation is always there, in its place between the sorted paths."""
    leaves: dict[str, Leaf] = {f"{path}.generation": value.generation}
    _emit(value, layout, leaves)
    flat.update(sorted(leaves.items()))


def _emit_null(path: str, how: Any, flat: dict[str, Leaf]) -> None:
    if type(how) is tuple:
        flat.update((inner, None) for _, inner, _ in how)
    else:
        flat[path] = None


def _leaf(value: object) -> Leaf:
    encode = _ENCODERS.get(type(value))
    return encode(value) if encode else cast("Leaf", value)
