"""Desired state × observed state × inventory → plan. Pure: the same inputs give the same plan, whatever their order."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from reconcile.desired.organization_defaults import defaults_unknown, organization_defaults
from reconcile.model.change import (
    Adopt,
    Cause,
    Change,
    Create,
    Delete,
    FieldChange,
    Held,
    HeldBecause,
    Moved,
    Note,
    Plan,
    SecretChange,
    Update,
)
from reconcile.model.finding import Severity
from reconcile.model.inventory import InventoryEntry
from reconcile.model.key import APPLIED_KINDS, Key
from reconcile.model.kinds import references
from reconcile.model.observation import Absent, ObservedState, Present, Unknown
from reconcile.model.resource import DesiredState, Lifecycle, Resource
from reconcile.plan import brakes, remarks
from reconcile.plan.addresses import hold_taken
from reconcile.plan.cause import cause, note
from reconcile.plan.circumstances import PLAIN, Circumstances
from reconcile.plan.comparable import comparable
from reconcile.plan.consequences.table import of_change, of_left_behind, of_lost_profile, of_rotation
from reconcile.plan.diff import difference, field_changes
from reconcile.plan.digest import digest
from reconcile.plan.figures import figures
from reconcile.plan.given import Given
from reconcile.plan.ground import ground, renamed_by_name, still_used
from reconcile.plan.identity import pinned
from reconcile.plan.match import Match
from reconcile.plan.order import ordered
from reconcile.plan.ownership import compared, ignored, ignored_note, keep_of, of_records, records
from reconcile.plan.promises import promise_less
from reconcile.plan.removal import disowned, following
from reconcile.plan.rotation import Rotation
from reconcile.plan.selection import Selected
from reconcile.plan.unsupported import unsupported_notes
from reconcile.plan.waiting import hold_dependants

_BUILT_IN = "was made by the platform and is never written: declare it with management.lifecycle external"
_THEIRS_IS_MISSING = (
    "belongs to somebody else (lifecycle external), and the target does not have it: "
    "have it made on the target, or remove lifecycle external so that it is made from here"
)
_HANDED_OVER = "its document says lifecycle external: it belongs to somebody else from now on"


def make_plan(
    desired: DesiredState,
    observed: ObservedState,
    inventory: Mapping[Key, InventoryEntry],
    kinds: Collection[str],
    *,
    lifted: Collection[str] = (),
    around: Circumstances = PLAIN,
) -> Plan:
    """Everything one apply would do. `kinds` are those the target keeps; `lifted` names brakes (see `brakes.BRAKES`).

    Raises PlanRefused when the environment pins another organization or tenant than the target has, SettingsError for an unknown
    brake or a selection that cannot be read.
    """
    names = brakes.check_names(lifted)
    selected = Selected(around.selection, around.keys)
    desired, observed, hidden = comparable(desired, observed)
    organization = pinned(desired, "organizationId", observed.organization_id)
    tenant = pinned(desired, "tenantId", observed.tenant_id)
    planning = _Planning(Given(desired, observed, inventory, kinds, around), selected)
    changes = planning.changes()
    because = {key: held.because for key, held in planning.held.items()}
    around_changes = ground(planning.given, changes, because)
    standing, released = brakes.lift(brakes.tripped(changes, around_changes), names)
    unobserved = [f"{kind}: {why}" for kind, why in sorted(observed.unknown_kinds.items())]
    unobserved += [f"row {external_id}: {why}" for external_id, why in sorted(observed.unknown_rows.items())]
    return Plan(
        target=observed.target,
        environment=desired.environment,
        organization_id=organization,
        source=desired.source,
        revision=desired.revision,
        changes=changes,
        held=tuple(sorted(planning.held.values(), key=lambda held: held.key)),
        brakes=standing,
        notes=(*hidden, *planning.notes),
        unchanged=planning.unchanged,
        unobserved=tuple(unobserved),
        findings=sum(1 for finding in desired.findings if finding.severity >= Severity.ERROR),
        lifted=released,
        tenant_id=tenant,
        selection=None if selected.everything else around.selection,
        left_out=planning.left_out,
        figures=figures(planning.given, changes, around_changes),
        digest=digest(observed.target, organization, changes),
    )


class _Planning:
    """One run. `changes` is called once; what else it finds is told in the other fields."""

    def __init__(self, given: Given, selected: Selected) -> None:
        self.given = given
        self.desired = given.desired
        self.held: dict[Key, Held] = {}
        self.notes: list[Note] = []
        self.unchanged = 0
        self.left_out = 0
        self._selected = selected
        self._rotation = Rotation(given.circumstances)
        self._ignored: list[tuple[Key, str]] = []

    def changes(self) -> tuple[Change, ...]:
        found: dict[Key, Change] = {}
        missing_kinds: set[str] = set()
        for key, resource in self.desired.resources.items():
            if key.kind not in self.given.kinds:
                if key.kind in APPLIED_KINDS and key.kind != "Environment":  # it says what is meant, wherever it is kept
                    missing_kinds.add(key.kind)
            elif key in self.desired.held:
                continue
            elif resource.lifecycle is Lifecycle.EXTERNAL:
                self._external(resource, self.given.matches.declared[key], found)
            elif (change := self._change(resource, self.given.matches.declared[key])) is not None:
                found[key] = change
        for kind in sorted(missing_kinds):
            self.notes.append(Note(message=f"the target does not keep {kind}; what git declares of it is not applied"))
        if self.given.observed.target == "engine":
            self.notes += unsupported_notes(self.desired.resources.values(), self.desired)
        self.notes += remarks.of_assignments(self.desired)
        for key, reason in self.desired.held.items():
            self._hold(key, reason, HeldBecause.FINDING)
        for key, observation in self.given.matches.orphans.items():
            self._take(key, following(key, observation, self.given), found)
        left_out = self._leave_out(found)
        for held in (*hold_dependants(self.given, found, self.held, left_out), *hold_taken(self.given, found)):
            self._hold(held.key, held.reason, held.because)
        self._tell_users(found)
        self.notes += promise_less(found, self.given)
        self._tell_all()
        return ordered(list(found.values()), self.given.users)

    def _take(self, key: Key, one: Change | Held | Note | None, found: dict[Key, Change]) -> None:
        if isinstance(one, Held):
            self._hold(one.key, one.reason, one.because)
        elif isinstance(one, Note):
            self.notes.append(one)
        elif one is not None:
            found[key] = one

    def _change(self, resource: Resource, matched: Match) -> Change | None:
        match matched.observation:
            case Unknown(why=why):
                because = HeldBecause.AMBIGUOUS if matched.ambiguous else HeldBecause.UNOBSERVED
                reason = matched.ambiguous or f"could not be observed: {why}"
                self._hold(resource.key, reason, because)
                return None
            case Absent():
                return self._create(resource, matched)
            case Present(built_in=True):
                self._hold(resource.key, _BUILT_IN, HeldBecause.FINDING)
                return None
            case Present() as row:
                return self._update(resource, matched, row)

    def _create(self, resource: Resource, matched: Match) -> Create | None:
        entry = matched.entry
        unknown = defaults_unknown(self.desired, resource, self.given.inventory)
        if unknown is not None:
            self._hold(resource.key, unknown, HeldBecause.WAITS)
            return None
        position = self.desired.locate(resource.key, "")
        why = Cause(moved=Moved.NEW, position=position)
        if entry is not None:
            words = "was deleted on the target" + (f"; {found}" if (found := note(entry, estate=self.given.estate)) else "")
            why = Cause(moved=Moved.OUTSIDE, position=position, note=words)
        spec, needed = resource.spec, resource.references
        filled = organization_defaults(self.desired, resource)
        if filled:
            spec = dict(sorted({**filled, **spec}.items()))
            needed = tuple(dict.fromkeys((*needed, *references(resource.key.kind, spec))))
        return Create(
            key=resource.key,
            spec=spec,
            cause=why,
            external_id=entry.external_id if entry else None,
            references=needed,
            consequences=of_change(resource.key, {}, spec, spec.keys(), self.given.around),
            keep=keep_of(resource),
        )

    def _update(self, resource: Resource, matched: Match, row: Present) -> Change | None:
        key, entry = resource.key, matched.entry
        spec = compared(resource, entry)
        if resource.management.ignored:
            self._ignored += ((key, path) for path in ignored(resource, row.spec))
        found = difference(spec, row.spec, entry)
        paths: tuple[str, ...] = ()
        if found is not None:
            paths = found.fields
            self.notes += remarks.kept(self.desired, resource, row, found.kept)
        keep = keep_of(resource)
        rotated: tuple[SecretChange, ...] = ()
        recorded: tuple[FieldChange, ...] = ()
        told: tuple[str, ...] = ()
        if entry is not None:
            if self._rotation.compares:
                rotated = self._rotation.of(key, spec, entry, paths, resource.position)
            if entry.on_removal is not keep.on_removal or entry.protected != keep.protected:
                recorded = records(keep, entry, lambda path: self._decided(key, path))
                told = tuple(of_records(recorded, keep, entry))
        renamed = matched.previous is not None or row.name not in (None, key.name)
        if not (paths or rotated or recorded) and not (renamed if entry is not None else self.given.circumstances.adopting):
            self.unchanged += self._wants(key)
            return None
        becomes_ours = entry is None and self.given.circumstances.adopting

        def why(path: str) -> Cause:
            position = self.desired.locate(key, path)
            if entry is None and not becomes_ours:
                return Cause(moved=Moved.EITHER, position=position)
            return cause(path, spec, row.spec, entry, estate=self.given.estate, position=position)

        fields = field_changes(paths, spec, row.spec, why)
        new = {**row.spec, **spec}
        words: tuple[str, ...] = ()
        if fields:
            self.notes += remarks.outdated_defaults(resource, row, new)
            words = of_change(key, row.spec, new, {field.path for field in fields}, self.given.around)
        if becomes_ours:
            return Adopt(
                key=key,
                external_id=row.external_id,
                observed_version=row.version,
                spec=spec,
                fields=fields,
                cause=Cause(moved=Moved.NEW, position=self.desired.locate(key, "")),
                references=resource.references,
                consequences=words,
                keep=keep,
            )
        previous = matched.previous
        if previous is None and row.name not in (None, key.name):
            # A crash between the write of a new slug and its entry, or a rename by hand: the target has another name.
            previous = Key(key.kind, str(row.name))
        return Update(
            key=key,
            external_id=row.external_id,
            observed_version=row.version,
            spec=spec,
            fields=fields,
            previous=previous,
            position=self.desired.locate(key, ""),
            references=resource.references,
            consequences=(*words, *(of_rotation(key, self.given.around) if rotated else ()), *told),
            keep=keep,
            rotated=rotated,
            records=recorded,
        )

    def _decided(self, key: Key, path: str) -> Cause:
        return Cause(moved=Moved.GIT, position=self.desired.locate(key, path))

    def _external(self, resource: Resource, matched: Match, found: dict[Key, Change]) -> None:
        """Never written; but what refers to it needs it to be there, and what was ours is so no longer."""
        if matched.entry is not None:
            why = Cause(moved=Moved.GIT, position=self.desired.locate(resource.key, "management.lifecycle"), note=_HANDED_OVER)
            self._take(resource.key, disowned(resource.key, matched.entry, why), found)
        match matched.observation:
            case Present():
                self.unchanged += matched.entry is None and self._wants(resource.key)
            case Absent():
                self._hold(resource.key, _THEIRS_IS_MISSING, HeldBecause.WAITS)
            case Unknown(why=reason):
                self._hold(resource.key, f"could not be observed: {reason}", HeldBecause.UNOBSERVED)

    def _hold(self, key: Key, reason: str, because: HeldBecause) -> None:
        resource = self.desired.resources.get(key)
        self.held[key] = Held(key=key, reason=reason, because=because, position=resource.position if resource else None)

    def _wants(self, key: Key) -> bool:
        return self._selected.everything or self._selected(key, self.given.labels(key))

    def _leave_out(self, found: dict[Key, Change]) -> dict[Key, Change]:
        """Take what was not asked for out of changes, held resources and notes; the changes are answered with."""
        if self._selected.everything:
            return {}
        gone = [key for key in found if key not in self.desired.resources]
        known = [(key, self.given.labels(key)) for key in {*self.desired.resources, *self.desired.held, *self.given.inventory}]
        unwanted = {key for key, labels in known if not self._selected(key, labels)}
        left_out = {key: found.pop(key) for key in [*found] if key in unwanted}
        for key in [*self.held]:
            if key in unwanted:
                del self.held[key]
        self.notes = [one for one in self.notes if one.key not in unwanted]
        self._ignored = [(key, path) for key, path in self._ignored if key not in unwanted]
        self.notes += self._selected.notes(known, gone)
        self.left_out = len(left_out)
        return left_out

    def _tell_users(self, found: dict[Key, Change]) -> None:
        """How many mailboxes lose a profile is known only when everything else is."""
        renamed = {old: change for change in found.values() if (old := renamed_by_name(change, self.given)) is not None}
        for profile, users in still_used(self.given, found.values()).items():
            change = renamed.get(profile) or found[profile]
            mailboxes = sum(user.kind == "Mailbox" for user in users)
            if mailboxes and isinstance(change, Delete):
                found[profile] = replace(change, consequences=of_lost_profile(mailboxes))
            elif mailboxes and isinstance(change, Update) and profile in renamed:
                words = of_left_behind(mailboxes, profile, taken=profile in found)
                found[change.key] = replace(change, consequences=(*change.consequences, words))

    def _tell_all(self) -> None:
        self.notes += self._rotation.notes()
        told = ignored_note(self._ignored)
        if told is not None:
            self.notes.append(told)
        self.notes.sort(key=lambda item: (str(item.key or ""), item.message))
