"""What exists on a target and is not declared yet, as documents to be written. Documents that are there already are left alone.

Row and document belong together by what they are recognised by everywhere: address, display name. So people may rename slugs, move
documents and rewrite comments; only what has no document gets one.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

from reconcile.desired.organization_defaults import DEFAULTS, organization_of
from reconcile.desired.plaintext import looks_secret
from reconcile.lazy_dataclass import dataclass
from reconcile.model.canonical import Leaf, Spec
from reconcile.model.key import APPLIED_KINDS, Key
from reconcile.model.kinds import natural_identity
from reconcile.model.mail_address import readable
from reconcile.model.observation import ObservedState, Present
from reconcile.model.resource import DesiredState, Lifecycle, Resource
from reconcile.model.slug import free_key
from reconcile.plan.comparable import comparable
from reconcile.plan.diff import difference
from reconcile.plan.takeover.declare import CannotDeclare, Draft, Names, declare

#: Those that others refer to come first, so that every part of what is written is an estate.
_ORDER = tuple(kind for kind in APPLIED_KINDS if kind != "Environment")


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """A row that no document could hold, or could be told from another. `shown` is how people know it."""

    kind: str
    external_id: str
    shown: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Takeover:
    """`drafts` in the order of writing; `kept` are documents whose row is as they say, `differing` those whose row is not (with the
    paths), `vanished` those without a row. `unknown` says what could not be read."""

    drafts: tuple[Draft, ...]
    kept: tuple[Key, ...] = ()
    differing: Mapping[Key, tuple[str, ...]]
    vanished: tuple[Key, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    unknown: tuple[str, ...] = ()


def take_over(observed: ObservedState, desired: DesiredState, owners: Mapping[str, str], *, everything: bool = True) -> Takeover:
    """`owners` maps ids of users and teams to their names, where they are known. Without `everything` the rows are some of many, and
    none is missed."""
    shown, seen, _ = comparable(desired, observed)
    return _Work(shown, seen, owners, everything).run()


class _Work:
    def __init__(self, desired: DesiredState, observed: ObservedState, owners: Mapping[str, str], everything: bool) -> None:
        self.desired = desired
        self.observed = observed
        self.owners = owners
        self.taken: set[Key] = {*desired.resources, *desired.held}
        self.everything = everything
        self.profiles: dict[str, str] = {} if observed.refers_by_id else _by_any_name(desired)
        self.drafts: list[Draft] = []
        self.kept: list[Key] = []
        self.differing: dict[Key, tuple[str, ...]] = {}
        self.vanished: list[Key] = []
        self.left_out: list[LeftOut] = []

    def run(self) -> Takeover:
        for kind in _ORDER:
            self._kind(kind)
        observed = self.observed
        unknown = [f"{kind}: {why}" for kind, why in sorted(observed.unknown_kinds.items())]
        unknown += [f"row {identity}: {why}" for identity, why in sorted(observed.unknown_rows.items())]
        return Takeover(
            drafts=tuple(self.drafts),
            kept=tuple(self.kept),
            differing=self.differing,
            vanished=tuple(self.vanished),
            left_out=tuple(self.left_out),
            unknown=tuple(unknown),
        )

    def _kind(self, kind: str) -> None:
        documents: dict[str, Resource] = {}
        for key, resource in self.desired.resources.items():
            if key.kind == kind and (identity := natural_identity(kind, resource.spec)) is not None:
                documents[identity] = resource
        rows: dict[str, list[Present]] = {}
        nameless: list[Present] = []
        for row in self.observed.rows:
            if row.kind == kind:
                identity = natural_identity(kind, row.spec)
                (nameless if identity is None else rows.setdefault(identity, [])).append(row)
        for row in nameless:
            what = "e-mail address" if kind == "Mailbox" else "name"
            self._leave_out(row, f"it has no {what}, by which it would be recognised")
        for identity in sorted(rows, key=_by_domain):
            found = rows[identity]
            if len(found) > 1:
                for row in found:
                    self._leave_out(row, self._alike(kind, found))
            elif identity in documents:
                self._known(documents[identity], found[0])
            else:
                self._new(kind, found[0])
        if self.everything and kind not in self.observed.unknown_kinds and not self.observed.unknown_rows:
            self.vanished += [resource.key for identity, resource in documents.items() if identity not in rows]

    def _known(self, resource: Resource, row: Present) -> None:
        self._refer(row, resource.key.name)
        found = difference(resource.spec, self._translated(row), None) if resource.lifecycle is not Lifecycle.EXTERNAL else None
        if found is not None and found.fields:
            self.differing[resource.key] = found.fields
        else:
            self.kept.append(resource.key)

    def _new(self, kind: str, row: Present) -> None:
        name, address = (str(row.spec.get(path) or "") for path in ("displayName", "emailAddress"))
        if row.name is not None and Key(kind, row.name) not in self.taken:
            key = Key(kind, row.name)
        elif kind == "Organization":
            key = free_key(kind, "organization", "", row.external_id, self.taken)
        else:
            key = free_key(kind, "" if kind == "Mailbox" else name, address, row.external_id, self.taken)
        given = self._given if kind == "Mailbox" else {}
        try:
            draft = declare(key, row, Names(profiles=self.profiles, owners=self.owners, given=given))
        except CannotDeclare as error:
            self._leave_out(row, f"no document can hold it: {error}")
            return
        self.taken.add(key)
        self._refer(row, key.name)
        self.drafts.append(draft)

    @cached_property
    def _given(self) -> Spec:
        """What the organization gives new mailboxes; asked when all organizations have their document."""
        declared = organization_of(self.desired.resources)
        drafted = next((draft.spec for draft in self.drafts if draft.key.kind == "Organization"), {})
        spec = self.desired.resources[declared].spec if declared is not None else drafted
        return {path: leaf for path in DEFAULTS if (leaf := spec.get(f"defaults.{path}")) is not None}

    def _refer(self, row: Present, slug: str) -> None:
        if row.kind == "EmailServerProfile":
            reference = row.external_id if self.observed.refers_by_id else row.name
            if reference is not None:
                self.profiles[reference] = slug

    def _translated(self, row: Present) -> Mapping[str, Leaf]:
        path = {"Mailbox": "profile", "Organization": "defaults.profile"}.get(row.kind)
        leaf = row.spec.get(path) if path else None
        if path is None or not isinstance(leaf, str):
            return row.spec
        return {**row.spec, path: self.profiles.get(leaf, leaf)}

    def _leave_out(self, row: Present, why: str) -> None:
        shown = str(row.spec.get("emailAddress") or row.spec.get("displayName") or row.external_id)
        if looks_secret(shown):
            shown = "with a name that looks like a secret"
        self.left_out.append(LeftOut(kind=row.kind, external_id=row.external_id, shown=shown, why=why))

    def _alike(self, kind: str, rows: list[Present]) -> str:
        what = "address" if kind == "Mailbox" else "name"
        ids = ", ".join(sorted(row.external_id for row in rows)[:3]) + (" and more" if len(rows) > 3 else "")
        return f"{len(rows)} rows have this {what} ({ids}); change all but one on the target"


def _by_any_name(desired: DesiredState) -> dict[str, str]:
    """Declared profiles by slug and by display name: where rows have no ids, people write one of them."""
    profiles = [
        (key.name, resource.spec.get("displayName")) for key, resource in desired.resources.items() if key.kind == "EmailServerProfile"
    ]
    return {name: slug for slug, name in profiles if isinstance(name, str)} | {slug: slug for slug, _ in profiles}


def _by_domain(identity: str) -> tuple[str, str]:
    local, _, domain = readable(identity).rpartition("@")
    return domain, local
