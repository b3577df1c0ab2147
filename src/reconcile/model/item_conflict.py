"""What both sides changed, with both versions."""

from __future__ import annotations

from reconcile.lazy_dataclass import dataclass
from reconcile.model.item import ItemKind


@dataclass(frozen=True, slots=True, kw_only=True)
class NewConflict:
    """Both sides changed a `field` ("" for an edit that met a deletion). `ours` and `theirs` are its columns as JSON documents."""

    field: str
    ours: str
    theirs: str
    ours_wins: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemConflict:
    """One that was kept; `id` counts from 1, `resolved_at` is "" while nobody has seen to it. Of old ones nobody knows `resolved_by`."""

    id: int
    record_id: int
    kind: ItemKind
    mailbox_id: str
    field: str
    ours: str
    theirs: str
    ours_wins: bool
    at: str
    resolved_at: str = ""
    resolved_by: str = ""
