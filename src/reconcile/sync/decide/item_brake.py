"""How many deletions one look may carry over, and which actions count as one. Pure.

A folder that was emptied, a server that answers nothing after it was restored, another mailbox behind the address, a filter or an owner
that changed for thousands at once: what follows from them looks like many people deleting at the same moment. Few people do.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

from reconcile.model import instant
from reconcile.model.canonical import Leaf
from reconcile.model.item_brake import ItemBrake, ItemLimit
from reconcile.model.item_link import LinkState
from reconcile.sync.decide.two_way import Action, Case, DeleteOurs, DeleteTheirs, Part, Theirs


class Loss(StrEnum):
    """What would go."""

    HERE = "here"  # a record
    THERE = "there"  # an item in the mailbox
    PARTED = "parted"  # a record keeps, but for ever without its item


def item_limit(environment: Mapping[str, Leaf], *, name: str) -> ItemLimit:
    """From an Environment's applied spec."""
    usual = ItemLimit()

    def number(leaf: str, default: int) -> int:
        found = environment.get(f"brakes.itemDeletions.{leaf}")
        return found if isinstance(found, int) and not isinstance(found, bool) else default

    knob = f"spec.brakes.itemDeletions of Environment/{name}"
    return ItemLimit(count=number("count", usual.count), percent=number("percent", usual.percent), knob=knob)


def loss_of(action: Action, case: Case) -> Loss | None:
    """None where nothing is lost: what only left a filter or a folder comes back, what was apart is kept in step no less, and a tie to what
    both sides deleted is worth nothing."""
    match action:
        case DeleteOurs():
            return Loss.HERE
        case DeleteTheirs():
            return Loss.THERE
        case Part(state=LinkState.PARTED) if case.theirs is Theirs.DELETED:
            return Loss.PARTED if case.link is not None and case.link.state is LinkState.LINKED else None
        case _:
            return None


def braked(losses: Mapping[int, Loss], *, linked: int, limit: ItemLimit, released: int, now: datetime) -> ItemBrake | None:
    """Why they may not go; None where they may. `linked` is how many pairs there are, `released` the number that somebody let go."""
    of = max(linked, len(losses))
    most = limit.of(of)
    if len(losses) <= max(most, released):
        return None
    counts = {loss: sum(one is loss for one in losses.values()) for loss in Loss}
    return ItemBrake(
        since=instant.text(now.replace(microsecond=0)),
        here=counts[Loss.HERE],
        there=counts[Loss.THERE],
        parted=counts[Loss.PARTED],
        of=of,
        limit=most,
        knob=limit.knob,
    )


def braked_by_folder(folder: str, *, linked: int, limit: ItemLimit, released: int, now: datetime) -> ItemBrake | None:
    """The folder is another one than the pairs were made with: none of them is believed to be there. `released` for this one."""
    if linked <= released:
        return None
    since = instant.text(now.replace(microsecond=0))
    return ItemBrake(since=since, parted=linked, of=linked, limit=0, knob=limit.knob, other_folder=True, folder=folder)
