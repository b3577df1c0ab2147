"""What of a declared resource is ours to compare, and what the inventory keeps about it beyond its fields."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from reconcile.model.canonical import Leaf, Spec, same
from reconcile.model.change import KEEP_DEFAULTS, Cause, FieldChange, Keep, Note
from reconcile.model.inventory import InventoryEntry
from reconcile.model.key import Key
from reconcile.model.management import UNMANAGED, OnRemoval, covers, on_removal
from reconcile.model.resource import Resource
from reconcile.plan.removal import is_disabled_orphan

_SHOWN = 5


def keep_of(resource: Resource) -> Keep:
    """What must outlive the document. A row that no document ever declared, only an assignment, is at most forgotten."""
    management = resource.management
    if management is UNMANAGED and resource.external_id is None:
        return KEEP_DEFAULTS
    fallback = OnRemoval.FORGET if resource.external_id is not None else None
    return Keep(on_removal=management.on_removal or fallback, protected=management.protected)


def records(keep: Keep, entry: InventoryEntry, cause_of: Callable[[str], Cause]) -> tuple[FieldChange, ...]:
    """Fields of `management` that the inventory has otherwise; nothing is written to the target for them."""
    pairs: tuple[tuple[str, Leaf, Leaf], ...] = (
        ("management.onRemoval", _word(entry.on_removal), _word(keep.on_removal)),
        ("management.protect", entry.protected, keep.protected),
    )
    return tuple(
        FieldChange(path=path, before=before, after=after, cause=cause_of(path)) for path, before, after in pairs if before != after
    )


def of_records(recorded: Iterable[FieldChange], keep: Keep, entry: InventoryEntry) -> Iterator[str]:
    """What a change of `management` means from now on."""
    paths = {record.path for record in recorded}
    if "management.protect" in paths:
        yield "stays whatever happens to its document" if keep.protected else "may go with its document"
    if "management.onRemoval" in paths:
        policy = on_removal(keep.on_removal, adopted=entry.adopted, kind=entry.key.kind)
        yield f"{_FOLLOWS[policy]} when its document leaves git"


_FOLLOWS = {OnRemoval.DELETE: "is deleted", OnRemoval.DISABLE: "is made inactive", OnRemoval.FORGET: "stays, and is no longer ours,"}


def _word(policy: OnRemoval | None) -> str | None:
    return None if policy is None else policy.value


def compared(resource: Resource, entry: InventoryEntry | None) -> Spec:
    """The declared fields that are ours. Made inactive because its document left git, a row starts again when it is back."""
    spec = resource.spec
    if resource.management.ignored:
        spec = {path: leaf for path, leaf in spec.items() if not covers(resource.management.ignored, path)}
    if entry is not None and "state" not in spec and is_disabled_orphan(entry):
        spec = dict(sorted({**spec, "state": "active"}.items()))
    return spec


def ignored(resource: Resource, shown: Spec) -> tuple[str, ...]:
    """Declared fields that the target has otherwise, and that belong to somebody else."""
    patterns = resource.management.ignored
    if not patterns:
        return ()
    return tuple(path for path, leaf in resource.spec.items() if not same(leaf, shown.get(path)) and covers(patterns, path))


def ignored_note(found: Iterable[tuple[Key, str]]) -> Note | None:
    """One note a plan: how many, and the first of them by name."""
    all_of_them = sorted(found)
    if not all_of_them:
        return None
    some = f"{len(all_of_them):,} fields differ and are left as the target has them"
    count = "1 field differs and is left as the target has it" if len(all_of_them) == 1 else some
    names = ", ".join(f"{path} of {key}" for key, path in all_of_them[:_SHOWN])
    more = f" and {len(all_of_them) - _SHOWN:,} more" if len(all_of_them) > _SHOWN else ""
    what = "it" if len(all_of_them) == 1 else "them"
    return Note(message=f"{count}, because management.ignore names {what}: {names}{more}")
