"""What a target says about a resource: present, absent (proved), or unknown. Never two-valued."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import NamedTuple, TypeAlias

from reconcile.lazy_dataclass import dataclass
from reconcile.model.canonical import Spec

_NOTHING: Mapping[str, str] = {}


class Present(NamedTuple):
    """A row that was read. `version` is a digest over its desired-role fields; `name` is our slug where the target keeps it.

    `attributes` are facts of the row that nobody declares but assignments select by: businessUnit, group (several with commas).
    `built_in` rows were made by the platform and are never written. A tuple, because a target has tens of thousands of rows.
    """

    kind: str
    external_id: str
    spec: Spec
    version: str
    name: str | None = None
    attributes: Mapping[str, str] = _NOTHING
    built_in: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Absent:
    """Proved not to be there; `proof` says how ("listed all mailboxes")."""

    proof: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown:
    """Could not be told; `why` in one sentence. No function turns this into a change."""

    why: str


Observation: TypeAlias = Present | Absent | Unknown


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservedState:
    """One reading of a target.

    `rows` are all that could be read. `unknown_rows` maps the external id of a row that is listed but could not be read to
    the reason; `unknown_kinds` maps a kind whose listing failed to the reason (then nothing of that kind is proved absent).
    `refers_by_id` tells that a reference between rows (a mailbox's profile) is the other row's external id, not our slug.
    `hidden` maps kind and path to the reason why the target never shows that field (it has no column, is a secret, is moved by the
    product itself): what is declared for it cannot be compared. `origin` says where and when it was read, for people.
    """

    target: str
    organization_id: str | None = None
    tenant_id: str | None = None
    refers_by_id: bool = False
    rows: tuple[Present, ...] = ()
    unknown_rows: Mapping[str, str] = field(default_factory=dict)
    unknown_kinds: Mapping[str, str] = field(default_factory=dict)
    hidden: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    origin: str = ""
