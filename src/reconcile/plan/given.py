"""What one run of planning starts from, read once and shared by its steps."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from functools import cached_property

from reconcile.model.canonical import Spec
from reconcile.model.inventory import InventoryEntry
from reconcile.model.key import Key
from reconcile.model.observation import ObservedState, Present
from reconcile.model.resource import DesiredState
from reconcile.plan.as_if_applied import TARGET as GIT
from reconcile.plan.cause import estate_of
from reconcile.plan.circumstances import Circumstances
from reconcile.plan.consequences.words import Surroundings, text
from reconcile.plan.match import match
from reconcile.plan.refers import by_name


class Given:
    """The arguments of `make_plan`, what belongs to what, and what is worked out from them when it is first asked for."""

    def __init__(
        self,
        desired: DesiredState,
        observed: ObservedState,
        inventory: Mapping[Key, InventoryEntry],
        kinds: Collection[str],
        circumstances: Circumstances,
    ) -> None:
        matches = match(desired, observed, inventory)
        self.desired = desired
        self.inventory = inventory
        self.kinds = kinds
        self.circumstances = circumstances
        self.observed, self.matches = by_name(observed, matches) if observed.refers_by_id else (observed, matches)
        self.estate = estate_of(desired.source, desired.revision)

    @cached_property
    def engine(self) -> bool:
        """Whether our own engine carries the mail of this estate, also where two revisions are compared."""
        if self.observed.target != GIT:
            return self.observed.target == "engine"
        environment = next((one for key, one in self.desired.resources.items() if key.kind == "Environment"), None)
        return environment is not None and environment.spec.get("target.type", "engine") == "engine"

    def row(self, key: Key) -> Present | None:
        """What the target shows of a declared resource."""
        matched = self.matches.declared.get(key)
        return matched.observation if matched is not None and isinstance(matched.observation, Present) else None

    @cached_property
    def present(self) -> Mapping[str, Present]:
        """Every row that was read, by its external id."""
        return {row.external_id: row for row in self.observed.rows}

    @cached_property
    def users(self) -> Mapping[Key, tuple[Key, ...]]:
        """For each key the inventory entries that were applied with a reference to it."""
        users: dict[Key, list[Key]] = {}
        for key, entry in self.inventory.items():
            for other in entry.depends_on:
                users.setdefault(other, []).append(key)
        return {key: tuple(sorted(found)) for key, found in users.items()}

    @cached_property
    def around(self) -> Surroundings:
        """Counts of the desired state, for the words about a change."""
        mailboxes: dict[str, int] = {}
        profiles: dict[str, Spec] = {}
        renamed: dict[str, str] = {}
        organization: Spec = {}
        for key, resource in self.desired.resources.items():
            if key.kind == "Organization":
                row = self.row(key)
                organization = {**row.spec, **resource.spec} if row is not None else resource.spec
            if key.kind == "EmailServerProfile":
                row = self.row(key)
                profiles[key.name] = {**row.spec, **resource.spec} if row is not None else resource.spec
                previous = self._previous(key)
                if previous is not None:
                    renamed[key.name] = previous.name
            for other in resource.references if key.kind == "Mailbox" else ():
                mailboxes[other.name] = mailboxes.get(other.name, 0) + 1
        return Surroundings(
            mailboxes=mailboxes,
            profiles=profiles,
            renamed_profiles=renamed,
            external_id=self._external_id,
            riders=self._riders,
            messages=self.circumstances.count,
            engine=self.engine,
            organization=organization,
        )

    def _previous(self, key: Key) -> Key | None:
        matched = self.matches.declared.get(key)
        return matched.previous if matched is not None else None

    def _external_id(self, key: Key) -> str:
        row = self.row(key)
        return row.external_id if row is not None else ""

    def _riders(self, profile: str) -> Iterator[tuple[str, str]]:
        for key in self.riding.get(profile, ()):
            row = self.row(key)
            if row is not None:
                yield row.external_id, text({**row.spec, **self.desired.resources[key].spec}.get("processEmailFrom"))

    @cached_property
    def riding(self) -> Mapping[str, tuple[Key, ...]]:
        """For each profile the mailboxes that are declared on it."""
        found: dict[str, list[Key]] = {}
        for key, resource in self.desired.resources.items():
            for other in resource.references if key.kind == "Mailbox" else ():
                found.setdefault(other.name, []).append(key)
        return {name: tuple(keys) for name, keys in found.items()}

    def labels(self, key: Key) -> Mapping[str, str]:
        """Those of its document; none when there is none any more."""
        resource = self.desired.resources.get(key)
        return resource.labels if resource is not None else {}
