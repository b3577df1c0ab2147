"""Ordered changes of a plan, each with its cause and what it means for the mail."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from enum import StrEnum
from typing import TYPE_CHECKING, TypeAlias

from reconcile.lazy_dataclass import dataclass
from reconcile.model.canonical import Leaf, Spec
from reconcile.model.figures import Figures
from reconcile.model.key import Key
from reconcile.model.management import OnRemoval
from reconcile.model.position import Position
from reconcile.model.selection import Selection

if TYPE_CHECKING:
    from reconcile.model.commit import Commit
    from reconcile.model.discovered import Discovered
    from reconcile.model.judgement import Judgement


class Moved(StrEnum):
    """Which side moved since the last apply; ASKED where neither did, EITHER where nothing was applied that could tell."""

    GIT = "changed in git"
    OUTSIDE = "changed outside"
    BOTH = "changed in git and outside"
    NEW = "declared for the first time"
    ASKED = "asked for by a person"
    EITHER = "git or the target moved"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """Why a field differs. `position` is where git declares it; `note` adds who applied what in between, where known. `was_in` is
    the file that declared what is declared no more."""

    moved: Moved
    position: Position | None = None
    note: str = ""
    was_in: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldChange:
    """One field, from the observed to the desired value. Secrets appear as their reference, never as a value."""

    path: str
    before: Leaf
    after: Leaf
    cause: Cause


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretChange:
    """The value behind an unchanged reference is another one than was applied. `before` and `after` are keyed digests."""

    path: str
    reference: str
    before: str
    after: str
    cause: Cause


@dataclass(frozen=True, slots=True, kw_only=True)
class Keep:
    """What the inventory keeps about a row beyond its fields, so that it outlives the document."""

    on_removal: OnRemoval | None = None
    protected: bool = False


KEEP_DEFAULTS = Keep()


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
    keep: Keep = KEEP_DEFAULTS


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
    keep: Keep = KEEP_DEFAULTS


@dataclass(frozen=True, slots=True, kw_only=True)
class Update:
    """Change a row that is ours. Never empty; `previous` is the old key when the slug was renamed.

    `rotated` are secrets whose value changed behind the same reference. `records` are fields of `management` that only the
    inventory keeps. `orphan` tells that the document is gone and the row is made inactive.
    """

    key: Key
    external_id: str
    observed_version: str
    spec: Spec
    fields: tuple[FieldChange, ...]
    previous: Key | None = None
    position: Position | None = None
    references: tuple[Key, ...] = ()
    consequences: tuple[str, ...] = ()
    keep: Keep = KEEP_DEFAULTS
    rotated: tuple[SecretChange, ...] = ()
    records: tuple[FieldChange, ...] = ()
    orphan: bool = False

    def __post_init__(self) -> None:
        if not (self.fields or self.previous is not None or self.rotated or self.records):
            raise ValueError(f"an update of {self.key} that changes nothing")

    @property
    def writes(self) -> bool:
        """Whether the target is written to, or only the inventory."""
        return bool(self.fields or self.previous is not None or self.rotated)


@dataclass(frozen=True, slots=True, kw_only=True)
class Delete:
    """Remove a row. Built only from the inventory: `before` is what we last applied."""

    key: Key
    external_id: str
    observed_version: str
    before: Spec
    cause: Cause
    consequences: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Forget:
    """Drop the inventory's entry; the row, where there still is one, stays as it is and is no longer ours."""

    key: Key
    external_id: str
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


Change: TypeAlias = Create | Adopt | Update | Delete | Forget | Command


class HeldBecause(StrEnum):
    """What kind of obstacle holds a resource; the exit code is computed from it."""

    FINDING = "finding"  # its document is bad
    UNOBSERVED = "unobserved"  # the target could not say whether or how it is there
    AMBIGUOUS = "ambiguous"  # it could be more than one thing
    WAITS = "waits"  # what it refers to is held or missing
    PROTECTED = "protected"  # its document is gone, but it may not go


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A resource that is not touched, and why."""

    key: Key
    reason: str
    because: HeldBecause = HeldBecause.WAITS
    position: Position | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BrakeTripped:
    """A limit on the plan that it exceeds: how many, of how many, allowed, and the name that lifts it.

    `knob` is where the limit is set ("spec.brakes.bulkDelete of Environment/production"), `scope` what it counts over.
    """

    name: str
    message: str
    count: int
    of: int
    limit: int
    keys: tuple[Key, ...]
    knob: str = ""
    scope: str = ""


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
    documents are held; `lifted` names the brakes that tripped and were lifted by name. `commits` maps a file to the commit that last
    touched it; `selection` is the part that was asked for, and `left_out` how many changes it left out; `lasting` says what of a
    revert cannot be undone. `against` is the git revision that took the target's place ("git:main"): such a plan is for reading.
    `figures` is what the changes come to, None in plans of older files; `judgement` what the rules say, None where none was asked.
    `discovered` are servers that Autodiscover named for mailboxes of this plan, where it was asked.
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
    tenant_id: str | None = None
    commits: Mapping[str, Commit] = field(default_factory=dict)
    selection: Selection | None = None
    left_out: int = 0
    lasting: tuple[str, ...] = ()
    against: str = ""
    figures: Figures | None = None
    judgement: Judgement | None = None
    discovered: tuple[Discovered, ...] = ()
    digest: str = ""
