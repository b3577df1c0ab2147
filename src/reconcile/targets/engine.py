"""Our own target: applied configuration in the environment's store, which the sync engine works from.

`EngineReader` has no way to write, so that `plan` and `drift` cannot. Each write is one transaction: the version is compared and
the row changed before anybody else can look. Credentials are sealed here and bound to row and field.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import assert_never

from reconcile.errors import PreconditionFailed, ReconcileError, Unsupported
from reconcile.model.canonical import Leaf, Spec, digest
from reconcile.model.change import Adopt, Change, Command, Create, Delete, FieldChange, Forget, Update
from reconcile.model.key import APPLIED_KINDS
from reconcile.model.kinds import defaults, secret_paths
from reconcile.model.observation import ObservedState
from reconcile.model.secret import Secret
from reconcile.ports.credentials import Sealer
from reconcile.ports.resource_store import ResourceReader, ResourceStore, ResourceTransaction, StoredResource
from reconcile.ports.target import Capabilities, TargetIdentity, Written

NAME = "engine"
#: Writes that wait at the same time share one commit of the store.
CAPABILITIES = Capabilities(kinds=APPLIED_KINDS, parallel_writes=16)


class EngineReader:
    """Reads; a missing store reads as empty."""

    def __init__(self, resources: ResourceReader) -> None:
        self._resources = resources

    @property
    def name(self) -> str:
        return NAME

    @property
    def capabilities(self) -> Capabilities:
        return CAPABILITIES

    def identity(self) -> TargetIdentity:
        """As the applied Environment says; nothing before the first apply."""
        for row in self._resources.stored_of("Environment"):
            return _identity(row.spec)
        return TargetIdentity()

    def observe(self) -> ObservedState:
        """Everything there is; a store that cannot be read is Unknown for every kind."""
        try:
            rows = self._resources.shown()
        except ReconcileError as error:
            return ObservedState(target=NAME, unknown_kinds=dict.fromkeys(APPLIED_KINDS, error.message))
        identity = TargetIdentity()
        for row in rows:
            if row.kind == "Environment":
                identity = _identity(row.spec)
        return ObservedState(target=NAME, organization_id=identity.organization_id, tenant_id=identity.tenant_id, rows=tuple(rows))


class EngineTarget(EngineReader):
    """Reads and writes."""

    def __init__(self, resources: ResourceStore, sealer: Sealer) -> None:
        super().__init__(resources)
        self._store = resources
        self._sealer = sealer

    def write(self, change: Change, *, token: str, secrets: Mapping[str, Secret], origins: Mapping[str, str]) -> Written:
        """See `TargetWriter.write`. What is created gets the documented defaults; what is omitted in an update stays."""
        match change:
            case Create():
                return self._store.transact(lambda rows: self._create(rows, change, token, secrets, origins))
            case Adopt() | Update():
                return self._store.transact(lambda rows: self._change(rows, change, token, secrets, origins))
            case Delete():
                return self._store.transact(lambda rows: _delete(rows, change))
            case Forget():
                raise ValueError("what is only forgotten is not written")
            case Command():
                raise Unsupported(f"the engine does not know the command {change.verb}", field=change.verb)
        assert_never(change)

    def find(self, change: Change, *, token: str) -> Written | None:
        """Every row carries the token of its last write; a row that is gone was deleted."""
        external_id = token if isinstance(change, Create) and change.external_id is None else change.external_id
        row = self._store.transact(lambda rows: rows.get(str(external_id)))
        if isinstance(change, Delete):
            return Written(external_id=change.external_id, version="") if row is None else None
        return None if row is None or row.token != token else Written(external_id=row.external_id, version=row.version)

    def _create(
        self, rows: ResourceTransaction, change: Create, token: str, secrets: Mapping[str, Secret], origins: Mapping[str, str]
    ) -> Written:
        external_id = change.external_id or token
        there = rows.get(external_id)
        if there is not None:
            if there.token == token:
                return Written(external_id=external_id, version=there.version)
            raise PreconditionFailed(f"{change.key} is on the target again")
        if rows.named(change.key.kind, change.key.name) is not None:
            raise PreconditionFailed(f"{change.key} appeared on the target since it was observed")
        declared = {path: leaf for path, leaf in change.spec.items() if leaf is not None}
        spec = dict(sorted({**defaults(change.key.kind, change.spec), **declared}.items()))
        row = _row(external_id, change, spec, token, origins)
        rows.put(row)
        self._seal(rows, external_id, secrets)
        return Written(external_id=external_id, version=row.version)

    def _change(
        self, rows: ResourceTransaction, change: Adopt | Update, token: str, secrets: Mapping[str, Secret], origins: Mapping[str, str]
    ) -> Written:
        there = rows.get(change.external_id)
        if there is None:
            raise PreconditionFailed(f"{change.key} is no longer on the target")
        if there.token == token:
            return Written(external_id=there.external_id, version=there.version)
        if there.version != change.observed_version:
            raise PreconditionFailed(f"{change.key} changed on the target since it was observed")
        other = rows.named(change.key.kind, change.key.name)
        if other is not None and other.external_id != there.external_id:
            raise PreconditionFailed(f"another row of the target is called {change.key}")
        row = _row(there.external_id, change, _with(there.spec, change.fields), token, {**there.origins, **origins})
        rows.put(row)
        for path in secret_paths(change.key.kind):
            if f"{path}.ref" not in row.spec:
                rows.seal(row.external_id, path, None)
        self._seal(rows, row.external_id, secrets)
        return Written(external_id=row.external_id, version=row.version)

    def _seal(self, rows: ResourceTransaction, external_id: str, secrets: Mapping[str, Secret]) -> None:
        for path, secret in secrets.items():
            rows.seal(external_id, path, self._sealer.seal(secret, identity=f"{external_id}/{path}"))


def _identity(spec: Spec) -> TargetIdentity:
    organization, tenant = spec.get("organizationId"), spec.get("tenantId")
    return TargetIdentity(
        organization_id=organization if isinstance(organization, str) else None, tenant_id=tenant if isinstance(tenant, str) else None
    )


def _row(external_id: str, change: Create | Adopt | Update, spec: Spec, token: str, origins: Mapping[str, str]) -> StoredResource:
    return StoredResource(
        external_id=external_id,
        kind=change.key.kind,
        name=change.key.name,
        spec=spec,
        version=digest(spec),
        token=token,
        origins={path: place for path, place in origins.items() if path in spec or not path},
    )


def _with(spec: Spec, fields: tuple[FieldChange, ...]) -> dict[str, Leaf]:
    merged = dict(spec)
    for field in fields:
        if field.after is None:
            merged.pop(field.path, None)
        else:
            merged[field.path] = field.after
    return dict(sorted(merged.items()))


def _delete(rows: ResourceTransaction, change: Delete) -> Written:
    there = rows.get(change.external_id)
    if there is not None:
        if there.version != change.observed_version:
            raise PreconditionFailed(f"{change.key} changed on the target since it was observed")
        rows.remove(change.external_id)
    return Written(external_id=change.external_id, version="")
