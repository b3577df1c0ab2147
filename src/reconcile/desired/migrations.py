"""Documents of older versions: what changed from version to version, as data.

They are read as if they had been written today, and `reconcile migrate` writes them so. Each version names the steps that lead
to the next; a new version adds its predecessor here and to nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from reconcile.desired.yaml import Path, Value
from reconcile.desired.yaml_places import Document
from reconcile.lazy_dataclass import dataclass
from reconcile.model.key import API_VERSION


@dataclass(frozen=True, slots=True)
class Rename:
    """A field of a kind has another name; its value means the same. `path` is where it stood."""

    kind: str
    path: tuple[str, ...]
    name: str


@dataclass(frozen=True, slots=True)
class Migration:
    """Steps from one version to `to`."""

    to: str
    steps: tuple[Rename, ...]


#: Version → what leads on from it. The last `to` is the version of today (a test holds that).
MIGRATIONS: Final[Mapping[str, Migration]] = MappingProxyType(
    {
        "reconcile/v1alpha1": Migration(
            to="reconcile/v1alpha2",
            # The same folders in the same order; that a later one may be laid over an earlier one is new.
            steps=(Rename("Environment", ("spec", "folders"), "layers"),),
        ),
    }
)


def steps_from(version: str) -> tuple[Rename, ...]:
    """All steps that lead from a version to today's."""
    steps: list[Rename] = []
    while (migration := MIGRATIONS.get(version)) is not None:
        steps += migration.steps
        version = migration.to
    return tuple(steps)


def is_old(value: Value) -> bool:
    """Whether a document is of an older version that is still read."""
    return isinstance(value, dict) and isinstance(version := value.get("apiVersion"), str) and version in MIGRATIONS


def migrated(value: Value) -> Value:
    """The document as it would be written today; the same object where it is."""
    if not is_old(value) or not isinstance(value, dict):
        return value
    result: dict[str, Value] = {**value, "apiVersion": API_VERSION}
    for step in steps_from(str(value["apiVersion"])):
        if result.get("kind") == step.kind:
            _rename(result, step.path, step.name)
    return result


def _rename(document: dict[str, Value], path: tuple[str, ...], name: str) -> None:
    node = document
    for part in path[:-1]:
        child = node.get(part)
        if not isinstance(child, dict):
            return
        node[part] = dict(child)
        node = node[part]  # type: ignore[assignment]  # the dict that was just put there
    if path[-1] in node and name not in node:
        renamed = {name if key == path[-1] else key: item for key, item in node.items()}
        node.clear()
        node.update(renamed)


def with_places(document: Document) -> Document:
    """A document with its places, under the names of today."""
    if not is_old(document.value) or not isinstance(document.value, dict):
        return document
    moved = {step.path: (*step.path[:-1], step.name) for step in steps_from(str(document.value["apiVersion"]))}

    def today(path: Path) -> Path:
        for old, new in moved.items():
            if path[: len(old)] == old:
                return (*new, *path[len(old) :])
        return path

    document.values = {today(path): span for path, span in document.values.items()}
    document.keys = {today(path): span for path, span in document.keys.items()}
    document.value = migrated(document.value)
    return document
