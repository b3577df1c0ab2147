"""One declared thing in canonical form, and where each of its fields was written."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field
from enum import StrEnum
from typing import NamedTuple

from reconcile.lazy_dataclass import dataclass
from reconcile.model.canonical import Spec
from reconcile.model.finding import Finding
from reconcile.model.key import Key
from reconcile.model.management import UNMANAGED, Management
from reconcile.model.policy_declared import PolicyDeclared
from reconcile.model.position import Position


class Lifecycle(StrEnum):
    """Who writes a resource: we (managed), somebody else (external: referred to, never written), or one per organization."""

    MANAGED = "managed"
    EXTERNAL = "external"
    SINGLETON = "singleton"


_NO_TEXTS: Mapping[str, str] = {}
_NOT_ASSIGNED: Mapping[str, Key] = {}


class Resource(NamedTuple):
    """`spec` holds what was declared, by the document itself or by an assignment.

    `assigned` maps each path that an assignment set to the key of that assignment. `references` are the keys this resource needs
    on the target first. `external_id` names a row that exists on the target only and is taken over by an assignment. A tuple,
    because an estate has tens of thousands of them.
    """

    key: Key
    spec: Spec
    position: Position
    labels: Mapping[str, str] = _NO_TEXTS
    annotations: Mapping[str, str] = _NO_TEXTS
    lifecycle: Lifecycle = Lifecycle.MANAGED
    references: tuple[Key, ...] = ()
    management: Management = UNMANAGED
    assigned: Mapping[str, Key] = _NOT_ASSIGNED
    external_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DesiredState:
    """What git says at one revision, for one environment.

    `held` are keys that were seen but must not be touched because their file or document is bad (or what they depend on
    is), with the reason; `held_files` are paths of files that could not be read to their end, or hold a bad document (which
    may hide a rename or a move): inventory entries that came from there are held too, and while there are any, nothing is
    proved to be gone. `doubts` say which assignments are out of use and might cover rows of the target. `policies` are the
    sound documents about the rules, which hold nothing. `locate` finds the place of a field of a resource again (path as in
    the canonical spec, "" for the document).
    """

    source: str
    revision: str
    environment: str
    resources: Mapping[Key, Resource]
    findings: tuple[Finding, ...] = ()
    held: Mapping[Key, str] = field(default_factory=dict)
    held_files: Mapping[str, str] = field(default_factory=dict)
    doubts: tuple[str, ...] = ()
    policies: Mapping[Key, PolicyDeclared] = field(default_factory=dict)
    locate: Callable[[Key, str], Position] = field(repr=False)
