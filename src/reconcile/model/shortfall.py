"""What a mailbox is asked to do and will not do, as the mail engine decides it. Its words travel from that decision to plans."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from enum import StrEnum

from reconcile.lazy_dataclass import dataclass
from reconcile.model.canonical import Spec
from reconcile.model.key import Key


class Effect(StrEnum):
    """What a mailbox is declared for."""

    INCOMING = "incoming"
    OUTGOING = "outgoing"
    APPOINTMENTS = "appointmentsContactsTasks"
    MOVING = "moveUndeliveredEmails"
    FOLDERS = "trackedFolders"


@dataclass(frozen=True, slots=True, kw_only=True)
class FutureRow:
    """A row of the target as it will be when the plan is carried out; `key` is unique among them."""

    key: Key
    spec: Spec


@dataclass(frozen=True, slots=True, kw_only=True)
class Shortfall:
    """`mailbox` does not get `effect`. `field` of `owner` (the mailbox itself, its profile, the organization) says why."""

    mailbox: Key
    effect: Effect
    owner: Key
    field: str
    type: str
    message: str


#: (every row a decision looks at, the mailboxes to decide) → what these will not do.
Deciding = Callable[[Sequence[FutureRow], Collection[Key]], Sequence[Shortfall]]


def all_run(rows: Sequence[FutureRow], mailboxes: Collection[Key]) -> Sequence[Shortfall]:
    """Of a target that does what it is told."""
    return ()
