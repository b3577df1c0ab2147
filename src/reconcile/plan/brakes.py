"""Limits on a plan: how much, how dangerous. On by default, each lifted by its name and only for one run."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import field, replace

from reconcile.errors import SettingsError
from reconcile.lazy_dataclass import dataclass
from reconcile.model import duration
from reconcile.model.canonical import Spec
from reconcile.model.change import Adopt, BrakeTripped, Change, Create, Delete, FieldChange, Update
from reconcile.model.inventory import InventoryEntry
from reconcile.model.key import Key

BULK_DELETE = "bulk-delete"
BULK_UPDATE = "bulk-update"
EMPTIED = "emptied"
FLOOR_MOVED_BACK = "floor-moved-back"
PROFILE_IN_USE = "profile-in-use"
IMPERSONATING_ACCOUNT = "impersonating-account-changed"
RETENTION_SHORTENED = "retention-shortened"
THREE_ADDRESSES = "three-addresses"

_ONE_ADDRESS = "linkedItems.oneMailingAddress"
_NO_KNOB = "none, any one trips it"
_RAISE_FIRST = "apply that first with --only Environment"

#: Every brake, with what it stops. The figures are the usual ones; `spec.brakes` of the Environment sets others.
BRAKES: Mapping[str, str] = {
    BULK_DELETE: "more deletions, deactivations and moves to another profile than max(3, 10 % of what is ours)",
    BULK_UPDATE: "more updates than max(20, 30 % of what is ours)",
    EMPTIED: "nothing, or nothing of a kind, is declared any more while the target holds some of ours",
    FLOOR_MOVED_BACK: "mail that was passed over is read after all",
    PROFILE_IN_USE: "a profile is deleted, forgotten, made inactive or renamed while mailboxes use it",
    IMPERSONATING_ACCOUNT: "mailboxes are opened by another account than before",
    RETENTION_SHORTENED: "mail that is kept now would be purged for good",
    THREE_ADDRESSES: "three addresses of linked contacts would be synchronised, and what is overwritten then does not come back",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """At most the larger of `count` and `percent` of what is ours, set at `knob`."""

    count: int
    percent: int
    knob: str

    def of(self, whole: int) -> int:
        """How many of `whole` may be."""
        return max(self.count, whole * self.percent // 100)

    def within(self, applied: Limit, whole: int) -> Limit:
        """This one, or the one that was applied before where that is smaller."""
        if applied.of(whole) >= self.of(whole):
            return self
        return replace(applied, knob=f"{self.knob}, which is raised by this very change: {_RAISE_FIRST}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The limits of one environment."""

    bulk_delete: Limit
    bulk_update: Limit

    def within(self, applied: Limits, whole: int) -> Limits:
        """No change loosens the brakes it is measured by: of each limit the smaller one. `whole` is how many rows are ours."""
        return Limits(
            bulk_delete=self.bulk_delete.within(applied.bulk_delete, whole),
            bulk_update=self.bulk_update.within(applied.bulk_update, whole),
        )

    @classmethod
    def of(cls, spec: Spec, *, environment: str) -> Limits:
        """Those that its document declares, else the usual ones."""
        return cls(
            bulk_delete=_limit(spec, "brakes.bulkDelete", 3, 10, environment),
            bulk_update=_limit(spec, "brakes.bulkUpdate", 20, 30, environment),
        )


def _limit(spec: Spec, path: str, count: int, percent: int, environment: str) -> Limit:
    def number(name: str, usual: int) -> int:
        leaf = spec.get(f"{path}.{name}")
        return leaf if isinstance(leaf, int) and not isinstance(leaf, bool) else usual

    return Limit(count=number("count", count), percent=number("percent", percent), knob=f"spec.{path} of Environment/{environment}")


USUAL = Limits.of({}, environment="")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What the brakes measure against. `declared` are all keys in git, held ones included; `still_used` maps a profile that goes to
    the rows that will miss it; `riding` maps a profile to the mailboxes that are declared on it; `sunk` are mailboxes whose floor
    moves back because another profile has an earlier one; `other_account` are profiles that impersonate with another account;
    `taken_away` are rows that are still there and whose document is gone; `stands_for` is how many rows are declared and there, on a
    target of which nothing can be ours."""

    inventory: Mapping[Key, InventoryEntry]
    declared: Collection[Key]
    still_used: Mapping[Key, Sequence[Key]] = field(default_factory=dict)
    riding: Mapping[str, Sequence[Key]] = field(default_factory=dict)
    sunk: Collection[Key] = ()
    renamed_profiles: Mapping[str, str] = field(default_factory=dict)
    other_account: Sequence[Key] = ()
    taken_away: Sequence[Key] = ()
    limits: Limits = USUAL
    target: str = ""
    stands_for: int | None = None

    @property
    def whole(self) -> int:
        """How many rows are ours."""
        return len(self.inventory) if self.stands_for is None else self.stands_for

    @property
    def scope(self) -> str:
        """What is counted over."""
        what = "what is ours" if self.stands_for is None else "what is declared and there"
        return f"{what} on target {self.target}" if self.target else what


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
    touched = moved(changes)
    found = [
        _bulk_delete(deletes, touched, ground),
        _bulk_update(touched, ground),
        _emptied(ground),
        _floor(touched, ground),
        _in_use(ground),
        _impersonation(ground),
        _retention(touched),
        _three_addresses(changes),
    ]
    return tuple(brake for brake in found if brake is not None)


def moved(changes: Iterable[Change]) -> list[Update | Adopt]:
    """Those that write to a row that is there."""
    return [
        change
        for change in changes
        if (isinstance(change, Adopt) and change.fields) or (isinstance(change, Update) and (change.fields or change.rotated))
    ]


def _fields(change: Update | Adopt) -> Mapping[str, FieldChange]:
    return {field.path: field for field in change.fields}


def _bulk_delete(deletes: Sequence[Delete], moved: Sequence[Update | Adopt], ground: Ground) -> BrakeTripped | None:
    hit: dict[Key, None] = {change.key: None for change in deletes}
    for change in moved:
        if stops(change) or moves_profile(change, ground):
            hit[change.key] = None
        state = _fields(change).get("state")
        if change.key.kind == "EmailServerProfile" and state is not None and state.after == "inactive":
            # All its mailboxes stop with it.
            hit.update(dict.fromkeys(ground.riding.get(change.key.name, ())))
    of = max(ground.whole, len(hit))
    limit = ground.limits.bulk_delete.of(of)
    if len(hit) <= limit:
        return None
    message = f"{len(hit)} of {of} resources would be deleted, stopped or moved to another profile; at most {limit} at a time"
    knob = ground.limits.bulk_delete.knob
    return BrakeTripped(
        name=BULK_DELETE, message=message, count=len(hit), of=of, limit=limit, keys=tuple(hit), knob=knob, scope=ground.scope
    )


def stops(change: Update | Adopt) -> bool:
    """Whether a row is made inactive, or a direction of it is switched off."""
    fields = _fields(change)
    state = fields.get("state")
    if state is not None and state.after == "inactive":
        return True
    directions = (fields.get("incoming"), fields.get("outgoing"))
    return any(field is not None and field.before == "server-side" for field in directions)


def moves_profile(change: Update | Adopt, ground: Ground) -> bool:
    """Whether it gets another profile; the same one under a new name is none."""
    profile = _fields(change).get("profile")
    return profile is not None and profile.before is not None and ground.renamed_profiles.get(str(profile.after)) != profile.before


def _bulk_update(moved: Sequence[Update | Adopt], ground: Ground) -> BrakeTripped | None:
    of = max(ground.whole, len(moved))
    limit = ground.limits.bulk_update.of(of)
    if len(moved) <= limit:
        return None
    message = f"{len(moved)} of {of} resources would be updated; at most {limit} at a time"
    keys = tuple(change.key for change in moved)
    knob = ground.limits.bulk_update.knob
    return BrakeTripped(name=BULK_UPDATE, message=message, count=len(moved), of=of, limit=limit, keys=keys, knob=knob, scope=ground.scope)


def _emptied(ground: Ground) -> BrakeTripped | None:
    by_kind: dict[str, list[Key]] = {}
    for key in ground.taken_away:
        by_kind.setdefault(key.kind, []).append(key)
    left = {key.kind for key in ground.declared}
    emptied = {kind: keys for kind, keys in by_kind.items() if kind not in left}
    if not emptied:
        return None
    keys = tuple(key for kind in emptied for key in emptied[kind])
    of = ground.whole
    what = "nothing" if not left - {"Environment"} else " and ".join(f"no {kind}" for kind in sorted(emptied))
    message = f"{what} is declared any more, but {len(keys)} of ours {'is' if len(keys) == 1 else 'are'} on the target"
    return BrakeTripped(name=EMPTIED, message=message, count=len(keys), of=of, limit=0, keys=keys, knob=_NO_KNOB, scope=ground.scope)


def floors_moved_back(moved: Iterable[Update | Adopt], ground: Ground) -> Iterator[Key]:
    """Resources of which mail is read that was passed over."""
    for change in moved:
        floor = _fields(change).get("processEmailFrom")
        back = floor is not None and isinstance(floor.before, str) and (floor.after is None or str(floor.after) < floor.before)
        if back or change.key in ground.sunk:
            yield change.key


def _floor(moved: Sequence[Update | Adopt], ground: Ground) -> BrakeTripped | None:
    keys = tuple(floors_moved_back(moved, ground))
    if not keys:
        return None
    message = f"{_number(len(keys), 'resource')} would read mail again that was passed over"
    return BrakeTripped(
        name=FLOOR_MOVED_BACK,
        message=message,
        count=len(keys),
        of=len(moved),
        limit=0,
        keys=keys,
        knob=_NO_KNOB,
        scope="changes of this plan",
    )


def _number(count: int, noun: str, plural: str = "s") -> str:
    return f"{count} {noun}{'' if count == 1 else plural}"


def _in_use(ground: Ground) -> BrakeTripped | None:
    keys = tuple(key for key, users in sorted(ground.still_used.items()) if users)
    if not keys:
        return None
    users = sum(len(ground.still_used[key]) for key in keys)
    message = f"{_number(len(keys), 'profile')} would go or stop while in use by {_number(users, 'mailbox', 'es')}"
    scope = "mailboxes on the target, ours or not"
    return BrakeTripped(name=PROFILE_IN_USE, message=message, count=len(keys), of=users, limit=0, keys=keys, knob=_NO_KNOB, scope=scope)


def _impersonation(ground: Ground) -> BrakeTripped | None:
    keys = tuple(ground.other_account)
    if not keys:
        return None
    mailboxes = sum(len(ground.riding.get(key.name, ())) for key in keys)
    opened = f"{_number(mailboxes, 'mailbox', 'es')} would be opened by another account than before"
    return BrakeTripped(
        name=IMPERSONATING_ACCOUNT,
        message=f"{opened}: {_number(len(keys), 'profile')} would impersonate with it",
        count=len(keys),
        of=mailboxes,
        limit=0,
        keys=keys,
        knob=_NO_KNOB,
        scope="profiles of this plan",
    )


def _retention(moved: Sequence[Update | Adopt]) -> BrakeTripped | None:
    keys = tuple(change.key for change in moved if any(_shortened(field) for field in change.fields))
    if not keys:
        return None
    return BrakeTripped(
        name=RETENTION_SHORTENED,
        message="mail or items would be kept for a shorter time than now, and what is older purged for good",
        count=len(keys),
        of=len(keys),
        limit=0,
        keys=keys,
        knob=_NO_KNOB,
        scope="the environment",
    )


def _shortened(field: FieldChange) -> bool:
    if not field.path.startswith("retention.") or not isinstance(field.after, str):
        return False
    return not isinstance(field.before, str) or duration.parse(field.after) < duration.parse(field.before)


def _three_addresses(changes: Sequence[Change]) -> BrakeTripped | None:
    """A door of one way (ADR 0045): switching back stops what is still to come and restores nothing. An organization that is only now
    declared counts, too: contacts may be linked since long."""
    keys = tuple(change.key for change in changes if change.key.kind == "Organization" and _opens(change))
    if not keys:
        return None
    return BrakeTripped(
        name=THREE_ADDRESSES,
        message="home and other address of linked contacts would be synchronised: what one side has there takes the place of what the other"
        " has as soon as somebody edits it, and switching back restores nothing",
        count=len(keys),
        of=len(keys),
        limit=0,
        keys=keys,
        knob=_NO_KNOB,
        scope="the environment",
    )


def _opens(change: Change) -> bool:
    if isinstance(change, Create):
        return change.spec.get(_ONE_ADDRESS) is False
    return isinstance(change, (Update, Adopt)) and any(
        field.path == _ONE_ADDRESS and field.after is False and field.before is not False for field in change.fields
    )


def lift(brakes: Sequence[BrakeTripped], names: Collection[str]) -> tuple[tuple[BrakeTripped, ...], tuple[str, ...]]:
    """(those that still stand, names of those that tripped and were lifted)."""
    standing = tuple(brake for brake in brakes if brake.name not in names)
    return standing, tuple(brake.name for brake in brakes if brake.name in names)
