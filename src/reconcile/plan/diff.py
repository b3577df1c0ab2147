"""Which declared fields differ from what the target shows.

Only declared paths count: what is omitted is unmanaged, an explicit null means that the target should show nothing. What the
server made of an earlier write is no difference as long as neither side moved since (`InventoryEntry.answered`).
"""

from __future__ import annotations

from collections.abc import Callable

from reconcile.lazy_dataclass import dataclass
from reconcile.model.canonical import Spec, same
from reconcile.model.change import Cause, FieldChange
from reconcile.model.inventory import InventoryEntry

#: Path and whether git moved / the outside moved since the last apply → the cause. Made once a plan, see `cause`.
CauseOf = Callable[[str], Cause]


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """`fields` to change, in the order of their paths; `kept` are paths the server holds otherwise than written, by its own choice."""

    fields: tuple[str, ...]
    kept: tuple[str, ...]


def difference(desired: Spec, observed: Spec, entry: InventoryEntry | None) -> Difference | None:
    """None when there is nothing to say: the usual case, so it makes no objects."""
    paths: list[str] | None = None
    for path, leaf in desired.items():
        other = observed.get(path)
        if leaf is not other and (type(leaf) is not type(other) or leaf != other):
            if paths is None:
                paths = []
            paths.append(path)
    if paths is None:
        return None
    paths.sort()
    kept = tuple(path for path in paths if entry is not None and is_answered(path, desired, observed, entry))
    return Difference(fields=tuple(path for path in paths if path not in kept), kept=kept)


def is_answered(path: str, desired: Spec, observed: Spec, entry: InventoryEntry) -> bool:
    """Whether the server shows for `path` exactly what it made of the very value that is still asked for."""
    return (
        path in entry.answered
        and path in entry.applied
        and same(entry.applied[path], desired.get(path))
        and same(entry.answered[path], observed.get(path))
    )


def field_changes(paths: tuple[str, ...], desired: Spec, observed: Spec, cause_of: CauseOf) -> tuple[FieldChange, ...]:
    """The differing fields with before, after and cause."""
    return tuple(FieldChange(path=path, before=observed.get(path), after=desired.get(path), cause=cause_of(path)) for path in paths)
