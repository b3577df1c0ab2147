"""Ordered changes of a plan, each with its cause and what it means for the mail."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from reconcile.model.canonical import Leaf, Spec
from reconcile.model.key import Key
from reconcile.model.position import Position


class Moved(StrEnum):
    """Which side moved since the last apply."""

    GIT = "changed in git"
    OUTSIDE = "changed outside"
    BOTH = "changed in git and outside"
    NEW = "declared for the first time"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """Why a field differs. `position` is where git declares it; `note` adds who applied what in between, where known."""

    moved: Moved
    position: Position | None = None
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldChange:
    """One field, from the observed to the desired value. Secrets appear as their reference, never as a value."""

    path: str
    before: Leaf
    after: Leaf
    cause: Cause


@dataclass(frozen=True, slots=True, kw_only=True)
class Create:
    """Make it. The token of the write becomes the external id where the target lets the client choose, so that a crash leaves
    no twin. `external_id` is set when a row that was ours has vanished: made again, it keeps its identity."""

    key: Key
    spec: Spec
    cause: Cause
    external_id: str | None = None
    references: tuple[Key, ...] = ()
    consequences: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Adopt:
    """Take an unmanaged row into the inventory, and bring its declared fields in line (may be none)."""

    key: Key
    external_id: str
    observed_version: str
    spec: Spec
    fields: tuple[FieldChange, ...]
    cause: Cause
    references: tuple[Key, ...] = ()
    consequences: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Update:
    """Change fields of a row that is ours. Never empty; `previous` is the old key when the slug was renamed."""

    key: Key
    external_id: str
    observed_version: str
    spec: Spec
    fields: tuple[FieldChange, ...]
    previous: Key | None = None
    position: Position | None = None
    references: tuple[Key, ...] = ()
    consequences: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.fields and self.previous is None:
            raise ValueError(f"an update of {self.key} that changes nothing")


@dataclass(frozen=True, slots=True, kw_only=True)
class Delete:
    """Remove a row. Built only from the inventory: `before` is what we last applied. `observed_version` is empty when the row
    was proved to be gone already: then only the inventory forgets it."""

    key: Key
    external_id: str
    observed_version: str
    before: Spec
    cause: Cause
    consequences: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A side effect that runs once per generation (for example: read mail again from an earlier date)."""

    key: Key
    external_id: str
    observed_version: str
    verb: str
    arguments: Spec
    reason: str
    cause: Cause
    consequences: tuple[str, ...] = ()


Change: TypeAlias = Create | Adopt | Update | Delete | Command


class HeldBecause(StrEnum):
    """What kind of obstacle holds a resource; the exit code is computed from it."""

    FINDING = "finding"  # its document is bad
    UNOBSERVED = "unobserved"  # the target could not say whether or how it is there
    AMBIGUOUS = "ambiguous"  # it could be more than one thing
    WAITS = "waits"  # what it refers to is held or missing


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A resource that is not touched, and why."""

    key: Key
    reason: str
    because: HeldBecause = HeldBecause.WAITS
    position: Position | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BrakeTripped:
    """A limit on the plan that it exceeds: how many, of how many, allowed, and the name that lifts it."""

    name: str
    message: str
    count: int
    of: int
    limit: int
    keys: tuple[Key, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """Something a reader of the plan should know that is no change (a field the server refuses, an unsupported setting)."""

    message: str
    key: Key | None = None
    position: Position | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Everything one apply would do, in order. `digest` covers target, keys, from and to, nothing else.

    `unobserved` says in words what of the target could not be read; `findings` counts the errors met while loading, whose
    documents are held; `lifted` names the brakes that tripped and were lifted by name.
    """

    target: str
    environment: str
    organization_id: str | None
    source: str
    revision: str
    changes: tuple[Change, ...]
    held: tuple[Held, ...] = ()
    brakes: tuple[BrakeTripped, ...] = ()
    notes: tuple[Note, ...] = ()
    unchanged: int = 0
    unobserved: tuple[str, ...] = ()
    findings: int = 0
    lifted: tuple[str, ...] = ()
    digest: str = ""
