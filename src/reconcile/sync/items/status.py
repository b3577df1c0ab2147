"""What is wrong with the items of a mailbox, as it stands beside what is wrong with its mail. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from reconcile.model.condition import Health
from reconcile.model.item import ItemKind
from reconcile.model.item_aside import ItemAside
from reconcile.model.item_brake import ITEM_DELETIONS, ItemBrake
from reconcile.ports.item_store import ItemLook, ItemPlace
from reconcile.report.counted import counted
from reconcile.report.item_brakes import brake_words
from reconcile.sync.decide.failures import exhausted
from reconcile.sync.status import ENABLE, ItemFinding

_LISTED = "`reconcile status` names them with their reasons; an edit on either side may mend them, and they are tried again by themselves."
_BRAKED = f"the brake {ITEM_DELETIONS} holds its {{kinds}}"
_ELSEWHERE = f"the brake {ITEM_DELETIONS} holds its {{kinds}}: they come from another mailbox than before"
_LET_GO = "`reconcile status` says how many would go; bring them back, or let that number go."
_WHOSE = "Mend the address or its server; if a new mailbox is meant, `reconcile status` says how it is let in."


def item_findings(
    places: Mapping[tuple[str, ItemKind], ItemPlace], asides: Sequence[ItemAside], names: Mapping[str, str], *, counted_too: bool = False
) -> dict[str, ItemFinding]:
    """By mailbox id, the worst of each. `names` are the slugs of mailboxes that take part. `counted_too`: what a brake holds is told with
    its numbers, for who is told of that mailbox alone."""
    found: dict[str, ItemFinding] = _braked({place: one for place, one in sorted(places.items()) if place[0] in names}, counted_too)
    for (mailbox_id, _), place in sorted(places.items()):
        if mailbox_id not in names:
            continue
        one = _finding(place.look, names[mailbox_id])
        if one is not None and (mailbox_id not in found or (found[mailbox_id][0], one[0]) == (Health.WAITING, Health.STALLED)):
            found[mailbox_id] = one
    for mailbox_id in names:
        count = sum(one.mailbox_id == mailbox_id for one in asides)
        if count and mailbox_id not in found:
            found[mailbox_id] = (Health.WAITING, f"{counted(count, 'item')} could not be dealt with", _LISTED, "ItemsAside")
    return found


def _braked(places: Mapping[tuple[str, ItemKind], ItemPlace], counted_too: bool) -> dict[str, ItemFinding]:
    """The same words for whoever has the same trouble, unless `counted_too`: `status` tells the numbers beside. What was released goes
    with the next look."""
    held: dict[str, list[tuple[ItemKind, ItemBrake]]] = {}
    for (mailbox_id, kind), place in places.items():
        if place.brake is not None and not place.released:
            held.setdefault(mailbox_id, []).append((kind, place.brake))
    found = {}
    for mailbox_id, braked in held.items():
        elsewhere = any(brake.other_folder for _, brake in braked)
        same = [(kind, brake) for kind, brake in braked if brake.other_folder is elsewhere]
        kinds = " and ".join(f"{kind}s" for kind, _ in same)
        words = (_ELSEWHERE if elsewhere else _BRAKED).format(kinds=kinds)
        if counted_too:
            words += f" ({'; '.join(brake_words(kind, brake) for kind, brake in same)})"
        found[mailbox_id] = (Health.STALLED, words, _WHOSE if elsewhere else _LET_GO, "ItemDeletions")
    return found


def _finding(look: ItemLook, name: str) -> ItemFinding | None:
    if not look.error:
        return None
    times = "" if look.failures < 2 else f" ({look.failures} times in a row)"
    if _for_a_person(look):
        return Health.STALLED, f"{look.error}{times}", look.hint or ENABLE.format(name=name), look.kind
    return Health.WAITING, f"{look.error}{times}", look.hint, look.kind


def _for_a_person(look: ItemLook) -> bool:
    return look.permanent or exhausted(look.failures)
