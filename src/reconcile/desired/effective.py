"""Every field that a resource ends up with, and where its value comes from. Pure; the values are those that plans use."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from reconcile.desired.organization_defaults import organization_defaults
from reconcile.desired.origin import written_at
from reconcile.desired.provider_origin import provider_place
from reconcile.lazy_dataclass import dataclass
from reconcile.model import kinds
from reconcile.model.canonical import Leaf
from reconcile.model.key import APPLIED_KINDS, Key
from reconcile.model.position import Position
from reconcile.model.resource import DesiredState, Lifecycle


class Origin(StrEnum):
    """What gives a field its value. The last two count when a row is made; later the field is left as the target has it."""

    DOCUMENT = "document"
    ASSIGNMENT = "assignment"
    PROVIDER = "provider"
    TARGET = "target"
    ORGANIZATION = "organization default"
    DEFAULT = "documented default"

    @property
    def on_create(self) -> bool:
        """Whether it counts only when a row is made."""
        return self in (Origin.ORGANIZATION, Origin.DEFAULT)


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectiveField:
    """`path` and `value` in canonical form. `by` is the assignment or mail provider, or the resource whose document holds the value where
    that is another one; `position` is where it is written, None for a documented default and for what came with reconcile; `layer` is
    the folder of the environment's layer that the file is in, "" where there are no layers. `through` is the assignment that hands an
    organization's default on."""

    path: str
    value: Leaf
    origin: Origin
    by: Key | None = None
    position: Position | None = None
    layer: str = ""
    through: Key | None = None


def effective(desired: DesiredState, key: Key) -> tuple[EffectiveField, ...]:
    """In the order of paths. Raises KeyError when the desired state has no such resource, or it is held."""
    resource = desired.resources[key]
    layers = _layers(desired)
    # Somebody else's, and rows that are there already, are never made.
    is_made = key.kind in APPLIED_KINDS and resource.lifecycle is not Lifecycle.EXTERNAL and resource.external_id is None
    given = organization_defaults(desired, resource) if is_made else {}
    filled = {**given, **resource.spec}
    made = kinds.defaults(key.kind, filled) if is_made else {}
    fields: list[EffectiveField] = []
    for path, value in sorted({**made, **filled}.items()):
        if path in made:
            fields.append(EffectiveField(path=path, value=value, origin=Origin.DEFAULT))
            continue
        if resource.external_id is not None and path not in resource.assigned:
            fields.append(EffectiveField(path=path, value=value, origin=Origin.TARGET))
            continue
        giver = resource.assigned.get(path)
        if giver is not None and giver.kind == "MailProvider":
            position = provider_place(desired.policies, resource, path)
            layer = layer_of(layers, position.file) if position is not None else ""
            fields.append(EffectiveField(path=path, value=value, origin=Origin.PROVIDER, by=giver, position=position, layer=layer))
            continue
        writer, _ = written_at(desired.resources, key, path)
        position = desired.locate(key, path)
        fields.append(
            EffectiveField(
                path=path,
                value=value,
                origin=Origin.ASSIGNMENT if giver is not None else Origin.ORGANIZATION if path in given else Origin.DOCUMENT,
                by=None if writer == key else writer,
                position=position,
                layer=layer_of(layers, position.file),
                through=giver if giver is not None and giver != writer else None,
            )
        )
    return tuple(fields)


def _layers(desired: DesiredState) -> Sequence[str]:
    own = desired.resources.get(Key("Environment", desired.environment))
    layers = own.spec.get("layers") if own is not None else None
    return layers if isinstance(layers, tuple) else ()


def layer_of(layers: Sequence[str], file: str) -> str:
    """The folder of the layer that a file is in: of folders in each other the inner one."""
    return max((folder for folder in layers if folder == "." or file.startswith(f"{folder}/")), key=_depth, default="")


def _depth(folder: str) -> int:
    return 0 if folder == "." else len(folder)
