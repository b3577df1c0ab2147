"""What a plan is made with beside desired state, target and inventory. All of it was read before, so that planning stays pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import field

from reconcile.lazy_dataclass import dataclass
from reconcile.model.canonical import Spec
from reconcile.model.key import Key
from reconcile.model.selection import Selection
from reconcile.model.shortfall import Deciding, all_run

#: (external id of a mailbox, from when, until when; "" leaves an end open; instants canonical) → messages, None where unknown.
Count = Callable[[str, str, str], int | None]


def unknown(external_id: str, since: str, before: str) -> None:
    """Nobody counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """`secrets` holds keyed digests of the values behind references that this host can read, by key and path ("incoming.password");
    `not_compared` says why others could not be. `selection` is the part of the plan that is wanted. `adopting` False: the target
    keeps no inventory (a snapshot), so taking over a row that is as declared is no change. `limits` is the spec of the Environment
    whose brakes hold, where that is not the desired one: a change must not loosen the brakes it is measured by. `keys` are the only
    resources that may change, None for all. `deciding` is what our engine would make of the rows; other targets are not asked.
    """

    secrets: Mapping[tuple[Key, str], str] = field(default_factory=dict)
    not_compared: Mapping[tuple[Key, str], str] = field(default_factory=dict)
    count: Count = unknown
    selection: Selection | None = None
    adopting: bool = True
    limits: Spec | None = None
    keys: Collection[Key] | None = None
    deciding: Deciding = all_run


PLAIN = Circumstances()
