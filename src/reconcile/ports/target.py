"""Where configuration is applied. Reading and writing are two contracts, so that `drift` cannot write by construction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Protocol

from reconcile.lazy_dataclass import dataclass
from reconcile.model.canonical import Spec
from reconcile.model.change import Change
from reconcile.model.observation import ObservedState
from reconcile.model.secret import Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What a target can do. `kinds` it knows; `adopted_only` kinds whose rows it makes itself; `chooses_id` whether the
    client may choose the external id on create; `keeps_names` whether rows carry our slug; `runs_own_sync` whether the target
    synchronises mail itself (then our engine refuses to), `parallel_writes` how many writes it takes at the same time,
    `writable` whether it can be written at all (a snapshot cannot)."""

    kinds: tuple[str, ...]
    adopted_only: frozenset[str] = frozenset()
    chooses_id: bool = True
    keeps_names: bool = True
    runs_own_sync: bool = False
    parallel_writes: int = 1
    writable: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetIdentity:
    """Which organization and tenant a target is; None where it does not say (a store that was never applied to)."""

    organization_id: str | None = None
    tenant_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A write that was taken. `version` is the observed version after it. `answered` holds the written fields that the server
    did not keep as asked, with what it shows instead (None: nothing); `refused` gives its reason for some of them."""

    external_id: str
    version: str
    answered: Spec = field(default_factory=dict)
    refused: Mapping[str, str] = field(default_factory=dict)


class TargetReader(Protocol):
    """The reading half."""

    @property
    def name(self) -> str:
        """Kind of target ("engine", "memory")."""
        ...

    @property
    def capabilities(self) -> Capabilities: ...

    def identity(self) -> TargetIdentity:
        """Asked again before each write, so it must be cheap. Raises TransientError when the target cannot tell."""
        ...

    def observe(self) -> ObservedState:
        """Everything there is. A fault is reported as Unknown (rows or kinds), never as absence; raises nothing for it."""
        ...


class TargetWriter(TargetReader, Protocol):
    """The writing half. Idempotent by `token`: the same token again finds what the first attempt did.

    A row that is made again (`Create.external_id`) keeps that id where the target lets the client choose."""

    def write(self, change: Change, *, token: str, secrets: Mapping[str, Secret], origins: Mapping[str, str]) -> Written:
        """Carry out one change, only if the row is still at the version the change was made from.

        `secrets` maps a path of the spec ("incoming.password") to its resolved value; `origins` maps paths to file:line.
        Raises PreconditionFailed (version moved, or a row of that name or identity appeared), TransientError, PermanentError.
        """
        ...

    def find(self, change: Change, *, token: str) -> Written | None:
        """What the write of `change` with this token did, or None when it had no effect; never writes.

        Asked after a crash, before anything else is written. Raises TransientError when the target cannot tell.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class AppliedResource:
    """A resource as applied: what the sync engine works from, never git. `origins` maps paths to file:line. `written` is the token of
    its last write: another one where no more changed than the value behind a reference."""

    kind: str
    name: str
    external_id: str
    spec: Spec
    origins: Mapping[str, str] = field(default_factory=dict)
    written: str = ""
