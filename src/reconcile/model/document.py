"""The envelope every declared document has, and how a field of a spec is declared.

A field with a default cannot be null: the default is what "not set" means for it. A field without one may be null, which
clears it. Omitted fields are unmanaged on update and take their default on create.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints
from pydantic.alias_generators import to_camel

from reconcile.model.management import FIELD_PATTERN
from reconcile.model.text import Instant, Reference, Slug

#: Stands for "no default": the field is None until it is declared, and null clears it.
CLEARABLE: Any = None


class Strict(BaseModel):
    """Frozen, no unknown keys, no conversion between types, camelCase names in documents."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, alias_generator=to_camel, hide_input_in_errors=True, defer_build=True
    )


class Spec(Strict):
    """What a document declares."""


class Group(Strict):
    """Fields that stand together under one name."""


def setting(description: str, *, default: Any = CLEARABLE, derived: str = "", examples: tuple[object, ...] = (), **limits: Any) -> Any:
    """One field. `derived` says in words what an omitted field becomes on create where that depends on other fields."""
    extra: dict[str, Any] = {}
    if derived:
        extra["x-default"] = derived
    return Field(default=default, description=description, examples=list(examples) or None, json_schema_extra=extra or None, **limits)


def required(description: str, *, examples: tuple[object, ...] = (), **limits: Any) -> Any:
    """A field that must be there."""
    return Field(description=description, examples=list(examples) or None, **limits)


class SecretValue(Group):
    """A secret by reference. Raise `generation` when the value behind the reference changed."""

    ref: Reference = required("Where the value is found: env:NAME, or file:PATH below the secrets directory.", examples=("env:CRM_MAIL",))
    generation: int = setting("Raise it by one when the value was rotated, so that it is applied again.", default=1, ge=1, le=2**31 - 1)
    expires: Instant | None = setting("When the value stops being valid; rules warn before.", examples=("2027-01-31",))


def _as_secret(value: object) -> object:
    if isinstance(value, str):
        return {"ref": value}
    if isinstance(value, (Mapping, SecretValue)):
        return value
    raise ValueError("a secret is written as a reference: env:NAME, file:PATH, or a mapping with ref, generation and expires")


SecretField = Annotated[SecretValue, BeforeValidator(_as_secret)]

LabelName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9]([A-Za-z0-9._/-]{0,251}[A-Za-z0-9])?$")]


class Metadata(Strict):
    """Who the document is about."""

    name: Slug = required("Stable slug of the resource; lower-case letters, digits and dashes, at most 63.", examples=("sales",))
    labels: dict[LabelName, str] = setting("Free names to select resources by.", default={}, examples=({"team": "sales"},))
    annotations: dict[LabelName, str] = setting("Free notes for people and tools.", default={})


FieldPattern: TypeAlias = Annotated[str, StringConstraints(pattern=FIELD_PATTERN, max_length=200)]
FieldPatterns: TypeAlias = Annotated[tuple[FieldPattern, ...], Field(strict=False)]


class ManagementSettings(Strict):
    """Whose the resource is, and how its row is treated."""

    lifecycle: Literal["managed", "external"] = setting(
        "external: it belongs to somebody else; it is referred to, never written.", default="managed"
    )
    on_removal: Literal["disable", "forget", "delete"] | None = setting(
        "What follows when the document leaves git: the row is made inactive, only forgotten, or deleted.",
        derived="disable for adopted rows, delete for rows that were created here",
    )
    protect: bool = setting("Neither delete, disable nor forget the row, also when the document is gone.", default=False)
    ignore: FieldPatterns | None = setting(
        "Fields of spec that are owned elsewhere: written on create, not compared later. * stands for any characters.",
        examples=(["owner"], ["credentials.*"]),
    )
    moved_from: Slug | None = setting(
        "metadata.name the resource had before, so that a renamed slug keeps its row.", examples=("sales-old",)
    )


class Document(Strict):
    """One declared resource."""

    api_version: Literal["reconcile/v1alpha2"] = required("Version of the format: reconcile/v1alpha2.")
    kind: str
    metadata: Metadata = required("Name, labels and annotations.")
    management: ManagementSettings = setting(
        "Whose the resource is, and how its row is treated.", default=ManagementSettings.model_construct()
    )
    spec: Spec


class PolicyDocument(Strict):
    """A document about the rules; it becomes no row of a target."""

    api_version: Literal["reconcile/v1alpha2"] = required("Version of the format: reconcile/v1alpha2.")
    kind: str
    metadata: Metadata = required("Name, labels and annotations.")
    spec: Spec
