"""Desired state × observed state × inventory → plan. Pure: the same inputs give the same plan, whatever their order."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace

from reconcile.model.canonical import Leaf, Spec
from reconcile.model.change import Adopt, Cause, Change, Create, Delete, Forget, Held, HeldBecause, Moved, Note, Plan, Update
from reconcile.model.defaults import derived
from reconcile.model.finding import Severity
from reconcile.model.inventory import InventoryEntry
from reconcile.model.key import Key
from reconcile.model.kinds import references
from reconcile.model.observation import Absent, ObservedState, Present, Unknown
from reconcile.model.resource import DesiredState, Lifecycle, Resource
from reconcile.plan import brakes, consequence
from reconcile.plan.cause import cause, estate_of, note
from reconcile.plan.circumstances import PLAIN, Circumstances
from reconcile.plan.comparable import comparable
from reconcile.plan.diff import difference, field_changes
from reconcile.plan.digest import digest
from reconcile.plan.identity import pinned
from reconcile.plan.match import Match, Matches, is_muted, match
from reconcile.plan.order import ordered
from reconcile.plan.unsupported import unsupported_notes


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
    desired, observed, hidden = comparable(desired, observed)
    organization = pinned(desired, "organizationId", observed.organization_id)
    tenant = pinned(desired, "tenantId", observed.tenant_id)
    planning = _Planning(desired, observed, inventory, kinds, around)
    changes = planning.changes()
    standing, released = brakes.lift(brakes.tripped(changes, planning.ground(changes)), names)
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
        digest=digest(observed.target, organization, changes),
    )


class _Planning:
    """One run. Holds what the steps share; `changes` is called once."""

    def __init__(
        self,
        desired: DesiredState,
        observed: ObservedState,
        inventory: Mapping[Key, InventoryEntry],
        kinds: Collection[str],
        circumstances: Circumstances,
    ) -> None:
        self.desired = desired
        self.observed = observed
        self.inventory = inventory
        self.kinds = kinds
        self.circumstances = circumstances
        self.matches: Matches = match(desired, observed, inventory)
        self.estate = estate_of(desired.source, desired.revision)
        self.held: dict[Key, Held] = {}
        self.notes: list[Note] = []
        self.unchanged = 0
        self._around: consequence.Surroundings | None = None

    def changes(self) -> tuple[Change, ...]:
        found: dict[Key, Change] = {}
        missing_kinds: set[str] = set()
        for key, resource in self.desired.resources.items():
            if key.kind not in self.kinds:
                if key.kind != "Environment":  # it says what is meant, wherever it is kept
                    missing_kinds.add(key.kind)
            elif key in self.desired.held:
                continue
            elif resource.lifecycle is Lifecycle.EXTERNAL:
                self._external(resource, self.matches.declared[key])
            elif (change := self._change(resource, self.matches.declared[key])) is not None:
                found[key] = change
        for kind in sorted(missing_kinds):
            self.notes.append(Note(message=f"the target does not keep {kind}; what git declares of it is not applied"))
        if self.observed.target == "engine":
            self.notes += unsupported_notes(self.desired.resources.values(), self.desired)
        self._hold_bad_documents()
        for key, observation in self.matches.orphans.items():
            delete = self._delete(key, observation)
            if delete is not None:
                found[key] = delete
        self._hold_dependants(found)
        self._tell_users(found)
        self.notes.sort(key=lambda item: (str(item.key or ""), item.message))
        return ordered(list(found.values()), self._users())

    def _change(self, resource: Resource, matched: Match) -> Change | None:
        match matched.observation:
            case Unknown(why=why):
                because = HeldBecause.AMBIGUOUS if matched.ambiguous else HeldBecause.UNOBSERVED
                reason = matched.ambiguous or f"could not be observed: {why}"
                self._hold(resource.key, reason, because)
                return None
            case Absent():
                return self._create(resource, matched)
            case Present() as row:
                return self._update(resource, matched, row)

    def _create(self, resource: Resource, matched: Match) -> Create:
        entry = matched.entry
        why = Cause(moved=Moved.NEW, position=resource.position)
        if entry is not None:
            words = "was deleted on the target" + (f"; {found}" if (found := note(entry, estate=self.estate)) else "")
            why = Cause(moved=Moved.OUTSIDE, position=resource.position, note=words)
        return Create(
            key=resource.key,
            spec=resource.spec,
            cause=why,
            external_id=entry.external_id if entry else None,
            references=resource.references,
            consequences=consequence.of_change(resource.key, {}, resource.spec, resource.spec.keys(), self.around),
        )

    def _update(self, resource: Resource, matched: Match, row: Present) -> Change | None:
        entry = matched.entry
        found = difference(resource.spec, row.spec, entry)
        if found is not None and entry is not None:
            self._note_kept(resource, row, found.kept)
        paths = found.fields if found is not None else ()
        if not paths and entry is not None and matched.previous is None and row.name in (None, resource.key.name):
            self.unchanged += 1
            return None
        fields = field_changes(
            paths,
            resource.spec,
            row.spec,
            lambda path: cause(path, resource.spec, row.spec, entry, estate=self.estate, position=self.desired.locate(resource.key, path)),
        )
        new = {**row.spec, **resource.spec}
        if fields:
            self._note_outdated_defaults(resource, row, new)
        words = consequence.of_change(resource.key, row.spec, new, {field.path for field in fields}, self.around) if fields else ()
        if entry is None:
            return Adopt(
                key=resource.key,
                external_id=row.external_id,
                observed_version=row.version,
                spec=resource.spec,
                fields=fields,
                cause=Cause(moved=Moved.NEW, position=resource.position),
                references=resource.references,
                consequences=words,
            )
        previous = matched.previous
        if previous is None and row.name not in (None, resource.key.name):
            # A crash between the write of a new slug and its entry, or a rename by hand: the target has another name.
            previous = Key(resource.key.kind, str(row.name))
        return Update(
            key=resource.key,
            external_id=row.external_id,
            observed_version=row.version,
            spec=resource.spec,
            fields=fields,
            previous=previous,
            position=resource.position,
            references=resource.references,
            consequences=words,
        )

    def _note_kept(self, resource: Resource, row: Present, paths: Iterable[str]) -> None:
        for path in paths:
            asked, shown = resource.spec.get(path), row.spec.get(path)
            words = (
                f"{path}: the target keeps {_words(shown)} where {_words(asked)} was written; nothing to do as long as git asks the same"
            )
            self.notes.append(Note(message=words, key=resource.key, position=self.desired.locate(resource.key, path)))

    def _note_outdated_defaults(self, resource: Resource, row: Present, new: Spec) -> None:
        """What was filled in on create to fit another field stays as it is (omitted is unmanaged), even where it no longer fits."""
        then = derived(resource.key.kind, row.spec)
        for path, leaf in derived(resource.key.kind, new).items():
            if path not in resource.spec and path in row.spec and row.spec[path] == then.get(path) != leaf:
                words = f"{path} stays {_words(row.spec[path])}, which fitted before; {_words(leaf)} would fit now: declare it"
                self.notes.append(Note(message=words, key=resource.key, position=resource.position))

    def _external(self, resource: Resource, matched: Match) -> None:
        """Never written; but what refers to it needs it to be there."""
        match matched.observation:
            case Present():
                self.unchanged += 1
            case Absent():
                self._hold(
                    resource.key, "belongs to somebody else (lifecycle external), and the target does not have it", HeldBecause.WAITS
                )
            case Unknown(why=why):
                self._hold(resource.key, f"could not be observed: {why}", HeldBecause.UNOBSERVED)

    def _delete(self, key: Key, observation: Present | Absent | Unknown) -> Delete | Forget | None:
        entry = self.inventory[key]
        if is_muted(entry, self.desired):
            reason = self.desired.held.get(key) or self.desired.held_files[entry.source_file]
            self._hold(key, reason, HeldBecause.FINDING)
            return None
        if key.kind not in self.kinds:
            return None
        if self.desired.held_files:
            # The document may have moved into that file: only a complete reading proves that it is gone.
            file = min(self.desired.held_files)
            self._hold(key, f"no longer declared, but {file} has errors and may declare it", HeldBecause.FINDING)
            return None
        left = f"no longer declared (was in {entry.source_file})" + self._since(entry)
        why = Cause(moved=Moved.GIT, note=left, was_in=entry.source_file)
        match observation:
            case Unknown(why=reason):
                self._hold(key, f"no longer declared, but could not be observed: {reason}", HeldBecause.UNOBSERVED)
                return None
            case Absent():
                words: tuple[str, ...] = ("gone from the target already; it is only forgotten",)
                return Forget(key=key, external_id=entry.external_id, before=entry.applied, cause=why, consequences=words)
            case Present() as row:
                return Delete(
                    key=key,
                    external_id=entry.external_id,
                    observed_version=row.version,
                    before=entry.applied,
                    cause=why,
                    consequences=consequence.of_delete(key, {**row.spec, **entry.applied}),
                )

    def _since(self, entry: InventoryEntry) -> str:
        words = note(entry, estate=self.estate)
        return f"; {words}" if words else ""

    def _hold(self, key: Key, reason: str, because: HeldBecause) -> None:
        resource = self.desired.resources.get(key)
        self.held[key] = Held(key=key, reason=reason, because=because, position=resource.position if resource else None)

    def _hold_bad_documents(self) -> None:
        for key, reason in self.desired.held.items():
            self._hold(key, reason, HeldBecause.FINDING)

    def _hold_dependants(self, found: dict[Key, Change]) -> None:
        """What refers to something held waits for it, and a profile stays while a held mailbox was applied with it."""
        blocked = dict(self.held)
        while True:
            waiting = {key: self._obstacle(change, blocked) for key, change in found.items()}
            stopped = {key: other for key, other in waiting.items() if other is not None}
            if not stopped:
                return
            for key, other in stopped.items():
                del found[key]
                self._hold(key, f"waits for {other}, which is held", HeldBecause.WAITS)
                blocked[key] = self.held[key]

    def _obstacle(self, change: Change, blocked: Mapping[Key, Held]) -> Key | None:
        if not blocked:
            return None
        if isinstance(change, (Delete, Forget)):
            return next((user for user in self._users().get(change.key, ()) if user in blocked), None)
        needed = () if not isinstance(change, (Create, Adopt, Update)) else change.references
        return next((key for key in needed if key in blocked), None)

    def _users(self) -> Mapping[Key, tuple[Key, ...]]:
        """For each key the inventory entries that were applied with a reference to it."""
        if not hasattr(self, "_known_users"):
            users: dict[Key, list[Key]] = {}
            for key, entry in self.inventory.items():
                for other in entry.depends_on:
                    users.setdefault(other, []).append(key)
            self._known_users = {key: tuple(sorted(found)) for key, found in users.items()}
        return self._known_users

    @property
    def around(self) -> consequence.Surroundings:
        """Counts of the desired state, made when the first change asks."""
        if self._around is None:
            mailboxes: dict[str, int] = {}
            profiles: dict[str, Spec] = {}
            renamed: dict[str, str] = {}
            for key, resource in self.desired.resources.items():
                matched = self.matches.declared.get(key)
                if key.kind == "EmailServerProfile":
                    row = matched.observation if matched else None
                    profiles[key.name] = {**row.spec, **resource.spec} if isinstance(row, Present) else resource.spec
                    if matched and matched.previous is not None:
                        renamed[key.name] = matched.previous.name
                for other in resource.references if key.kind == "Mailbox" else ():
                    mailboxes[other.name] = mailboxes.get(other.name, 0) + 1
            self._around = consequence.Surroundings(mailboxes=mailboxes, profiles=profiles, renamed_profiles=renamed)
        return self._around

    def ground(self, changes: tuple[Change, ...]) -> brakes.Ground:
        """What the brakes measure against."""
        if not changes:
            return brakes.Ground(inventory=self.inventory, declared=self.desired.resources.keys())
        riding: dict[str, list[Key]] = {}
        for key, resource in self.desired.resources.items():
            for other in resource.references if key.kind == "Mailbox" else ():
                riding.setdefault(other.name, []).append(key)
        changed = {change.key for change in changes}
        deleted = {change.key for change in changes if isinstance(change, Delete)}
        return brakes.Ground(
            inventory=self.inventory,
            declared=[
                *self.desired.resources,
                *self.desired.held,
                *(key for key, held in self.held.items() if held.because is HeldBecause.FINDING),
            ],
            still_used={key: self._still_used(key, changed, deleted) for key in deleted if _is_profile(key)},
            riding=riding,
            sunk=self._sunk(changes),
            renamed_profiles=self.around.renamed_profiles,
        )

    def _sunk(self, changes: tuple[Change, ...]) -> set[Key]:
        """Mailboxes that move to a profile with an earlier floor than they have now."""
        then = {row.name: row.spec for row in self.observed.rows if _is_profile(Key(row.kind, row.name or row.external_id))}
        found: set[Key] = set()
        for change in changes:
            if not isinstance(change, (Update, Adopt)) or not any(item.path == "profile" for item in change.fields):
                continue
            row = self.matches.declared[change.key].observation
            if isinstance(row, Present):
                before = consequence.floor(row.spec, consequence.Surroundings(profiles={str(name): spec for name, spec in then.items()}))
                if consequence.floor({**row.spec, **change.spec}, self.around) < before:
                    found.add(change.key)
        return found

    def _tell_users(self, found: dict[Key, Change]) -> None:
        """How many mailboxes lose a profile is known only when everything else is."""
        deleted = {key for key, change in found.items() if isinstance(change, Delete)}
        for key in deleted:
            change = found[key]
            users = [user for user in self._still_used(key, found.keys(), deleted) if user.kind == "Mailbox"] if _is_profile(key) else []
            if users and isinstance(change, Delete):
                found[key] = replace(change, consequences=consequence.of_lost_profile(len(users)))

    def _still_used(self, profile: Key, changed: Collection[Key], deleted: Collection[Key]) -> tuple[Key, ...]:
        """Rows that refer to the profile after this plan, ours or not."""
        declared = {
            matched.observation.external_id: key
            for key, matched in self.matches.declared.items()
            if isinstance(matched.observation, Present)
        }
        gone = {self.inventory[key].external_id for key in deleted}
        found: list[Key] = []
        for row in self.observed.rows:
            if row.external_id in gone:
                continue
            key = declared.get(row.external_id)
            spec = {**row.spec, **self.desired.resources[key].spec} if key is not None and key in changed else row.spec
            if profile in references(row.kind, spec):
                found.append(key or Key(row.kind, row.name or row.external_id))
        return tuple(sorted(found))


def _is_profile(key: Key) -> bool:
    return key.kind == "EmailServerProfile"


def _words(leaf: Leaf) -> str:
    if leaf is None:
        return "nothing"
    if isinstance(leaf, bool):
        return "true" if leaf else "false"
    return "[" + ", ".join(leaf) + "]" if isinstance(leaf, tuple) else str(leaf)
