"""Limits on a plan: how much, how dangerous. On by default, each lifted by its name and only for one run."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from reconcile.errors import SettingsError
from reconcile.model.change import Adopt, BrakeTripped, Change, Delete, FieldChange, Update
from reconcile.model.inventory import InventoryEntry
from reconcile.model.key import Key

BULK_DELETE = "bulk-delete"
BULK_UPDATE = "bulk-update"
EMPTIED = "emptied"
FLOOR_MOVED_BACK = "floor-moved-back"
PROFILE_IN_USE = "profile-in-use"

#: Every brake, with what it stops.
BRAKES: Mapping[str, str] = {
    BULK_DELETE: "more deletions, deactivations and moves to another profile than max(3, 10 % of what is ours)",
    BULK_UPDATE: "more updates than max(20, 30 % of what is ours)",
    EMPTIED: "nothing, or nothing of a kind, is declared any more while the target holds some of ours",
    FLOOR_MOVED_BACK: "mail that was passed over is read after all",
    PROFILE_IN_USE: "a profile goes while mailboxes refer to it",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What the brakes measure against. `declared` are all keys in git, held ones included; `still_used` maps a profile to the rows
    that will refer to it afterwards; `riding` maps a profile to the mailboxes that are declared on it; `sunk` are mailboxes whose
    floor moves back because another profile has an earlier one."""

    inventory: Mapping[Key, InventoryEntry]
    declared: Collection[Key]
    still_used: Mapping[Key, Sequence[Key]] = field(default_factory=dict)
    riding: Mapping[str, Sequence[Key]] = field(default_factory=dict)
    sunk: Collection[Key] = ()
    renamed_profiles: Mapping[str, str] = field(default_factory=dict)


def check_names(names: Iterable[str]) -> frozenset[str]:
    """The named brakes. Raises SettingsError for one that does not exist, so that a typo lifts nothing silently."""
    wanted = frozenset(names)
    unknown = sorted(wanted - BRAKES.keys())
    if unknown:
        raise SettingsError(f"there is no brake called {unknown[0]!r}", hint=f"The brakes are {', '.join(BRAKES)}.")
    return wanted


def tripped(changes: Sequence[Change], ground: Ground) -> tuple[BrakeTripped, ...]:
    """All that stand, in the order of `BRAKES`."""
    deletes = [change for change in changes if isinstance(change, Delete)]
    moved = [change for change in changes if isinstance(change, (Update, Adopt)) and change.fields]
    found = [
        _bulk_delete(deletes, moved, ground),
        _bulk_update(moved, ground),
        *_emptied(deletes, ground),
        _floor(moved, ground),
        _in_use(deletes, ground),
    ]
    return tuple(brake for brake in found if brake is not None)


def _fields(change: Update | Adopt) -> Mapping[str, FieldChange]:
    return {field.path: field for field in change.fields}


def _bulk_delete(deletes: Sequence[Delete], moved: Sequence[Update | Adopt], ground: Ground) -> BrakeTripped | None:
    hit: dict[Key, None] = {change.key: None for change in deletes}
    for change in moved:
        fields = _fields(change)
        if _stops(fields) or _moves_profile(fields, ground.renamed_profiles):
            hit[change.key] = None
        state = fields.get("state")
        if change.key.kind == "EmailServerProfile" and state is not None and state.after == "inactive":
            # All its mailboxes stop with it.
            hit.update(dict.fromkeys(ground.riding.get(change.key.name, ())))
    of = max(len(ground.inventory), len(hit))
    limit = max(3, of // 10)
    if len(hit) <= limit:
        return None
    message = f"{len(hit)} of {of} resources would be deleted, stopped or moved to another profile; at most {limit} at a time"
    return BrakeTripped(name=BULK_DELETE, message=message, count=len(hit), of=of, limit=limit, keys=tuple(hit))


def _stops(fields: Mapping[str, FieldChange]) -> bool:
    state = fields.get("state")
    if state is not None and state.after == "inactive":
        return True
    directions = (fields.get("incoming"), fields.get("outgoing"))
    return any(field is not None and field.before == "server-side" for field in directions)


def _moves_profile(fields: Mapping[str, FieldChange], renamed: Mapping[str, str]) -> bool:
    profile = fields.get("profile")
    return profile is not None and profile.before is not None and renamed.get(str(profile.after)) != profile.before


def _bulk_update(moved: Sequence[Update | Adopt], ground: Ground) -> BrakeTripped | None:
    of = max(len(ground.inventory), len(moved))
    limit = max(20, of * 3 // 10)
    if len(moved) <= limit:
        return None
    message = f"{len(moved)} of {of} resources would be updated; at most {limit} at a time"
    keys = tuple(change.key for change in moved)
    return BrakeTripped(name=BULK_UPDATE, message=message, count=len(moved), of=of, limit=limit, keys=keys)


def _emptied(deletes: Sequence[Delete], ground: Ground) -> list[BrakeTripped]:
    gone: dict[str, list[Key]] = {}
    for change in deletes:
        gone.setdefault(change.key.kind, []).append(change.key)
    left = {key.kind for key in ground.declared}
    emptied = {kind: keys for kind, keys in gone.items() if kind not in left}
    if not emptied:
        return []
    keys = tuple(key for kind in emptied for key in emptied[kind])
    of = len(ground.inventory)
    what = "nothing" if not left - {"Environment"} else " and ".join(f"no {kind}" for kind in sorted(emptied))
    message = f"{what} is declared any more, but {len(keys)} of ours {'is' if len(keys) == 1 else 'are'} on the target"
    return [BrakeTripped(name=EMPTIED, message=message, count=len(keys), of=of, limit=0, keys=keys)]


def _floor(moved: Sequence[Update | Adopt], ground: Ground) -> BrakeTripped | None:
    keys = []
    for change in moved:
        floor = _fields(change).get("processEmailFrom")
        back = floor is not None and isinstance(floor.before, str) and (floor.after is None or str(floor.after) < floor.before)
        if back or change.key in ground.sunk:
            keys.append(change.key)
    if not keys:
        return None
    message = f"{_number(len(keys), 'resource')} would read mail again that was passed over"
    return BrakeTripped(name=FLOOR_MOVED_BACK, message=message, count=len(keys), of=len(moved), limit=0, keys=tuple(keys))


def _number(count: int, noun: str, plural: str = "s") -> str:
    return f"{count} {noun}{'' if count == 1 else plural}"


def _in_use(deletes: Sequence[Delete], ground: Ground) -> BrakeTripped | None:
    keys = tuple(change.key for change in deletes if change.key.kind == "EmailServerProfile" and ground.still_used.get(change.key))
    if not keys:
        return None
    users = sum(len(ground.still_used[key]) for key in keys)
    message = f"{_number(len(keys), 'profile')} would be deleted while in use by {_number(users, 'mailbox', 'es')}"
    return BrakeTripped(name=PROFILE_IN_USE, message=message, count=len(keys), of=users, limit=0, keys=keys)


def lift(brakes: Sequence[BrakeTripped], names: Collection[str]) -> tuple[tuple[BrakeTripped, ...], tuple[str, ...]]:
    """(those that still stand, names of those that tripped and were lifted)."""
    standing = tuple(brake for brake in brakes if brake.name not in names)
    return standing, tuple(brake.name for brake in brakes if brake.name in names)
