"""Which row of the target belongs to which declared resource.

In order: the external id in the inventory, the slug where the target keeps it, the natural identity (address, display name).
A renamed slug with the same identity keeps its row, and so does a changed identity under the same slug. Where a new slug
declares the identity that an old slug gives up, the row follows the identity: cursors and tracked mail hang on the row, and
they belong to the mail account, not to the slug.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from reconcile.lazy_dataclass import dataclass
from reconcile.model.canonical import Spec
from reconcile.model.inventory import InventoryEntry
from reconcile.model.key import Key
from reconcile.model.kinds import natural_identity
from reconcile.model.observation import Absent, ObservedState, Present, Unknown
from reconcile.model.resource import DesiredState, Resource
from reconcile.plan.moved import Moves, is_muted, moved_from


class Match(NamedTuple):
    """`entry` is ours for this resource, `previous` its key when the slug was renamed. `ambiguous` says why nothing may be done.

    A tuple, because a plan makes tens of thousands of them.
    """

    entry: InventoryEntry | None
    observation: Present | Absent | Unknown
    previous: Key | None = None
    ambiguous: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Matches:
    """`orphans` are inventory entries that no declared resource took, with what the target shows of them; `contested` those of them
    that several resources claim."""

    declared: Mapping[Key, Match]
    orphans: Mapping[Key, Present | Absent | Unknown]
    contested: frozenset[Key] = frozenset()


class _Rows:
    """The reading of the target, indexed once."""

    def __init__(self, observed: ObservedState) -> None:
        self.state = observed
        self.by_id = {row.external_id: row for row in observed.rows}
        self._by_name: dict[tuple[str, str], Present] | None = None
        self._by_identity: dict[tuple[str, str], list[Present]] | None = None

    def of(self, kind: str, external_id: str) -> Present | Absent | Unknown:
        """Three answers, never two."""
        row = self.by_id.get(external_id)
        if row is not None:
            return row
        if external_id in self.state.unknown_rows:
            return Unknown(why=self.state.unknown_rows[external_id])
        if kind in self.state.unknown_kinds:
            return Unknown(why=self.state.unknown_kinds[kind])
        return Absent(proof=f"listed every {kind}")

    def named(self, key: Key) -> Present | None:
        if self._by_name is None:
            self._by_name = {(row.kind, row.name): row for row in self.state.rows if row.name is not None}
        return self._by_name.get((key.kind, key.name))

    def identified(self, kind: str, spec: Spec) -> list[Present]:
        if self._by_identity is None:
            self._by_identity = {}
            for row in self.state.rows:
                identity = natural_identity(row.kind, row.spec)
                if identity is not None:
                    self._by_identity.setdefault((row.kind, identity), []).append(row)
        identity = natural_identity(kind, spec)
        return [] if identity is None else self._by_identity.get((kind, identity), [])


def match(desired: DesiredState, observed: ObservedState, inventory: Mapping[Key, InventoryEntry]) -> Matches:
    """Match everything declared and everything that is ours."""
    rows = _Rows(observed)
    moves = moved_from(desired, inventory)
    claims = _claims(desired, rows, inventory, moves.claims)
    unclear, contested = _unclear(moves, claims)
    claimed = {entry.key for entry, _ in claims.values()}
    owners = {entry.external_id: key for key, entry in inventory.items()}
    muted = frozenset(key for key, entry in inventory.items() if is_muted(entry, desired))
    taken: dict[str, Key] = {entry.external_id: key for key, (entry, _) in claims.items()}
    declared: dict[Key, Match] = {}
    for key, resource in desired.resources.items():
        if key in unclear:
            declared[key] = _ambiguous(unclear[key])
            continue
        if key not in claims:
            declared[key] = _unmanaged(resource, rows, owners, taken, muted)
            continue
        entry, previous = claims[key]
        observation = rows.of(key.kind, entry.external_id)
        if isinstance(observation, Absent):
            # It vanished. Perhaps somebody made it again by hand: then that row is adopted, not a second one created.
            found = _unmanaged(resource, rows, owners, taken, muted)
            if not isinstance(found.observation, Absent):
                declared[key] = found
                continue
        declared[key] = Match(entry, observation, previous)
    orphans = {key: rows.of(key.kind, entry.external_id) for key, entry in inventory.items() if key not in claimed}
    return Matches(declared=declared, orphans=orphans, contested=contested)


def _unclear(moves: Moves, claims: dict[Key, tuple[InventoryEntry, Key | None]]) -> tuple[dict[Key, str], frozenset[Key]]:
    """(why what may not be done, keys of entries that nobody gets), where movedFrom says one thing and the identity another.

    Whoever would give up a row to such a resource cannot be told either, and so on along the chain; their claims are withdrawn.
    """
    unclear, contested = dict(moves.unclear), set(moves.contested)
    waiting = list(unclear)
    while waiting:
        key = waiting.pop()
        if key not in claims:
            continue
        entry, _ = claims.pop(key)
        contested.add(entry.key)
        if entry.key not in unclear:
            unclear[entry.key] = f"{key} declares what it was recognised by, and where {key} comes from is not clear"
            waiting.append(entry.key)
    return unclear, frozenset(contested)


def _claims(
    desired: DesiredState, rows: _Rows, inventory: Mapping[Key, InventoryEntry], moved: Mapping[Key, Key]
) -> dict[Key, tuple[InventoryEntry, Key | None]]:
    """Which entry each declared resource takes, and under which key it was before; `moved` are slugs that say so themselves."""
    claims: dict[Key, tuple[InventoryEntry, Key | None]] = {key: (inventory[old], old) for key, old in moved.items()}
    homeless = [key for key in desired.resources if key not in inventory and key not in claims]
    while homeless:
        # Whoever loses its row to a new slug may in turn be the heir of another.
        homeless = _inherit(homeless, desired, rows, inventory, claims)
    given_away = {entry.key for entry, _ in claims.values()}
    for key in desired.resources:
        if key in inventory and key not in given_away:
            claims[key] = (inventory[key], None)
    return claims


def _inherit(
    homeless: list[Key],
    desired: DesiredState,
    rows: _Rows,
    inventory: Mapping[Key, InventoryEntry],
    claims: dict[Key, tuple[InventoryEntry, Key | None]],
) -> list[Key]:
    """Give each slug without a row the one whose identity it declares and whose own slug gives it up; the slugs that lose one."""
    heirs: dict[tuple[str, str], list[Key]] = {}
    for key in homeless:
        identity = natural_identity(key.kind, desired.resources[key].spec)
        if identity is not None:
            heirs.setdefault((key.kind, identity), []).append(key)
    given_away = {entry.key for entry, _ in claims.values()}
    losers: list[Key] = []
    for key, entry in inventory.items() if heirs else ():
        # A held document still speaks for its entry; nobody else may take it.
        if key in given_away or is_muted(entry, desired):
            continue
        then = _identity(entry, rows)
        found = heirs.get((key.kind, then), []) if then is not None else []
        keeps = key in desired.resources and natural_identity(key.kind, desired.resources[key].spec) == then
        if len(found) == 1 and not keeps and found[0] not in claims:
            claims[found[0]] = (entry, key)
            if key in desired.resources:
                losers.append(key)
    return losers


def _identity(entry: InventoryEntry, rows: _Rows) -> str | None:
    """By what we applied last; by what the row shows where the slug alone was applied."""
    identity = natural_identity(entry.key.kind, entry.applied)
    row = rows.by_id.get(entry.external_id)
    return identity if identity is not None or row is None else natural_identity(row.kind, row.spec)


def _unmanaged(resource: Resource, rows: _Rows, owners: Mapping[str, Key], taken: dict[str, Key], muted: frozenset[Key]) -> Match:
    """A resource without an entry: an unmanaged row to adopt, or proof that there is none."""
    key = resource.key
    named = rows.named(key) if resource.external_id is None else rows.by_id.get(resource.external_id)
    identified = rows.identified(key.kind, resource.spec)
    free = [row for row in ([named] if named is not None else []) if row.external_id not in owners and row.external_id not in taken]
    free = free or [row for row in identified if row.external_id not in owners and row.external_id not in taken]
    if len(free) > 1:
        ids = ", ".join(sorted(row.external_id for row in free))
        return _ambiguous(f"several rows of the target fit: {ids}")
    if free:
        taken[free[0].external_id] = key
        return Match(entry=None, observation=free[0])
    for row in identified:
        owner = owners.get(row.external_id)
        if owner in muted:
            return _ambiguous(f"the target has it as {owner}, whose own document cannot be read")
    if key.kind in rows.state.unknown_kinds:
        return Match(entry=None, observation=Unknown(why=rows.state.unknown_kinds[key.kind]))
    strangers = [external_id for external_id in rows.state.unknown_rows if external_id not in owners]
    if strangers:
        why = f"row {strangers[0]} could not be read and may be it: {rows.state.unknown_rows[strangers[0]]}"
        return Match(entry=None, observation=Unknown(why=why))
    return Match(entry=None, observation=Absent(proof=f"listed every {key.kind}"))


def _ambiguous(why: str) -> Match:
    return Match(entry=None, observation=Unknown(why=why), ambiguous=why)
